package import MessageFormat

/// What `StoreCheck` is told of things that other layers know.
package struct StoreCheckRules: Sendable {
    package struct SmallFile: Sendable {
        /// What it means when the file is damaged.
        let means: String
        /// Why these bytes are not what the file must hold; nil when they are. `other` reads a file
        /// beside it.
        let problem: @Sendable (_ bytes: [UInt8], _ other: (String) -> [UInt8]?) -> String?

        package init(
            means: String,
            problem:
                @escaping @Sendable (_ bytes: [UInt8], _ other: (String) -> [UInt8]?) -> String?
        ) {
            self.means = means
            self.problem = problem
        }
    }

    /// Kind of the record that ends a segment's opening snapshot.
    let snapshotEnd: UInt16
    /// How far queues had come, when a state record says so.
    let queueEnds:
        @Sendable (_ kind: UInt16, _ payload: UnsafeRawBufferPointer) throws -> [(
            key: QueueKey, end: QueueOffset
        )]
    /// Files beside the log, by name.
    let smallFiles: [String: SmallFile]

    package init(
        snapshotEnd: UInt16,
        queueEnds:
            @escaping @Sendable (
                _ kind: UInt16, _ payload: UnsafeRawBufferPointer
            ) throws -> [(key: QueueKey, end: QueueOffset)],
        smallFiles: [String: SmallFile]
    ) {
        self.snapshotEnd = snapshotEnd
        self.queueEnds = queueEnds
        self.smallFiles = smallFiles
    }
}

