package import Logging

/// The disk of one member of a Raft group.
///
///     DIR/raft-lock      one process per directory
///     DIR/raft-identity  whose directory this is
///     DIR/raft-log       term, vote and entries; one frame and one flush per batch
///     DIR/raft-snapshot  what the entries before the log's first stand for
///
/// Not for two threads at once. "An fsync error is fatal": after a failed write nothing is written
/// any more.
package final class RaftStore {
    static let lockName = "raft-lock"

    private let directory: String
    private let lock: OpenFile
    private var file: RaftLogFile
    private var hasFailed = false

    /// Opens the directory, which is made when it is missing, and returns what is in it.
    package static func open(
        directory: String, identity: RaftIdentity, logger: Logger
    ) throws(RaftStoreError) -> (store: RaftStore, stored: StoredRaft) {
        Signals.ignoreWriteSignals()
        let lock = try Self.takeLock(directory)
        try Self.prepare(directory, identity)
        let snapshot = try RaftSnapshotFile.read(in: directory)
        let (file, stored, tornBytes) = try RaftLogFile.open(in: directory, snapshot: snapshot)
        if tornBytes > 0 {
            logger.notice(
                "a torn end of the Raft log was cut off",
                metadata: ["directory": "\(directory)", "bytes": "\(tornBytes)"])
        }
        return (RaftStore(directory: directory, lock: lock, file: file), stored)
    }

    private init(directory: String, lock: OpenFile, file: RaftLogFile) {
        self.directory = directory
        self.lock = lock
        self.file = file
    }

    /// Returns when the batch is on stable storage.
    package func persist(_ batch: RaftBatch) throws(RaftStoreError) {
        guard !self.hasFailed else { throw .failed }
        self.hasFailed = true
        if let snapshot = batch.snapshot {
            try self.replaceLog(snapshot, batch)
        } else {
            try RaftStoreError.onDisk { () throws(StorageError) in
                try self.file.append(batch.records)
            }
        }
        self.hasFailed = false
    }

    /// The snapshot first, then the log that continues it: in between, the old log's entries are
    /// those that the snapshot stands for, and entries behind them stay only if they continue it.
    private func replaceLog(
        _ snapshot: StoredSnapshot, _ batch: RaftBatch
    ) throws(RaftStoreError) {
        let before = try RaftSnapshotFile.read(in: self.directory)
        var stored = try RaftLogFile.open(in: self.directory, snapshot: before).stored
        stored.apply(batch)
        try RaftStoreError.onDisk { () throws(StorageError) in
            try RaftSnapshotFile.replace(in: self.directory, with: snapshot)
            try RaftLogFile.replace(in: self.directory, with: stored)
        }
        self.file = try RaftLogFile.open(in: self.directory, snapshot: snapshot).file
    }

    private static func takeLock(_ directory: String) throws(RaftStoreError) -> OpenFile {
        let path = "\(directory)/\(Self.lockName)"
        let (lock, isTaken) = try RaftStoreError.onDisk {
            () throws(StorageError) -> (OpenFile, Bool) in
            try Directory.create(directory)
            let lock = try OpenFile(path, .create)
            return (lock, try lock.tryLock())
        }
        guard isTaken else { throw .locked(path: path) }
        return lock
    }

    /// The identity comes last: where it is, there was a log, and a missing one is a loss.
    private static func prepare(
        _ directory: String, _ identity: RaftIdentity
    ) throws(RaftStoreError) {
        let path = "\(directory)/\(RaftIdentity.fileName)"
        let logPath = "\(directory)/\(RaftLogFile.fileName)"
        if Directory.exists(path) {
            try identity.check(against: try RaftIdentity.read(path), path: path)
            guard Directory.exists(logPath) else {
                throw .damaged(path: logPath, position: 0, reason: "it is missing")
            }
            return
        }
        try Self.checkUnused(directory, logPath)
        try RaftStoreError.onDisk { () throws(StorageError) in
            try RaftLogFile.replace(in: directory, with: StoredRaft())
            try Directory.replace(
                RaftIdentity.fileName, in: directory, with: identity.encoded)
        }
    }

    /// Without an identity there may be the empty log of a start that was cut off, and no more.
    private static func checkUnused(
        _ directory: String, _ logPath: String
    ) throws(RaftStoreError) {
        let snapshot = try RaftSnapshotFile.read(in: directory)
        guard Directory.exists(logPath) || snapshot != nil else { return }
        let stored = try RaftLogFile.open(in: directory, snapshot: snapshot).stored
        guard stored == StoredRaft() else {
            throw .foreign(path: logPath, reason: "nothing says whose it is")
        }
    }
}
