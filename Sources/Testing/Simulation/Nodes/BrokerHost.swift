import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol

/// A machine for one broker: what stays when the broker's process ends.
final class BrokerHost {
    /// What the controllers gave it, on disk before it is used.
    struct Identity {
        var brokerID: Int64
        var checkCode: String
        var isRegistered = false
    }

    /// What is written down about the log, for the next start.
    struct Checkpoint {
        var logID: UInt64
        var confirmed: PhysicalOffset
        var masterEpoch: Epoch
    }

    let machine: Machine
    let outside: Outside
    let brokerName: String
    let group: Int
    let address: String
    let replicationAddress: String
    let store: VirtualLogStore
    var disk = DiskCondition()
    var identity: Identity?
    var checkpoint: Checkpoint?
    /// The newest SyncStateSet that it wrote down.
    var remembered: RememberedSyncStateSet?
    private(set) var process: BrokerProcess?
    /// What sabotage remembers over a restart.
    var keptIncarnation: UInt64?

    init(group: Int, index: Int, outside: Outside) {
        let plan = outside.plan
        let host = plan.brokerHost(group, index)
        self.group = group
        self.brokerName = plan.brokerName(group)
        self.outside = outside
        self.machine = Machine(
            name: "\(plan.brokerName(group))-\(index + 1)", host: host, world: outside.world)
        self.address = "\(host):10911"
        self.replicationAddress = "\(host):10912"
        self.store = VirtualLogStore(
            directory: "/store", logID: outside.world.random.next() | 1,
            segmentBytes: plan.segmentBytes)
    }

    /// The epoch of which it takes itself for the master.
    var masterEpoch: Epoch? {
        guard case .master(let epoch)? = self.process?.engine?.role else { return nil }
        return epoch
    }

    var isMaster: Bool { self.masterEpoch != nil }

    /// Everything in its log may be read.
    var hasConfirmedAll: Bool {
        guard let engine = self.process?.engine else { return false }
        return engine.progress.confirmed == engine.log.end
    }

    var name: String { self.machine.name }

    func start() {
        guard !self.machine.isRunning else { return }
        self.outside.world.say("\(self.name): starts")
        self.machine.start { [weak self] in self?.ended() }
        let process = BrokerProcess(self)
        self.process = process
        process.start()
    }

    private func ended() {
        self.process = nil
        self.outside.network.processEnded(on: self.machine)
        guard !self.machine.hasPower else { return }
        self.store.losePower(&self.outside.world.random)
    }
}
