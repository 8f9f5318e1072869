import MessageFormat

/// What is written and flushed at once, with the bytes that prove it whole and in its place.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `APRB` |
/// | 4 | 4 | length of the payload |
/// | 8 | 8 | the frame's own position in the file |
/// | 16 | 4 | CRC-32C of bytes 0..<16 and the payload |
/// | 20 | 4 | reserved, 0 |
/// | 24 | | payload, then zeros up to a multiple of 8 |
struct RaftFrame {
    static let alignment = 8
    private static let headerCount = 24
    private static let magic = UInt32(0x4150_5242)

    let payload: ArraySlice<UInt8>
    /// Where the next frame begins.
    let end: Int

    static func encode(_ records: [RaftRecord], at position: Int) -> [UInt8] {
        var payload: [UInt8] = []
        for record in records { record.encode(into: &payload) }
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: UInt32(payload.count))
        bytes.append(bigEndian: UInt64(position))
        bytes.append(bigEndian: Self.checksum(of: bytes[...], payload[...]))
        bytes.append(bigEndian: UInt32(0))
        bytes += payload
        bytes += [UInt8](repeating: 0, count: Self.padding(payload.count))
        return bytes
    }

    /// Nil when there is no whole frame at `position`.
    init?(in file: [UInt8], at position: Int) {
        var header = RaftDiskBytes(file[position...])
        guard header.integer(UInt32.self) == Self.magic,
            let count = header.integer(UInt32.self).map({ Int($0) }),
            header.integer(UInt64.self) == UInt64(position),
            let checksum = header.integer(UInt32.self), header.integer(UInt32.self) == 0,
            let payload = header.take(count),
            header.take(Self.padding(count))?.allSatisfy({ $0 == 0 }) ?? false
        else { return nil }
        let head = file[position..<(position + 16)]
        guard checksum == Self.checksum(of: head, payload) else { return nil }
        self.payload = payload
        self.end = header.position
    }

    /// Whether a whole frame lies anywhere behind `position`: then what is at `position` was
    /// written and flushed before, and is damaged, not torn.
    static func isThereOne(in file: [UInt8], behind position: Int) -> Bool {
        stride(from: position + Self.alignment, to: file.count, by: Self.alignment)
            .contains { Self(in: file, at: $0) != nil }
    }

    private static func padding(_ count: Int) -> Int {
        (Self.alignment - (Self.headerCount + count) % Self.alignment) % Self.alignment
    }

    private static func checksum(of head: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>) -> UInt32
    {
        let seed = head.withUnsafeBytes { Checksum.crc32c($0) }
        return payload.withUnsafeBytes { Checksum.crc32c($0, seed: seed) }
    }
}
