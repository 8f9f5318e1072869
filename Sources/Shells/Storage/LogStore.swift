package import Logging
package import MessageFormat
import Synchronization

/// The files of one log: segments, their index files, identity and lock.
///
/// IO and bytes only; the log core decides what lies where. The way to a running log:
///
/// 1. `open` takes the lock, checks the identity and the names of the segments.
/// 2. `scan` every segment that has no usable index, and the last one that holds batches.
/// 3. `truncate(to:)` the end that the scan found.
/// 4. `StoreWriter.start`, the only one who writes batches.
///
/// Reads are safe from any thread at any time.
///
///     DIR/lock                            one process per directory
///     DIR/log-identity                    who this log is, and its segment size
///     DIR/log-start-over                  only while one log makes room for another
///     DIR/confirmed                       what the broker knew about its group
///     DIR/commitlog/00000000000000000000  segments, named by their first byte's position
///     DIR/index/00000000000000000000.index
package final class LogStore: Sendable {
    package struct Options: Sendable {
        /// Size of a segment of a new log; an existing log keeps its own.
        package var segmentBytes = 256 << 20
        /// How far ahead of the writer the active segment is kept zeroed.
        package var zeroedAheadBytes = 64 << 20
        /// How much is zeroed before the first write is accepted.
        package var zeroedAtStartBytes = 4 << 20
        /// Zeroes per write and flush: small, because the writer's flushes wait behind them.
        package var zeroChunkBytes = 1 << 20
        /// Segments that are kept open for reading.
        package var openSegmentsMax = 64

        package init() {}
    }

    package let directory: String
    package let logID: UInt64
    package let segmentBytes: Int
    let options: Options
    let logger: Logger
    let paths: LogPaths
    let openSegments: SegmentCache
    let table = Mutex(SegmentTable())
    private let lock: Mutex<OpenFile?>

    /// Opens the log in `directory`, which is made when it is missing.
    package static func open(
        directory: String, options: Options = Options(),
        logger: Logger = Logger(label: "log-store")
    ) throws(StorageError) -> LogStore {
        Signals.ignoreWriteSignals()
        let paths = LogPaths(root: directory)
        try Directory.create(paths.commitLog)
        try Directory.create(paths.index)
        let lock = try Self.takeLock(paths)
        return try Self.open(paths, options: options, lock: lock, logger: logger)
    }

    /// Throws this log away and begins another one at `base`, the start of a segment of it. This
    /// store is of no use afterwards; its writer was stopped before.
    ///
    /// Safe at every instant: a start-over that was cut off is finished by the next `open`.
    package func startOver(
        logID: UInt64, segmentBytes: Int, at base: PhysicalOffset
    ) throws(StorageError) -> LogStore {
        guard !self.table.withLock({ $0.hasWriter }) else {
            throw .alreadyWriting(directory: self.directory)
        }
        let identity = LogIdentity(logID: logID, segmentBytes: segmentBytes)
        let change = try StartOver(identity: identity, base: base)
        self.openSegments.removeAll()
        guard let lock = self.lock.withLock({ $0 }) else { throw .locked(path: self.paths.lock) }
        try change.announce(in: self.paths)
        let store = try Self.open(
            self.paths, options: self.options, lock: lock, logger: self.logger)
        self.lock.withLock { $0 = nil }
        return store
    }

    private static func open(
        _ paths: LogPaths, options: Options, lock: OpenFile, logger: Logger
    ) throws(StorageError) -> LogStore {
        if let change = try StartOver.announced(in: paths) {
            logger.notice(
                "log thrown away, another one begun",
                metadata: ["directory": "\(paths.root)", "at": "\(change.base.bytes)"])
            try change.finish(in: paths)
        }
        let identity = try Self.identity(of: paths, options: options, logger: logger)
        let store = LogStore(
            paths: paths, identity: identity, options: options, lock: lock, logger: logger)
        try store.listSegments()
        try store.deleteOrphanedIndexes()
        try store.deleteCopies()
        return store
    }

    /// A log that is looked at and not changed. Whoever asks holds the lock, and has read the
    /// identity and the names of the segments.
    convenience init(toRead paths: LogPaths, _ identity: LogIdentity, segments: [PhysicalOffset]) {
        let silent = Logger(label: "store-check") { _ in SwiftLogNoOpLogHandler() }
        self.init(
            paths: paths, identity: identity, options: Options(), lock: nil, logger: silent)
        self.table.withLock { $0.bases = segments }
    }

    private init(
        paths: LogPaths, identity: LogIdentity, options: Options, lock: OpenFile?, logger: Logger
    ) {
        self.directory = paths.root
        self.logID = identity.logID
        self.segmentBytes = identity.segmentBytes
        self.options = options
        self.logger = logger
        self.paths = paths
        self.openSegments = SegmentCache(paths: paths, countMax: options.openSegmentsMax)
        self.lock = Mutex(lock)
    }

    /// Gives the lock back. The writer has been stopped before; reads fail from now on or do not.
    package func close() {
        self.openSegments.removeAll()
        self.lock.withLock { $0 = nil }
    }

    /// First position of the segment in which `position` lies.
    package func base(of position: PhysicalOffset) -> PhysicalOffset {
        PhysicalOffset(position.bytes - position.bytes % Int64(self.segmentBytes))
    }

    func offsetInSegment(_ position: PhysicalOffset) -> Int {
        Int(position.bytes % Int64(self.segmentBytes))
    }

    private static func takeLock(_ paths: LogPaths) throws(StorageError) -> OpenFile {
        let lock = try OpenFile(paths.lock, .create)
        guard try lock.tryLock() else { throw .locked(path: paths.lock) }
        return lock
    }

    /// Reads the identity, or makes it when this is a new log.
    ///
    /// A new log's first segment is made before its identity, so an identity without segments is a
    /// log that lost them, and segments without an identity are a log only when none was written.
    private static func identity(
        of paths: LogPaths, options: Options, logger: Logger
    ) throws(StorageError) -> LogIdentity {
        if Directory.exists(paths.identity) { return try LogIdentity.read(paths.identity) }
        guard LogIdentity.isSegmentSize(options.segmentBytes) else {
            throw .wrongSegmentSize(bytes: options.segmentBytes)
        }
        let names = try Directory.names(in: paths.commitLog)
        let first = try OpenFile(paths.segment(.zero), .create)
        guard names.allSatisfy({ $0 == LogPaths.digits(.zero) }), try first.status().bytes == 0
        else {
            throw .damagedIdentity(path: paths.identity, reason: "missing, but segments exist")
        }
        try Directory.flush(paths.commitLog)
        let identity = LogIdentity(
            logID: UInt64.random(in: 1...UInt64.max), segmentBytes: options.segmentBytes)
        try Directory.replace(LogIdentity.fileName, in: paths.root, with: identity.encoded)
        logger.info(
            "log created",
            metadata: ["directory": "\(paths.root)", "segmentBytes": "\(identity.segmentBytes)"])
        return identity
    }
}
