/// Turns a fuzzer's bytes into choices. At their end it goes on with zeroes.
package struct ByteCursor {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package var isAtEnd: Bool { self.at >= self.bytes.count }

    package mutating func byte() -> UInt8 {
        guard !self.isAtEnd else { return 0 }
        defer { self.at += 1 }
        return self.bytes[self.at]
    }

    /// Up to `count` bytes.
    package mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        let end = min(self.at + count, self.bytes.count)
        defer { self.at = end }
        return UnsafeRawBufferPointer(rebasing: self.bytes[self.at..<end])
    }

    package mutating func rest() -> UnsafeRawBufferPointer { self.take(self.bytes.count) }

    package mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int(self.byte()) % choices.count]
    }
}
