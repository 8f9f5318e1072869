/// Walks over a properties string without building anything.
package enum PropertyScan {
    /// Calls `body` with the bytes of each name and value.
    @inline(__always)
    package static func forEach(
        in properties: UnsafeRawBufferPointer,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) {
        var start = 0
        while start < properties.count {
            var separator = Self.nextControl(in: properties, from: start)
            while separator < properties.count, properties[separator] == 0 {
                separator = Self.nextControl(in: properties, from: separator + 1)
            }
            guard separator < properties.count else { return }
            var end = separator
            if properties[separator] == 1 {
                repeat {
                    end = Self.nextControl(in: properties, from: end + 1)
                } while end < properties.count && properties[end] != 2
                if separator > start, end > separator + 1 {
                    body(
                        properties.slice(start..<separator),
                        properties.slice((separator + 1)..<end))
                }
            }
            start = end + 1
        }
    }

    /// The place of the next byte below 3 (both separators are), or the end.
    private static func nextControl(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        // Eight bytes at a time: the lowest high bit that stays set stands in the first such byte.
        while at &+ 8 <= bytes.count {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let found = (word &- 0x0303_0303_0303_0303) & ~word & 0x8080_8080_8080_8080
            if found != 0 { return at &+ found.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < bytes.count, bytes[at] > 2 { at &+= 1 }
        return min(at, bytes.count)
    }

    package static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        let wanted = UnsafeRawBufferPointer(start: text.utf8Start, count: bytes.count)
        var at = 0
        while at &+ 8 <= bytes.count {
            guard
                bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                    == wanted.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            else { return false }
            at &+= 8
        }
        while at < bytes.count {
            guard bytes[at] == wanted[at] else { return false }
            at &+= 1
        }
        return true
    }
}
