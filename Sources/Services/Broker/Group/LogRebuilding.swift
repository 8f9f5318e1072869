import BrokerEngine
import LogCore
import Logging
import MessageFormat
import NIOCore
import Storage

/// A log that was changed on disk, and what was made of it.
struct RebuiltLog: Sendable {
    let store: LogStore
    let engine: BrokerEngine
    let writer: StoreWriter
    let incarnation: UInt64
}

/// Makes an engine and a writer for a log: at the start, and again whenever the log had to change.
struct LogRebuilding: Sendable {
    let configuration: BrokerConfiguration
    /// nil: without controllers.
    let identity: BrokerIdentity?
    let logger: Logger
    /// Completions carry the generation of their writer: those of an earlier one are history.
    let onCompletion: @Sendable (WriteCompletion, _ generation: Int) -> Void

    /// The log as it is on disk.
    func start(
        _ store: LogStore, confirmed: PhysicalOffset? = nil, epoch: Epoch? = nil,
        after earlier: BrokerSettings? = nil, generation: Int
    ) throws -> RebuiltLog {
        var settings = try self.configuration.settings(segmentBytes: store.segmentBytes)
        if let earlier { settings.repair = earlier.repair }
        let incarnation = UInt64.random(in: 1...UInt64(Int64.max))
        if let identity = self.identity {
            var group = GroupSettings(brokerID: identity.brokerID, incarnation: incarnation)
            group.minInSyncReplicas = self.configuration.copiesMin
            group.replicaTimeout = self.configuration.replicaTimeout
            let known = try store.readCheckpoint()
            let isOfThisLog = known?.logID == store.logID
            group.confirmedAtLeast = confirmed ?? (isOfThisLog ? known?.confirmed : nil) ?? .zero
            group.epochAtLeast = Self.epochBefore(
                max(epoch ?? Epoch(0), known?.masterEpoch ?? Epoch(0)))
            settings.group = group
        }
        var engine = BrokerEngine(settings: settings, logID: store.logID, at: Clock.now())
        let known = self.identity == nil ? try self.knownEnd(of: store) : .zero
        try Recovery(store: store, durableAtLeast: known, logger: self.logger).run(&engine)
        let onCompletion = self.onCompletion
        var options = StoreWriter.Options()
        options.flushDelayMilliseconds = Int(
            self.configuration.flushInterval / .milliseconds(1))
        let writer = try StoreWriter.start(store, options: options) {
            onCompletion($0, generation)
        }
        if self.identity == nil, writer.durable > known { try self.remember(writer.durable, store) }
        return RebuiltLog(store: store, engine: engine, writer: writer, incarnation: incarnation)
    }

    private func knownEnd(of store: LogStore) throws -> PhysicalOffset {
        let known = try store.readCheckpoint()
        return known?.logID == store.logID ? known?.confirmed ?? .zero : .zero
    }

    /// A broker that is alone writes down, when it starts and when it stops, how far its log is on
    /// disk. Without that a rotten last message would look like a write that a crash cut off.
    private func remember(_ end: PhysicalOffset, _ store: LogStore) throws {
        let checkpoint = LogCheckpoint(logID: store.logID, confirmed: end, masterEpoch: Epoch(0))
        do throws(StorageError) {
            try store.writeCheckpoint(checkpoint)
        } catch {
            guard error.isNoSpace else { throw error }
            self.logger.warning("the end of the log is not written down: \(error)")
        }
    }

    /// The master of an epoch that was obeyed before may be obeyed again, an earlier one not.
    private static func epochBefore(_ epoch: Epoch) -> Epoch {
        Epoch(epoch.value == 0 ? 0 : epoch.value - 1)
    }

    /// Stops writing, changes the log, and starts on it anew.
    func rebuild(
        _ store: LogStore, _ writer: StoreWriter, _ change: LogChange, last: GroupReport,
        after earlier: BrokerSettings, generation: Int
    ) throws -> RebuiltLog {
        writer.stop()
        switch change {
        case .restart:
            return try self.start(
                store, confirmed: last.confirmed, epoch: last.masterEpoch, after: earlier,
                generation: generation)
        case .truncate(let end):
            try store.truncate(to: end)
            return try self.start(
                store, confirmed: last.confirmed, epoch: last.masterEpoch, after: earlier,
                generation: generation)
        case .startOver(let logID, let segmentBytes, let start):
            let new = try store.startOver(logID: logID, segmentBytes: segmentBytes, at: start)
            return try self.start(new, epoch: last.masterEpoch, generation: generation)
        }
    }
}

extension BrokerWorker {
    /// The engine has said its last word: the log changes, and a new engine goes on with it.
    ///
    /// Clients stay connected; what they ask meanwhile waits for the new engine, or is refused.
    func change(_ change: LogChange) {
        guard let rebuilding = self.group?.rebuilding, !self.isRebuilding, !self.hasLeft else {
            return
        }
        self.logger.notice("the log changes: \(change)")
        self.isRebuilding = true
        self.group?.links.closeAll()
        let (report, settings) = (self.engine.groupReport, self.engine.settingsToGoOn)
        let (store, writer, next) = (self.store, self.writer, self.generation + 1)
        self.inBackground(
            {
                try rebuilding.rebuild(
                    store, writer, change, last: report, after: settings, generation: next)
            },
            then: { $0.changed($1) })
    }

    private func changed(_ result: Result<RebuiltLog, any Error>) {
        switch result {
        case .failure(let error): self.fail(error)
        case .success(let rebuilt):
            self.goOn(with: rebuilt)
            self.isRebuilding = false
            self.group?.controllers?.restarted(as: rebuilt.incarnation)
            self.turn()
        }
    }
}
