import Dispatch
import MessageFormat
import Synchronization

/// Remembers the keys of handled messages in an SQLite file, for as long as it is told.
///
/// Any number of processes of one machine can share the file: members of a group that run there
/// know what the others have handled. Keys that come together share one transaction, which is
/// flushed before `insert` returns.
///
/// It uses the machine's SQLite library, which is looked for when the store is opened.
public final class HandledDatabase: HandledStore {
    private let file: Mutex<HandledTable>
    private let inbox = HandledInbox<SQLiteError>()

    /// Opens the file, or makes it. Its table is `apus_handled`; other tables are left alone.
    ///
    /// - Parameter keptFor: how long a key is remembered at least. Choose it longer than a message
    ///   can come late: as long as brokers keep messages, or a group stays behind.
    /// - Throws: `invalidArgument` when the file cannot be used, or the machine has no SQLite.
    public init(
        file: String, keptFor: Duration = .seconds(14 * 86_400)
    ) throws(ApusClientError) {
        do throws(SQLiteError) {
            self.file = Mutex(
                try HandledTable(file, keptFor: Tick(keptFor).nanoseconds / 1_000_000))
        } catch {
            throw ApusClientError(
                .invalidArgument, "the store \(file) cannot be opened: \(error)", cause: error)
        }
    }

    public func contains(_ key: String) async throws(ApusClientError) -> Bool {
        let result = await withCheckedContinuation { continuation in
            self.inbox.queue.async { [unowned self] in
                let result = self.file.withLock { table in
                    Result { () throws(SQLiteError) in try table.contains(key) }
                }
                continuation.resume(returning: result)
            }
        }
        do throws(SQLiteError) {
            return try result.get()
        } catch {
            throw ApusClientError(
                .storeUnreadable, "what was handled cannot be looked up: \(error)", cause: error)
        }
    }

    public func insert(_ key: String) async throws(ApusClientError) {
        do throws(SQLiteError) {
            try await self.inbox.insert(key) { [unowned self] in self.write($0) }
        } catch {
            throw ApusClientError(
                .notDurable, "a handled message cannot be remembered: \(error)", cause: error)
        }
    }

    private func write(_ keys: [String]) -> Result<Void, SQLiteError> {
        let now = SystemClock.wall().milliseconds
        return self.file.withLock { table in
            Result { () throws(SQLiteError) in try table.insert(keys, at: now) }
        }
    }
}

/// The table, and when old keys were looked for last.
private struct HandledTable {
    private let file: SQLiteFile
    private let keptFor: Int64
    private var prunedAt = Int64(0)

    private static let pruneInterval = Int64(60_000)

    init(_ path: String, keptFor: Int64) throws(SQLiteError) {
        self.file = try SQLiteFile(path)
        self.keptFor = keptFor
        try self.file.run("PRAGMA journal_mode = WAL")
        // In this mode only FULL flushes each transaction before it is reported.
        try self.file.run("PRAGMA synchronous = FULL")
        try self.file.run(
            """
            CREATE TABLE IF NOT EXISTS apus_handled
            (key TEXT PRIMARY KEY, handledAt INTEGER NOT NULL) WITHOUT ROWID
            """)
        try self.file.run(
            "CREATE INDEX IF NOT EXISTS apus_handled_at ON apus_handled (handledAt)")
    }

    func contains(_ key: String) throws(SQLiteError) -> Bool {
        try self.file.run("SELECT 1 FROM apus_handled WHERE key = ?", .text(key))
    }

    /// `now` in milliseconds since 1970.
    mutating func insert(_ keys: [String], at now: Int64) throws(SQLiteError) {
        try self.file.run("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            for key in keys {
                try self.file.run(
                    "INSERT OR IGNORE INTO apus_handled VALUES (?, ?)", .text(key), .integer(now))
            }
            try self.prune(at: now)
            try self.file.run("COMMIT")
        } catch {
            _ = try? self.file.run("ROLLBACK")
            throw error
        }
    }

    private mutating func prune(at now: Int64) throws(SQLiteError) {
        guard abs(now - self.prunedAt) >= Self.pruneInterval else { return }
        self.prunedAt = now
        try self.file.run(
            "DELETE FROM apus_handled WHERE handledAt < ?", .integer(now - self.keptFor))
    }
}
