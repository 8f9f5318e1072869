import BrokerEngine
import RemotingProtocol

/// The file of a broker's `SetMemory`, on a virtual disk.
final class SetMemoryFile {
    private var memory: SetMemory<(Bool) -> Void>
    private let host: BrokerHost

    init(_ host: BrokerHost) {
        self.memory = SetMemory(written: host.remembered)
        self.host = host
    }

    var current: RememberedSyncStateSet? { self.memory.current }

    func heard(_ view: GroupView) {
        self.memory.heard(view, by: self.host.identity?.brokerID ?? 0)
        self.write()
    }

    func add(_ proposal: [Int64], _ done: @escaping (Bool) -> Void) {
        if let isKnown = self.memory.add(proposal, waiter: done) { return done(isKnown) }
        self.write()
    }

    private func write() {
        guard let set = self.memory.nextWrite() else { return }
        let latency = self.host.outside.world.random.duration(in: self.host.disk.latency)
        self.host.machine.after(latency) { [weak self] in
            guard let self else { return }
            self.host.remembered = set
            for (waiter, isWritten) in self.memory.wrote(true) { waiter(isWritten) }
            self.write()
        }
    }
}
