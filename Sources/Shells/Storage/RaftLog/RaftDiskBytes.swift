import MessageFormat

/// Takes values out of bytes from a disk; nil where there are too few.
struct RaftDiskBytes {
    private let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    var isAtEnd: Bool { self.position == self.bytes.endIndex }

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        guard let taken = self.take(MemoryLayout<T>.size) else { return nil }
        return taken.reduce(0) { $0 << 8 | T($1) }
    }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= self.bytes.endIndex - self.position else { return nil }
        defer { self.position += count }
        return self.bytes[self.position..<(self.position + count)]
    }

    /// A count of four bytes, then as many bytes.
    mutating func counted() -> [UInt8]? {
        guard let count = self.integer(UInt32.self), let bytes = self.take(Int(count)) else {
            return nil
        }
        return Array(bytes)
    }
}

extension [UInt8] {
    mutating func append(counted bytes: some Collection<UInt8>) {
        self.append(bigEndian: UInt32(bytes.count))
        self.append(contentsOf: bytes)
    }

    /// The checksum of everything that is here, behind it.
    mutating func appendChecksum() {
        self.append(bigEndian: self.withUnsafeBytes { Checksum.crc32c($0) })
    }

    /// Whether the last four bytes are the checksum of those before.
    var hasValidChecksum: Bool {
        guard self.count >= 4 else { return false }
        return self.withUnsafeBytes { bytes in
            Checksum.crc32c(bytes.slice(0..<(bytes.count - 4)))
                == bytes.bigEndian(UInt32.self, at: bytes.count - 4)
        }
    }
}
