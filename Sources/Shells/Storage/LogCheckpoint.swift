import Logging
package import MessageFormat

/// What a broker knew about its group when it last wrote it down: lower bounds, maybe old ones.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `APCP` |
/// | 4 | 2 | format version, 1 |
/// | 6 | 2 | reserved, 0 |
/// | 8 | 8 | identity of the log |
/// | 16 | 8 | confirm offset in it |
/// | 24 | 4 | highest master epoch that was obeyed |
/// | 28 | 4 | CRC-32C of the bytes before |
package struct LogCheckpoint: Hashable, Sendable {
    static let fileName = "confirmed"
    private static let count = 32
    private static let magic = UInt32(0x4150_4350)
    private static let version = UInt16(1)

    package var logID: UInt64
    /// Everything before it is on every member of the SyncStateSet.
    package var confirmed: PhysicalOffset
    package var masterEpoch: Epoch

    package init(logID: UInt64, confirmed: PhysicalOffset, masterEpoch: Epoch) {
        self.logID = logID
        self.confirmed = confirmed
        self.masterEpoch = masterEpoch
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: self.logID)
        bytes.append(bigEndian: self.confirmed.bytes)
        bytes.append(bigEndian: self.masterEpoch.value)
        bytes.append(bigEndian: bytes.withUnsafeBytes { Checksum.crc32c($0) })
        return bytes
    }

    init(parsing bytes: [UInt8], path: String) throws(StorageError) {
        guard bytes.count == Self.count else {
            throw .damagedIdentity(
                path: path, reason: "\(bytes.count) bytes instead of \(Self.count)")
        }
        self = try bytes.withRawBytes { (bytes) throws(StorageError) in
            try Self(parsing: bytes, path: path)
        }
    }

    private init(parsing bytes: UnsafeRawBufferPointer, path: String) throws(StorageError) {
        guard Checksum.crc32c(bytes.slice(0..<28)) == bytes.bigEndian(UInt32.self, at: 28) else {
            throw .damagedIdentity(path: path, reason: "wrong checksum")
        }
        let version = bytes.bigEndian(UInt16.self, at: 4)
        guard bytes.bigEndian(UInt32.self, at: 0) == Self.magic, version == Self.version else {
            throw .damagedIdentity(path: path, reason: "unknown format version \(version)")
        }
        self.init(
            logID: bytes.bigEndian(UInt64.self, at: 8),
            confirmed: PhysicalOffset(max(0, bytes.bigEndian(Int64.self, at: 16))),
            masterEpoch: Epoch(bytes.bigEndian(UInt32.self, at: 24)))
    }
}

extension LogStore {
    /// The last checkpoint; nil when there is none. A damaged one says nothing and is reported.
    package func readCheckpoint() throws(StorageError) -> LogCheckpoint? {
        guard let bytes = try self.readFile(LogCheckpoint.fileName) else { return nil }
        do throws(StorageError) {
            return try LogCheckpoint(
                parsing: bytes, path: "\(self.directory)/\(LogCheckpoint.fileName)")
        } catch {
            self.logger.warning("the checkpoint is of no use", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Replaces the checkpoint, durably and at once. Slow: two flushes.
    package func writeCheckpoint(_ checkpoint: LogCheckpoint) throws(StorageError) {
        try self.replaceFile(LogCheckpoint.fileName, with: checkpoint.encoded)
    }
}
