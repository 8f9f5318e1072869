import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import Storage

/// Keeps on disk who may hold what was acknowledged, for the day on which the controllers lose
/// theirs. Everything here runs on the worker's event loop, except the writing.
///
/// What views say is written down behind them: until then the disk names an older set, which is to
/// be heard as a whole, too. But before a broker from outside is proposed, the file names it.
final class SetMemory {
    static let fileName = "syncStateSet"

    private(set) var current: RememberedSyncStateSet?
    /// The newest set that the controllers have committed.
    private var committed: [Int64] = []
    private var written: RememberedSyncStateSet?
    private var isWriting = false
    private var waiting: [(RememberedSyncStateSet, @Sendable (Bool) -> Void)] = []

    private let brokerID: Int64
    private let store: LogStore
    private let loop: any EventLoop
    private let logger: Logger
    private let background: @Sendable (@escaping @Sendable () -> Void) -> Void

    init(
        of brokerID: Int64, store: LogStore, loop: any EventLoop, logger: Logger,
        background: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.brokerID = brokerID
        self.store = store
        self.loop = loop
        self.logger = logger
        self.background = background
        do {
            let bytes = try store.readFile(Self.fileName)
            self.written = bytes.flatMap {
                RememberedSyncStateSet(text: String(decoding: $0, as: UTF8.self))
            }
            if bytes != nil, self.written == nil {
                logger.warning("\(store.directory)/\(Self.fileName) cannot be understood")
            }
        } catch {
            logger.warning("what is known of the SyncStateSet cannot be read: \(error)")
        }
        self.current = self.written
    }

    /// The controllers have committed a set.
    func heard(_ view: GroupView) {
        guard view.masterEpoch > Epoch(0), !view.syncStateSet.isEmpty else { return }
        let isNews =
            self.current.map {
                (view.masterEpoch.value, view.syncStateSetEpoch)
                    > ($0.masterEpoch.value, $0.syncStateSetEpoch)
            } ?? true
        // Controllers that lost their memory may have made an empty broker master.
        let isEarlierLife =
            view.isFresh && self.current != nil && !view.syncStateSet.contains(self.brokerID)
        guard isNews, !isEarlierLife else { return }
        self.committed = view.syncStateSet
        self.current = RememberedSyncStateSet(
            masterEpoch: view.masterEpoch, syncStateSetEpoch: view.syncStateSetEpoch,
            members: view.syncStateSet)
        self.write()
    }

    /// `done` hears true as soon as the disk names all of them beside the known set. Who only leaves
    /// needs no writing: a set that is too large is only heard more carefully.
    func add(_ proposal: [Int64], _ done: @escaping @Sendable (Bool) -> Void) {
        if Set(self.committed).isSuperset(of: proposal) { return done(true) }
        guard var wanted = self.current else { return done(false) }
        wanted.members = Set(wanted.members).union(proposal).sorted()
        self.current = wanted
        guard wanted != self.written || self.isWriting else { return done(true) }
        self.waiting.append((wanted, done))
        self.write()
    }

    private func write() {
        guard !self.isWriting, let current = self.current else { return }
        guard current != self.written else { return self.finish(true) }
        self.isWriting = true
        let store = self.store
        let memory = NIOLoopBound(self, eventLoop: self.loop)
        let loop = self.loop
        self.background {
            let result = Result { () throws(StorageError) in
                try store.replaceFile(Self.fileName, with: Array(current.text.utf8))
            }
            loop.execute { memory.value.wrote(current, result) }
        }
    }

    private func wrote(
        _ memory: RememberedSyncStateSet, _ result: Result<Void, StorageError>
    ) {
        self.isWriting = false
        switch result {
        case .success:
            self.written = memory
            self.write()
        case .failure(let error):
            self.logger.warning("the SyncStateSet cannot be written down: \(error)")
            self.finish(false)
        }
    }

    /// Whoever waits for a set that a newer view has replaced has proposed too late anyway.
    private func finish(_ isWritten: Bool) {
        let waiting = self.waiting
        self.waiting = []
        for (wanted, done) in waiting { done(isWritten && wanted == self.written) }
    }
}
