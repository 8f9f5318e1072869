import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol
import ReplicationProtocol

/// A broker as it runs: its engine, and virtual hands for the engine's effects.
final class BrokerProcess {
    let host: BrokerHost
    let outside: Outside
    let machine: Machine
    var engine: BrokerEngine?
    /// Counts engines: what an earlier one asked for is not for the next.
    private(set) var engineNumber = 0
    private var isTurnPlanned = false

    // Connections of clients.
    var clients: [ConnectionID: ConnectionEnd] = [:]
    // Replication.
    var links: [LinkID: ConnectionEnd] = [:]
    /// Links that are being opened.
    var opening: Set<LinkID> = []
    /// End of the bytes that came on a link: sabotage knows nothing else.
    var received: [LinkID: PhysicalOffset] = [:]
    /// The master's epoch in which sabotage let a delayed message fire twice.
    var firedTwiceIn: Epoch?
    // The disk.
    var unwritten: [PlannedBatch] = []
    var isWriting = false
    var waitsForSpace = false
    /// Until then the thread is busy that reads and mends segments.
    var segmentWorkUntil = Tick.zero
    // Controllers and name servers.
    private(set) lazy var remoting = VirtualRemotingClient(
        self.machine, self.outside.network,
        onRequest: { [weak self] command, _ in self?.notified(command) },
        onClosed: { [weak self] in self?.lostServer($0) })
    let memory: SetMemoryFile
    var leader = 0
    var incarnation: UInt64 = 0
    var registeredAs: [String: Int64] = [:]
    /// The newest that any controller said.
    var view: GroupView?

    init(_ host: BrokerHost) {
        self.host = host
        self.outside = host.outside
        self.machine = host.machine
        self.memory = SetMemoryFile(host)
    }

    var world: World { self.outside.world }
    var name: String { self.host.name }
    var now: Now { self.machine.now() }

    func start() {
        self.outside.network.listen(self.host.address, on: self.machine) { [weak self] in
            self?.accept($0)
        }
        self.outside.network.listen(self.host.replicationAddress, on: self.machine) { [weak self] in
            self?.acceptLink($0)
        }
        self.join()
        self.tick()
        self.keepRegistered()
        self.keepCheckpoint()
    }

    /// Brings a new engine to the end of the log on disk.
    func recover(
        _ brokerID: Int64, after confirmed: PhysicalOffset? = nil, epoch: Epoch? = nil,
        knowing earlier: BrokerSettings? = nil
    ) {
        self.engineNumber += 1
        self.drawIncarnation()
        var group = GroupSettings(brokerID: brokerID, incarnation: self.incarnation)
        let known = self.host.checkpoint
        let isOfThisLog = known?.logID == self.host.store.logID
        group.confirmedAtLeast =
            confirmed ?? (isOfThisLog ? known?.confirmed : nil) ?? .zero
        // The master of an epoch that was obeyed before may be obeyed again, an earlier one not.
        let obeyed = max(epoch?.value ?? 0, known?.masterEpoch.value ?? 0)
        group.epochAtLeast = Epoch(obeyed == 0 ? 0 : obeyed - 1)
        var settings = self.settings(group)
        if let earlier { settings.repair = earlier.repair }
        var engine = BrokerEngine(
            settings: settings, logID: self.host.store.logID, at: self.now)
        let recovery = LogRecovery(source: self.host.store) { self.note($0) }
        do {
            try recovery.run(&engine, at: self.now)
        } catch {
            return self.cannotRecover("\(error)")
        }
        self.engine = engine
        self.unwritten.removeAll()
        self.isWriting = false
        self.waitsForSpace = false
        self.planTurn()
    }

    private func drawIncarnation() {
        if self.outside.sabotage == .restartedMasterKeepsEpoch, let kept = self.host.keptIncarnation
        {
            self.incarnation = kept
        } else {
            self.incarnation = self.world.random.next() | 1
        }
        self.host.keptIncarnation = self.incarnation
    }

    private func settings(_ group: GroupSettings) -> BrokerSettings {
        var settings = BrokerSettings(
            cluster: ClusterPlan.clusterName, brokerName: self.host.brokerName,
            autoCreateTopics: false, autoCreateGroups: true)
        settings.log.segmentBytes = self.host.store.segmentBytes
        settings.log.batchBytesMax = 16 << 10
        settings.bodyBytesMax = 8 << 10
        settings.delivery.topicsMax = 40
        settings.delivery.groupsMax = 40
        settings.delivery.offsetsMax = 200
        // One level, so that many tries take little time.
        settings.delivery.delays.levels = (try? DelayLevels(parsing: "1s")) ?? .standard
        settings.delivery.pops.returnPatience = .milliseconds(500)
        settings.delivery.transactions.pauseAfterPromotion = .milliseconds(200)
        settings.checkTransactions(
            after: .milliseconds(400), every: .milliseconds(250),
            atMost: TransactionWorkload.checksMax, for: .seconds(72 * 3_600))
        settings.storeHost = HostAddress(ipv4: self.machine.host, port: 10911) ?? .unknown
        settings.retention.age = .seconds(1_000_000)
        // Reading takes time of runs, and draws from their chance: not in every one.
        if self.world.seed % 8 == 6 {
            settings.scrubBytesPerSecond = 4 << 20
            settings.scrubPause = .milliseconds(400)
        }
        settings.group = group
        return settings
    }

