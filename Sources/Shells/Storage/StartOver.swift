import MessageFormat

/// The intention to throw a log away and to begin another one in its place, written down before
/// the first file goes: whoever finds it finishes what it says.
///
/// | at | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic `APSO` |
/// | 4 | 2 | format version, 1 |
/// | 6 | 2 | reserved, 0 |
/// | 8 | 8 | identity of the new log |
/// | 16 | 8 | bytes of a segment of it |
/// | 24 | 8 | where it starts, the start of a segment |
/// | 32 | 4 | CRC-32C of the bytes before |
struct StartOver: Hashable, Sendable {
    static let fileName = "log-start-over"
    private static let count = 36
    private static let magic = UInt32(0x4150_534F)
    private static let version = UInt16(1)

    let identity: LogIdentity
    let base: PhysicalOffset

    init(identity: LogIdentity, base: PhysicalOffset) throws(StorageError) {
        guard LogIdentity.isSegmentSize(identity.segmentBytes) else {
            throw .wrongSegmentSize(bytes: identity.segmentBytes)
        }
        guard identity.logID != 0, base >= .zero,
            base.bytes % Int64(identity.segmentBytes) == 0
        else {
            throw .outOfSegment(position: base, count: 0, segmentBytes: identity.segmentBytes)
        }
        self.identity = identity
        self.base = base
    }

    /// From here on the old log is gone, whatever happens.
    func announce(in paths: LogPaths) throws(StorageError) {
        try Directory.replace(Self.fileName, in: paths.root, with: self.encoded)
    }

    /// Does what was announced; again from the start when a crash cut it off.
    func finish(in paths: LogPaths) throws(StorageError) {
        for directory in [paths.index, paths.commitLog] {
            for name in try Directory.names(in: directory) {
                try Directory.delete("\(directory)/\(name)")
            }
            try Directory.flush(directory)
        }
        _ = try OpenFile(paths.segment(self.base), .create)
        try Directory.flush(paths.commitLog)
        try Directory.replace(LogIdentity.fileName, in: paths.root, with: self.identity.encoded)
        try Directory.delete("\(paths.root)/\(Self.fileName)")
        try Directory.flush(paths.root)
    }

    private var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: Self.version)
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: self.identity.logID)
        bytes.append(bigEndian: UInt64(self.identity.segmentBytes))
        bytes.append(bigEndian: self.base.bytes)
        bytes.append(bigEndian: bytes.withUnsafeBytes { Checksum.crc32c($0) })
        return bytes
    }

    /// What was announced and not finished; nil when nothing was.
    static func announced(in paths: LogPaths) throws(StorageError) -> StartOver? {
        let path = "\(paths.root)/\(Self.fileName)"
        guard Directory.exists(path) else { return nil }
        let bytes = try OpenFile(path, .read).readAll(bytesMax: Self.count + 1)
        guard bytes.count == Self.count else {
            throw .damagedIdentity(
                path: path, reason: "\(bytes.count) bytes instead of \(Self.count)")
        }
        return try bytes.withRawBytes { (bytes) throws(StorageError) in
            try Self(parsing: bytes, path: path)
        }
    }

    private init(parsing bytes: UnsafeRawBufferPointer, path: String) throws(StorageError) {
        guard Checksum.crc32c(bytes.slice(0..<32)) == bytes.bigEndian(UInt32.self, at: 32) else {
            throw .damagedIdentity(path: path, reason: "wrong checksum")
        }
        let version = bytes.bigEndian(UInt16.self, at: 4)
        guard bytes.bigEndian(UInt32.self, at: 0) == Self.magic, version == Self.version else {
            throw .damagedIdentity(path: path, reason: "unknown format version \(version)")
        }
        let identity = LogIdentity(
            logID: bytes.bigEndian(UInt64.self, at: 8),
            segmentBytes: Int(clamping: bytes.bigEndian(Int64.self, at: 16)))
        try self.init(
            identity: identity, base: PhysicalOffset(bytes.bigEndian(Int64.self, at: 24)))
    }
}
