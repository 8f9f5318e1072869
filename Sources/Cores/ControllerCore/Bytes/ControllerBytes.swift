import MessageFormat

/// Bytes that are no command or snapshot of controllers, or one of a newer version.
package struct ControllerBytesError: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Reads values in network order; every length is checked before it is believed.
struct ControllerBytesReader {
    private let bytes: [UInt8]
    private var at: Int
    private let end: Int

    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        self.at = range.lowerBound
        self.end = range.upperBound
    }

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self)
        throws(ControllerBytesError)
        -> T
    {
        let count = T.bitWidth / 8
        guard self.end - self.at >= count else {
            throw ControllerBytesError("the bytes end at \(self.end), inside a value")
        }
        var value: T = 0
        for byte in self.bytes[self.at..<(self.at + count)] {
            value = T.bitWidth == 8 ? T(truncatingIfNeeded: byte) : value << 8 | T(byte)
        }
        self.at += count
        return value
    }

    mutating func text() throws(ControllerBytesError) -> String {
        let count = Int(try self.integer(UInt16.self))
        guard self.end - self.at >= count else {
            throw ControllerBytesError("a text of \(count) bytes does not fit")
        }
        guard let text = String(validating: self.bytes[self.at..<(self.at + count)], as: UTF8.self)
        else { throw ControllerBytesError("a text is not UTF-8") }
        self.at += count
        return text
    }

    mutating func bool() throws(ControllerBytesError) -> Bool {
        switch try self.integer(UInt8.self) {
        case 0: return false
        case 1: return true
        case let byte: throw ControllerBytesError("\(byte) is neither true nor false")
        }
    }

    mutating func epoch() throws(ControllerBytesError) -> Epoch {
        Epoch(try self.integer(UInt32.self))
    }

    mutating func position() throws(ControllerBytesError) -> PhysicalOffset {
        let value = try self.integer(Int64.self)
        guard value >= 0 else { throw ControllerBytesError("the position \(value) is negative") }
        return PhysicalOffset(value)
    }

    mutating func optional<T>(
        _ read: (inout Self) throws(ControllerBytesError) -> T
    ) throws(ControllerBytesError) -> T? {
        try self.bool() ? try read(&self) : nil
    }

    mutating func list<T>(
        countMax: Int, _ read: (inout Self) throws(ControllerBytesError) -> T
    ) throws(ControllerBytesError) -> [T] {
        let count = Int(try self.integer(UInt16.self))
        guard count <= countMax else {
            throw ControllerBytesError("a list of \(count), at most \(countMax) are possible")
        }
        var items: [T] = []
        for _ in 0..<count { items.append(try read(&self)) }
        return items
    }

    mutating func ids() throws(ControllerBytesError) -> [Int64] {
        try self.list(countMax: ControllerBytes.listMax) { reader throws(ControllerBytesError) in
            try reader.integer(Int64.self)
        }
    }

    func finish() throws(ControllerBytesError) {
        guard self.at == self.end else {
            throw ControllerBytesError("\(self.end - self.at) bytes are left over")
        }
    }
}

/// The writing side. Texts and lists that are too long for their count are cut off nowhere: their
/// owners refuse them before.
struct ControllerBytesWriter {
    private(set) var bytes: [UInt8] = []

    mutating func integer<T: FixedWidthInteger>(_ value: T) { self.bytes.append(bigEndian: value) }

    mutating func text(_ text: String) {
        precondition(text.utf8.count <= Int(UInt16.max), "a text is bounded where it comes in")
        self.integer(UInt16(text.utf8.count))
        self.bytes.append(contentsOf: text.utf8)
    }

    mutating func bool(_ isTrue: Bool) { self.integer(UInt8(isTrue ? 1 : 0)) }

    mutating func optional<T>(_ value: T?, _ write: (inout Self, T) -> Void) {
        self.bool(value != nil)
        if let value { write(&self, value) }
    }

    mutating func list<T>(_ items: [T], _ write: (inout Self, T) -> Void) {
        precondition(items.count <= Int(UInt16.max), "a list is bounded where it comes in")
        self.integer(UInt16(items.count))
        for item in items { write(&self, item) }
    }

    mutating func ids(_ ids: [Int64]) { self.list(ids) { $0.integer($1) } }
}

enum ControllerBytes {
    /// Ids in one list: what a SyncStateSet on the wire may have at most.
    static let listMax = 1_024
}
