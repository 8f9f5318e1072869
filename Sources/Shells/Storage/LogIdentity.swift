import MessageFormat

/// What makes a log this log: drawn once, kept in `log-identity`, repeated in every batch.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `APID` |
/// | 4 | 2 | format version, 1 |
/// | 6 | 2 | reserved, 0 |
/// | 8 | 8 | identity of the log |
/// | 16 | 8 | bytes of a segment |
/// | 24 | 4 | CRC-32C of the bytes before |
struct LogIdentity: Hashable, Sendable {
    static let fileName = "log-identity"
    static let count = 28
    private static let magic = UInt32(0x4150_4944)
    private static let version = UInt16(1)

    let logID: UInt64
    let segmentBytes: Int

    /// A segment size is a multiple of the block size, so that segments start on block borders.
    static func isSegmentSize(_ bytes: Int) -> Bool { bytes >= 4096 && bytes % 4096 == 0 }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: self.logID)
        bytes.append(bigEndian: UInt64(self.segmentBytes))
        bytes.append(bigEndian: bytes.withUnsafeBytes { Checksum.crc32c($0) })
        return bytes
    }

    static func read(_ path: String) throws(StorageError) -> Self {
        let bytes = try OpenFile(path, .read).readAll(bytesMax: Self.count + 1)
        guard bytes.count == Self.count else {
            throw .damagedIdentity(
                path: path, reason: "\(bytes.count) bytes instead of \(Self.count)")
        }
        return try bytes.withRawBytes { (bytes) throws(StorageError) in
            try Self(parsing: bytes, path: path)
        }
    }

    init(logID: UInt64, segmentBytes: Int) {
        self.logID = logID
        self.segmentBytes = segmentBytes
    }

    private init(parsing bytes: UnsafeRawBufferPointer, path: String) throws(StorageError) {
        let found = Checksum.crc32c(bytes.slice(0..<24))
        guard found == bytes.bigEndian(UInt32.self, at: 24) else {
            throw .damagedIdentity(path: path, reason: "wrong checksum")
        }
        guard bytes.bigEndian(UInt32.self, at: 0) == Self.magic else {
            throw .damagedIdentity(path: path, reason: "wrong magic")
        }
        let version = bytes.bigEndian(UInt16.self, at: 4)
        guard version == Self.version else {
            throw .damagedIdentity(path: path, reason: "unknown format version \(version)")
        }
        let segmentBytes = bytes.bigEndian(Int64.self, at: 16)
        guard Self.isSegmentSize(Int(segmentBytes)) else {
            throw .damagedIdentity(path: path, reason: "segment size \(segmentBytes)")
        }
        self.init(
            logID: bytes.bigEndian(UInt64.self, at: 8), segmentBytes: Int(segmentBytes))
    }
}
