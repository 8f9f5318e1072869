import BrokerEngine
import Logging
import NIOCore
import RemotingProtocol
import Storage

/// The file of a `SetMemory`. Everything here runs on the worker's event loop, except the writing.
final class SetMemoryFile {
    static let name = "syncStateSet"

    private var memory: SetMemory<@Sendable (Bool) -> Void>
    private let brokerID: Int64
    private let store: LogStore
    private let loop: any EventLoop
    private let logger: Logger
    private let background: @Sendable (@escaping @Sendable () -> Void) -> Void

    init(
        of brokerID: Int64, store: LogStore, loop: any EventLoop, logger: Logger,
        background: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.memory = SetMemory(written: Self.read(in: store, logger: logger))
        self.brokerID = brokerID
        self.store = store
        self.loop = loop
        self.logger = logger
        self.background = background
    }

    private static func read(in store: LogStore, logger: Logger) -> RememberedSyncStateSet? {
        do {
            guard let bytes = try store.readFile(Self.name) else { return nil }
            let set = Self.parse(bytes)
            if set == nil {
                logger.warning("\(store.directory)/\(Self.name) cannot be understood")
            }
            return set
        } catch {
            logger.warning("what is known of the SyncStateSet cannot be read: \(error)")
            return nil
        }
    }

    static func parse(_ bytes: [UInt8]) -> RememberedSyncStateSet? {
        SealedText.open(bytes).flatMap { RememberedSyncStateSet(text: $0) }
    }

    var current: RememberedSyncStateSet? { self.memory.current }

    func heard(_ view: GroupView) {
        self.memory.heard(view, by: self.brokerID)
        self.write()
    }

    /// `done` hears true as soon as the disk names all of them beside the known set.
    func add(_ proposal: [Int64], _ done: @escaping @Sendable (Bool) -> Void) {
        if let isKnown = self.memory.add(proposal, waiter: done) { return done(isKnown) }
        self.write()
    }

    private func write() {
        guard let set = self.memory.nextWrite() else { return }
        let store = self.store
        let file = NIOLoopBound(self, eventLoop: self.loop)
        let loop = self.loop
        self.background {
            let result = Result { () throws(StorageError) in
                try store.replaceFile(Self.name, with: SealedText.seal(set.text))
            }
            loop.execute { file.value.wrote(result) }
        }
    }

    /// After a failure nothing is tried before there is something new to write.
    private func wrote(_ result: Result<Void, StorageError>) {
        switch result {
        case .success:
            self.tell(self.memory.wrote(true))
            self.write()
        case .failure(let error):
            self.logger.warning("the SyncStateSet cannot be written down: \(error)")
            self.tell(self.memory.wrote(false))
        }
    }

    private func tell(_ outcomes: [(waiter: @Sendable (Bool) -> Void, isWritten: Bool)]) {
        for (waiter, isWritten) in outcomes { waiter(isWritten) }
    }
}
