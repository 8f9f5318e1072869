import MessageFormat
import RemotingProtocol

/// What a broker keeps on disk of its group's SyncStateSet, for controllers that lose theirs: what
/// the real broker's memory is, on a virtual disk.
final class SetMemory {
    private(set) var current: RememberedSyncStateSet?
    private var committed: [Int64] = []
    private var isWriting = false
    private var waiting: [(wanted: RememberedSyncStateSet, done: (Bool) -> Void)] = []
    private let host: BrokerHost
    private var brokerID: Int64 { self.host.identity?.brokerID ?? 0 }

    init(_ host: BrokerHost) {
        self.host = host
        self.current = host.remembered
    }

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

    /// `done` hears true when the disk names all of them beside the known set.
    func add(_ proposal: [Int64], _ done: @escaping (Bool) -> Void) {
        if Set(self.committed).isSuperset(of: proposal) { return done(true) }
        guard var wanted = self.current else { return done(false) }
        wanted.members = Set(wanted.members).union(proposal).sorted()
        self.current = wanted
        guard wanted != self.host.remembered || self.isWriting else { return done(true) }
        self.waiting.append((wanted, done))
        self.write()
    }

    private func write() {
        guard !self.isWriting, let current = self.current else { return }
        guard current != self.host.remembered else { return self.finish() }
        self.isWriting = true
        let latency = self.host.outside.world.random.duration(in: self.host.disk.latency)
        self.host.machine.after(latency) { [weak self] in
            guard let self else { return }
            self.host.remembered = current
            self.isWriting = false
            self.write()
        }
    }

    private func finish() {
        let waiting = self.waiting
        self.waiting = []
        for (wanted, done) in waiting { done(wanted == self.host.remembered) }
    }
}