    func note(_ note: RecoveryNote) {
        self.world.say("\(self.name): recovery: \(note)")
        switch note {
        case .cutOffTornWrite: self.world.probes.hit("torn write cut off")
        case .damage: self.world.probes.hit("damage found at recovery")
        case .indexMissing: self.world.probes.hit("index made anew")
        case .indexDamaged: self.world.probes.hit("damaged index made anew")
        }
    }

    /// An operator's work: the directory is emptied, and the broker starts again as a new replica.
    private func cannotRecover(_ reason: String) {
        self.world.say("\(self.name): cannot recover: \(reason)")
        self.world.probes.hit("recovery refused")
        self.outside.checks.unexplainedRecoveryFailure(of: self.host, reason)
        self.host.store.startOver(
            logID: self.world.random.next() | 1, segmentBytes: self.host.store.segmentBytes,
            start: .zero)
        let host = self.host
        self.machine.stop(losingPower: false)
        self.world.after(.milliseconds(500)) { host.start() }
    }

    // MARK: Turns

    /// A lower bound for the next start, so it may be late.
    private func keepCheckpoint() {
        self.machine.after(.seconds(1)) { [weak self] in
            guard let self else { return }
            if let report = self.engine?.groupReport {
                self.host.checkpoint = BrokerHost.Checkpoint(
                    logID: self.host.store.logID, confirmed: report.confirmed,
                    masterEpoch: report.masterEpoch)
            }
            self.keepCheckpoint()
        }
    }

    private func tick() {
        self.machine.after(.milliseconds(50)) { [weak self] in
            guard let self else { return }
            self.lookAtDisk()
            self.engine?.advance(to: self.now)
            self.turn()
            self.tick()
        }
    }

    /// What comes within the next microseconds shares a turn.
    func planTurn() {
        guard !self.isTurnPlanned else { return }
        self.isTurnPlanned = true
        let delay = self.world.random.duration(in: .microseconds(5)...(.microseconds(60)))
        self.machine.after(delay) { [weak self] in self?.turn() }
    }

    func turn() {
        self.isTurnPlanned = false
        guard self.engine != nil else { return }
        self.engine?.endOfTurn()
        // What was read for the engine lets it decide more within the same turn.
        while self.perform(self.engine?.takeEffects() ?? []) { self.engine?.endOfTurn() }
    }

    private func perform(_ effects: [Effect]) -> Bool {
        // What is confirmed now is what the effects rely on.
        self.outside.checks.turned(self)
        let number = self.engineNumber
        var hasNews = false
        for effect in effects where number == self.engineNumber && self.machine.isRunning {
            hasNews = self.perform(effect) || hasNews
        }
        return hasNews && number == self.engineNumber && self.machine.isRunning
    }

    /// Calls back unless another engine has taken over meanwhile.
    func later(_ delay: Duration, _ action: @escaping (BrokerProcess) -> Void) {
        let number = self.engineNumber
        self.machine.after(delay) { [weak self] in
            guard let self, self.engineNumber == number else { return }
            action(self)
        }
    }

    // MARK: Clients

    private func take(
        _ command: ReceivedCommand, from id: ConnectionID, _ remote: HostAddress,
        after delay: Duration
    ) {
        guard delay == .zero else {
            return self.later(delay) { $0.take(command, from: id, remote, after: .zero) }
        }
        self.engine?.receive(command, from: id, remote: remote, at: self.now)
        if self.takesForDead(command) { self.engine?.closed(id, at: self.now) }
        self.planTurn()
    }

    private func accept(_ end: ConnectionEnd) {
        let id = ConnectionID(value: end.id)
        let remote = HostAddress(ipv4: end.remote.prefix { $0 != ":" }, port: 30_000) ?? .unknown
        self.clients[id] = end
        end.received = { [weak self] bytes in
            guard let self, let command = ReceivedCommand.unframed(bytes) else { return }
            guard self.engine != nil else { return end.close() }
            let delay: Duration =
                self.answersTooEarly(command, on: end) ? .seconds(1) : .zero
            self.take(self.distorted(command), from: id, remote, after: delay)
        }
        end.closed = { [weak self] in
            guard let self else { return }
            self.clients[id] = nil
            self.engine?.closed(id, at: self.now)
            self.planTurn()
        }
    }
}
