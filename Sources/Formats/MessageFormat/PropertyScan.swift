/// Walks over a properties string without building anything.
package enum PropertyScan {
    /// Calls `body` with the bytes of each name and value.
    package static func forEach(
        in properties: UnsafeRawBufferPointer,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) {
        var start = 0
        var separator = -1
        for at in 0...properties.count {
            let byte = at < properties.count ? properties[at] : 2
            if byte == 1, separator < 0 {
                separator = at
            } else if byte == 2 {
                if separator > start, at > separator + 1 {
                    body(
                        properties.slice(start..<separator),
                        properties.slice((separator + 1)..<at))
                }
                start = at + 1
                separator = -1
            }
        }
    }

    package static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount
            && bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: bytes.count))
    }
}
