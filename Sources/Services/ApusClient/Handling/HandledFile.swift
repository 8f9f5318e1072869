import MessageFormat
import Synchronization

/// Remembers the keys of handled messages in two files of a directory, the newest `keysMax` at
/// least.
///
/// Keys are appended and flushed, those that come together with one flush; when the newer file holds
/// `keysMax` keys, the older one is replaced by it. All keys are in memory too. One process at a time
/// can open a directory.
public final class HandledFile: HandledStore {
    private let keys: Mutex<HandledKeys>
    private let disk: Mutex<HandledDisk>
    private let inbox = HandledInbox<FileError>()

    /// Reads what is there. What an earlier process was writing when it died is cut off.
    public init(directory: String, keysMax: Int = 1_000_000) throws(ApusClientError) {
        do throws(FileError) {
            var disk = try HandledDisk(directory)
            let keys = HandledKeys(
                older: try disk.read(.older), newer: try disk.read(.newer),
                keysMax: max(1, keysMax))
            self.keys = Mutex(keys)
            self.disk = Mutex(disk)
        } catch {
            throw ApusClientError(
                .invalidArgument, "the store in \(directory) cannot be opened: \(error)",
                cause: error)
        }
    }

    public func contains(_ key: String) async -> Bool { self.keys.withLock { $0.contains(key) } }

    public func insert(_ key: String) async throws(ApusClientError) {
        do throws(FileError) {
            try await self.inbox.insert(key) { [unowned self] in self.write($0) }
        } catch {
            throw ApusClientError(
                .notDurable, "a handled message cannot be remembered: \(error)", cause: error)
        }
    }

    private func write(_ keys: [String]) -> Result<Void, FileError> {
        let isFull = self.keys.withLock { $0.isFull }
        let result = self.disk.withLock { disk in
            Result { () throws(FileError) in
                if isFull { try disk.turnOver() }
                try disk.append(keys)
            }
        }
        guard case .success = result else { return result }
        self.keys.withLock { known in
            if isFull { known.turnOver() }
            for key in keys { known.insert(key) }
        }
        return result
    }
}

private struct HandledKeys: Sendable {
    private var older: Set<String>
    private var newer: Set<String>
    private let keysMax: Int

    init(older: [String], newer: [String], keysMax: Int) {
        self.older = Set(older)
        self.newer = Set(newer)
        self.keysMax = keysMax
    }

    var isFull: Bool { self.newer.count >= self.keysMax }

    func contains(_ key: String) -> Bool { self.newer.contains(key) || self.older.contains(key) }

    mutating func insert(_ key: String) { self.newer.insert(key) }

    mutating func turnOver() {
        self.older = self.newer
        self.newer = []
    }
}

/// Each record: length u32 | CRC-32C of the key u32 | key.
private struct HandledDisk {
    enum Age: String { case newer, older }

    private let directory: String
    private let lock: DurableFile
    private var file: DurableFile
    private var end = 0
    /// After a failure nothing is written any more: what a second flush says would be no proof.
    private var failure: FileError?

    private static let headerBytes = 8
    private static let keyBytesMax = 1 << 20

    init(_ directory: String) throws(FileError) {
        try FileDirectory.make(directory)
        let path = "\(directory)/LOCK"
        guard let lock = try DurableFile.lock(path) else { throw .inUse(path) }
        self.directory = directory
        self.lock = lock
        self.file = try DurableFile.write("\(directory)/\(Age.newer.rawValue)")
        try FileDirectory.flush(directory)
    }

    mutating func read(_ age: Age) throws(FileError) -> [String] {
        let path = "\(self.directory)/\(age.rawValue)"
        guard try FileDirectory.names(in: self.directory).contains(age.rawValue) else { return [] }
        let file = try DurableFile.read(path)
        let bytes = try file.bytes(at: 0, count: try file.count)
        var keys: [String] = []
        var end = 0
        bytes.withUnsafeBytes { bytes in
            while let (key, count) = Self.record(bytes, at: end) {
                keys.append(key)
                end += count
            }
        }
        if age == .newer { self.end = end }
        return keys
    }

    private static func record(
        _ bytes: UnsafeRawBufferPointer, at position: Int
    ) -> (key: String, count: Int)? {
        guard bytes.count - position >= Self.headerBytes else { return nil }
        let count = Int(bytes.bigEndian(UInt32.self, at: position))
        let start = position + Self.headerBytes
        guard count <= Self.keyBytesMax, bytes.count - start >= count else { return nil }
        let key = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)])
        guard bytes.bigEndian(UInt32.self, at: position + 4) == Checksum.crc32c(key),
            count > 0, let text = String(validating: key, as: UTF8.self)
        else { return nil }
        return (text, Self.headerBytes + count)
    }

    mutating func append(_ keys: [String]) throws(FileError) {
        if let failure { throw failure }
        var bytes: [UInt8] = []
        for key in keys where !key.isEmpty && key.utf8.count <= Self.keyBytesMax {
            let text = Array(key.utf8)
            bytes.append(bigEndian: UInt32(text.count))
            bytes.append(bigEndian: text.withUnsafeBytes { Checksum.crc32c($0) })
            bytes += text
        }
        do throws(FileError) {
            try self.file.write(bytes, at: self.end)
            try self.file.flush()
        } catch {
            self.failure = error
            throw error
        }
        self.end += bytes.count
    }

    /// What was newer is older now.
    mutating func turnOver() throws(FileError) {
        if let failure { throw failure }
        let newer = "\(self.directory)/\(Age.newer.rawValue)"
        try FileDirectory.rename(newer, to: "\(self.directory)/\(Age.older.rawValue)")
        self.file = try DurableFile.write(newer)
        self.end = 0
        try FileDirectory.flush(self.directory)
    }
}