/// Reads a stopped broker's directory, every file of it, and changes nothing.
///
/// Each file is read by what the broker itself reads it with. Memory grows with the number of
/// queues, not with the log.
package struct StoreCheck {
    let paths: LogPaths
    let rules: StoreCheckRules
    var report: StoreReport
    var acknowledged: AcknowledgedMessages
    var ledger = QueueLedger()
    private let lock: OpenFile?

    package static func isStore(_ directory: String) -> Bool {
        let paths = LogPaths(root: directory)
        return Directory.exists(paths.identity) || Directory.exists(paths.commitLog)
    }

    /// Takes the lock: a server that runs would change what is read.
    package init(
        _ directory: String, rules: StoreCheckRules,
        acknowledged: AcknowledgedMessages = AcknowledgedMessages()
    ) throws(StoreCheckFailure) {
        guard Self.isStore(directory) else { throw .notAStore(directory) }
        self.paths = LogPaths(root: directory)
        self.rules = rules
        self.report = StoreReport(.broker, of: directory)
        self.acknowledged = acknowledged
        self.lock = try OpenFile.lockToRead(self.paths.lock)
    }

    /// - Parameter messagesMin: fewer messages in the log are told like damage.
    package mutating func run(
        messagesMin: Int? = nil
    ) throws(StoreCheckFailure) -> StoreReport {
        let names = try StoreCheckFailure.reading { () throws(StorageError) in
            try Directory.names(in: self.paths.root)
        }
        self.report.files = names
        for name in names { self.checkSmallFile(name) }
        if let identity = self.identity(), !self.isBeingThrownAway() {
            self.report.log = LogFacts(
                logID: identity.logID, segmentBytes: identity.segmentBytes)
            self.checkLog(identity)
            self.noteStart()
            self.checkConfirmed(identity)
        }
        self.checkBounds(messagesMin)
        return self.report
    }

    private mutating func identity() -> LogIdentity? {
        do throws(StorageError) {
            return try LogIdentity.read(self.paths.identity)
        } catch {
            let isMissing = !Directory.exists(self.paths.identity)
            self.report.found(
                StoreDamage(
                    LogIdentity.fileName, at: isMissing ? nil : 0,
                    isMissing ? "the file is missing" : "\(error)",
                    means: "the broker does not start, and nothing of the log was looked at; "
                        + "restore this file from a copy: the messages may all be there"))
            return nil
        }
    }

    /// Old segments go from the front, and so does a lost one: no file says which it was.
    private mutating func noteStart() {
        guard let start = self.report.log?.start, start > .zero else { return }
        self.report.note(
            "the log begins at \(start.bytes): what was before it got old, or is lost")
    }

    private mutating func isBeingThrownAway() -> Bool {
        do throws(StorageError) {
            guard let change = try StartOver.announced(in: self.paths) else { return false }
            self.report.note(
                "\(StartOver.fileName): the log is being thrown away for that of the master; the "
                    + "next start goes on with that, and begins at \(change.base.bytes)")
        } catch {
            self.report.found(
                StoreDamage(
                    StartOver.fileName, at: 0, "\(error)",
                    means: "the broker does not start; what it had was to be thrown away, so "
                        + "empty the directory and let it join as a new one"))
        }
        return true
    }

    private mutating func checkSmallFile(_ name: String) {
        let known = [
            LogIdentity.fileName, StartOver.fileName, LogCheckpoint.fileName, "lock", "commitlog",
            "index",
        ]
        if known.contains(name) { return }
        guard let file = self.rules.smallFiles[name] else {
            let isLeftOver = name.hasSuffix(Directory.temporarySuffix)
            return self.report.note(
                isLeftOver
                    ? "\(name): left by a write that a crash cut off; it means nothing"
                    : "\(name): no file of a broker; it was not looked at")
        }
        let problem: String?
        do throws(StorageError) {
            problem = file.problem(try self.bytes(of: name)) { try? self.bytes(of: $0) }
        } catch {
            problem = "\(error)"
        }
        if let problem { self.report.found(StoreDamage(name, at: 0, problem, means: file.means)) }
    }

    private func bytes(of name: String) throws(StorageError) -> [UInt8] {
        try OpenFile("\(self.paths.root)/\(name)", .read).readAll(bytesMax: 64 << 10)
    }

    /// Lower bounds that the broker wrote down: the log must reach them.
    private mutating func checkConfirmed(_ identity: LogIdentity) {
        let name = LogCheckpoint.fileName
        guard self.report.files.contains(name) else { return }
        do throws(StorageError) {
            let known = try LogCheckpoint(
                parsing: try self.bytes(of: name), path: "\(self.paths.root)/\(name)")
            self.report.log?.masterEpoch = known.masterEpoch
            guard known.logID == identity.logID else {
                return self.report.note("\(name): of a log that was here before; it counts as none")
            }
            self.report.log?.confirmed = known.confirmed
        } catch {
            return self.report.found(
                StoreDamage(
                    name, at: 0, "\(error)",
                    means: "the broker starts as if there were none: it learns from its group "
                        + "again what is confirmed"))
        }
        guard let log = self.report.log, let confirmed = log.confirmed, log.end < confirmed else {
            return
        }
        self.report.found(
            StoreDamage(
                "commitlog", at: nil,
                "the log ends at \(log.end.bytes), but is known to be confirmed up to "
                    + "\(confirmed.bytes)",
                means: "acknowledged messages are gone from this copy; "
                    + (log.masterEpoch == Epoch(0)
                        ? "the broker does not start: restore one, or delete \(name) to go on "
                            + "without them" : "the broker fetches them from its master")))
    }

    private mutating func checkBounds(_ messagesMin: Int?) {
        let found = self.report.log?.messages ?? 0
        if let messagesMin, found < messagesMin {
            self.report.found(
                StoreDamage(
                    "commitlog", "\(found) messages, at least \(messagesMin) were expected",
                    means: "messages are missing"))
        }
        for missing in self.acknowledged.missing {
            self.report.found(
                StoreDamage(
                    "commitlog", "\(missing) is not in the log",
                    means: "an acknowledged message is missing"))
        }
    }
}

extension OpenFile {
    /// Locks a directory without making the lock's file, which a copy of a directory lacks.
    static func lockToRead(_ path: String) throws(StoreCheckFailure) -> OpenFile? {
        guard Directory.exists(path) else { return nil }
        let (file, isTaken) = try StoreCheckFailure.reading {
            () throws(StorageError) -> (OpenFile, Bool) in
            let file = try OpenFile(path, .read)
            return (file, try file.tryLock())
        }
        guard isTaken else { throw .inUse(path: path) }
        return file
    }
}
