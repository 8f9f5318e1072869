internal import MessageFormat

/// One entry of a spool file.
///
/// magic u32 | version u8 | kind u8 | zero u16 | segment u64 | position u64 | sequence u64 |
/// payload length u32 | CRC-32C of the payload u32 | CRC-32C of all before u32 | payload.
///
/// The header has a checksum of its own, so that the length can be trusted when the payload cannot;
/// and says where it belongs, so that a record inside a message's body is not taken for one.
package enum SpoolRecord: Hashable, Sendable {
    case message(SpooledMessage)
    /// These messages are stored by a broker, or set aside: they are not to be sent again.
    case done([UInt64])

    package static let headerBytes = 44
    package static let payloadBytesMax = 16 << 20
    static let magic = UInt32(0x4153_5052)
    static let version = UInt8(1)

    package func encoded(segment: UInt64, position: Int) -> [UInt8] {
        let payload = self.payload
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + payload.count)
        bytes.append(bigEndian: Self.magic)
        bytes.append(Self.version)
        bytes.append(self.kind)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: segment)
        bytes.append(bigEndian: UInt64(position))
        bytes.append(bigEndian: self.sequence)
        bytes.append(bigEndian: UInt32(payload.count))
        bytes.append(bigEndian: payload.withUnsafeBytes { Checksum.crc32c($0) })
        bytes.append(bigEndian: bytes.withUnsafeBytes { Checksum.crc32c($0) })
        return bytes + payload
    }

    package var encodedCount: Int { Self.headerBytes + self.payloadCount }

    /// The record at `position` of a segment's bytes, and its length.
    package static func read(
        _ bytes: UnsafeRawBufferPointer, at position: Int, segment: UInt64
    ) throws(SpoolRecordError) -> (record: Self, count: Int) {
        let header = try SpoolRecordHeader(bytes, at: position, segment: segment)
        let start = position + Self.headerBytes
        guard bytes.count - start >= header.payloadCount else { throw .truncated }
        let payload = bytes.slice(start..<(start + header.payloadCount))
        let count = Self.headerBytes + header.payloadCount
        guard Checksum.crc32c(payload) == header.payloadChecksum else {
            throw .damaged(sequence: header.sequence, count: count)
        }
        return (try Self(payload, header), count)
    }

    /// The record that was read from its place, and nothing else.
    package static func read(
        _ bytes: UnsafeRawBufferPointer, from place: SpoolPlace
    ) throws(SpoolRecordError) -> Self {
        let header = try SpoolRecordHeader(
            bytes, at: 0, segment: place.segment, position: place.position)
        let payload = bytes.slice(Self.headerBytes..<bytes.count)
        guard payload.count == header.payloadCount else { throw .truncated }
        guard Checksum.crc32c(payload) == header.payloadChecksum else {
            throw .damaged(sequence: header.sequence, count: bytes.count)
        }
        return try Self(payload, header)
    }

    private var kind: UInt8 {
        switch self {
        case .message: 1
        case .done: 2
        }
    }

    private var sequence: UInt64 {
        switch self {
        case .message(let message): message.sequence
        case .done: 0
        }
    }
}

/// The part of a record that says how long it is.
struct SpoolRecordHeader {
    let kind: UInt8
    let sequence: UInt64
    let payloadCount: Int
    let payloadChecksum: UInt32

    init(
        _ bytes: UnsafeRawBufferPointer, at position: Int, segment: UInt64
    ) throws(SpoolRecordError) {
        try self.init(bytes, at: position, segment: segment, position: position)
    }

    /// - Parameter place: where in its segment the record was written.
    init(
        _ bytes: UnsafeRawBufferPointer, at position: Int, segment: UInt64, position place: Int
    ) throws(SpoolRecordError) {
        guard bytes.count - position >= SpoolRecord.headerBytes else { throw .truncated }
        let header = bytes.slice(position..<(position + SpoolRecord.headerBytes))
        guard header.bigEndian(UInt32.self, at: 0) == SpoolRecord.magic,
            header.bigEndian(UInt32.self, at: 40) == Checksum.crc32c(header.slice(0..<40))
        else { throw .notARecord }
        guard header[4] == SpoolRecord.version else { throw .wrongVersion(header[4]) }
        guard header.bigEndian(UInt64.self, at: 8) == segment,
            header.bigEndian(UInt64.self, at: 16) == UInt64(place)
        else { throw .misplaced }
        self.kind = header[5]
        self.sequence = header.bigEndian(UInt64.self, at: 24)
        self.payloadCount = Int(header.bigEndian(UInt32.self, at: 32))
        self.payloadChecksum = header.bigEndian(UInt32.self, at: 36)
        guard self.payloadCount <= SpoolRecord.payloadBytesMax else {
            throw .illegalValue(field: "length")
        }
    }
}
