import ControllerCore
import ControllerEngine
import MessageFormat
import NIOCore
import Raft
import RemotingProtocol

/// A machine for one controller: what is on its disk, and the process that runs at the moment.
final class ControllerHost {
    let machine: Machine
    let outside: Outside
    let id: NodeID
    let index: Int
    var store = VirtualRaftStore()
    /// The end of the log that it lost.
    private var lost = LogIndex.zero
    private(set) var process: ControllerProcess?

    init(index: Int, outside: Outside) {
        self.index = index
        self.outside = outside
        self.id = NodeID(outside.plan.controllerID(index))
        self.machine = Machine(
            name: "controller-\(index + 1)", host: outside.plan.controllerHost(index),
            world: outside.world)
    }

    var isLeader: Bool { self.process?.engine.isLeader ?? false }

    func start() {
        guard !self.machine.isRunning else { return }
        self.outside.world.say("\(self.machine.name): starts")
        self.machine.start { [weak self] in self?.ended() }
        self.outside.checks.controllers.restarted(self.id)
        do {
            let process = try ControllerProcess(self)
            self.process = process
            process.start()
        } catch {
            self.outside.world.violated(
                .recoversWhenHealed, "\(self.machine.name) cannot read its disk: \(error)")
        }
    }

    /// It remembers all that it ever had on its disk.
    var isSettled: Bool {
        !self.store.durable.hardState.mayHaveForgotten && self.store.lastIndex >= self.lost
    }

    /// - parameter isAlone: the others remember.
    func loseDisk(isAlone: Bool = false) {
        self.lost = isAlone ? max(self.lost, self.store.lastIndex) : .zero
        self.store = VirtualRaftStore(
            isNew: self.outside.sabotage != .emptiedControllerVotes)
    }

    private func ended() {
        self.process = nil
        self.outside.network.processEnded(on: self.machine)
        self.store.crash(&self.outside.world.random)
    }
}

/// A controller as it runs: its engine, and virtual hands for the engine's effects.
final class ControllerProcess {
    private let host: ControllerHost
    private let outside: Outside
    private let machine: Machine
    private(set) var engine: ControllerEngine
    private var clients: [ConnectionID: ConnectionEnd] = [:]
    /// Links that this controller opened, to send on.
    private var peers: [NodeID: ConnectionEnd] = [:]
    private var connecting: Set<NodeID> = []
    private var isTurnPlanned = false

    init(_ host: ControllerHost) throws(ControllerBytesError) {
        self.host = host
        self.outside = host.outside
        self.machine = host.machine
        self.engine = try ControllerEngine(
            settings: Self.settings(host), restored: host.store.durable,
            seed: host.outside.world.random.next(), at: host.machine.now())
    }

    private static func settings(_ host: ControllerHost) -> ControllerSettings {
        let plan = host.outside.plan
        let names = (0..<plan.controllers).map { plan.controllerID($0) }
        let peers = (0..<plan.controllers).map {
            ControllerPeer(id: plan.controllerID($0), address: plan.controllerAddress($0))
        }
        var settings = ControllerSettings(
            id: host.id, peers: peers,
            raft: RaftSettings(firstMembership: Membership(voters: names.map { NodeID($0) })))
        // Short runs reach snapshots and followers that need one.
        settings.snapshotInterval = 24
        settings.raft.entriesKeptBehindSnapshot = 8
        settings.raft.snapshotChunkBytes = 256
        return settings
    }

    private var world: World { self.outside.world }
    private var now: Now { self.machine.now() }

    func start() {
        self.outside.network.listen(
            self.outside.plan.controllerAddress(self.host.index), on: self.machine
        ) { [weak self] in self?.accept($0) }
        self.outside.network.listen(
            self.outside.plan.raftAddress(self.host.index), on: self.machine
        ) { [weak self] in self?.acceptPeer($0) }
        self.tick()
    }

    private func tick() {
        self.machine.after(.milliseconds(15)) { [weak self] in
            guard let self else { return }
            self.engine.advance(to: self.now)
            self.turn()
            self.tick()
        }
    }

    // MARK: Turns

    private func planTurn() {
        guard !self.isTurnPlanned else { return }
        self.isTurnPlanned = true
        let delay = self.world.random.duration(in: .microseconds(5)...(.microseconds(60)))
        self.machine.after(delay) { [weak self] in self?.turn() }
    }

    private func turn() {
        self.isTurnPlanned = false
        self.engine.endOfTurn(at: self.now)
        for effect in self.engine.takeEffects() where self.machine.isRunning {
            self.perform(effect)
        }
        let raft = self.engine.raft
        self.outside.checks.controllers.applied(
            self.engine.state, upTo: raft.applied, by: self.host.id)
        if raft.isLeader { self.outside.checks.controllers.leads(self.host.id, in: raft.term) }
    }

    private func perform(_ effect: ControllerEffect) {
        switch effect {
        case .persist(let persist): self.persist(persist)
        case .sendPeer(let node, let message): self.send(message, to: node)
        case .answer(let connection, let command, _), .notify(let connection, let command):
            self.clients[connection]?.send(command.framed)
        case .peersChanged: break
        case .report(let event): self.note(event)
        case .fail(let reason):
            self.world.violated(.statesArePrefixes, "\(self.machine.name) fails: \(reason)")
        }
    }

    private func note(_ event: ControllerEvent) {
        self.world.say("\(self.machine.name): \(event)")
        switch event {
        case .electionProposed(_, let reason):
            self.world.probes.hit("election proposed")
            if reason.hasSuffix("has lost its log") {
                self.world.probes.hit("recovered master without its log")
            }
        case .brokerDead: self.world.probes.hit("broker held for dead")
        case .refused: self.world.probes.hit("controller refused a request")
        default: break
        }
    }

    private func persist(_ persist: RaftPersist) {
        if persist.snapshot != nil { self.world.probes.hit("controller snapshot") }
        if persist.truncateFrom != nil { self.world.probes.hit("Raft log truncated") }
        guard self.outside.sabotage != .lyingRaftFlush else { return self.pretend(persist) }
        self.host.store.write(persist)
        let latency = self.world.random.duration(in: DiskCondition.usual)
        self.machine.after(latency) { [weak self] in
            guard let self else { return }
            self.host.store.flush()
            self.engine.persisted(persist.token, at: self.now)
            self.turn()
        }
    }

    /// Sabotage: what was promised is on the disk a while later, if nothing comes between.
    private func pretend(_ persist: RaftPersist) {
        self.machine.after(.milliseconds(150)) { [weak self] in
            self?.host.store.write(persist)
            self?.host.store.flush()
        }
        self.machine.after(.microseconds(50)) { [weak self] in
            guard let self else { return }
            self.engine.persisted(persist.token, at: self.now)
            self.turn()
        }
    }

    /// Sabotage: a wish for another SyncStateSet, as if it had been computed from what stands.
    private func brought(up command: ReceivedCommand) -> ReceivedCommand {
        guard self.outside.sabotage == .noEpochCheck,
            command.requestCode == .controllerAlterSyncStateSet,
            var wish = try? AlterSyncStateSet(command),
            let group = self.engine.state.groups[wish.brokerName],
            let master = group.masterBrokerID
        else { return command }
        wish.masterBrokerID = master
        wish.masterEpoch = group.masterEpoch
        wish.syncStateSetEpoch = group.syncStateSetEpoch
        var request = wish.command
        request.opaque = command.opaque
        return ReceivedCommand.unframed(request.framed) ?? command
    }

    /// Sabotage: what was on its way for long arrives a few times more, and is taken again.
    private func comeAgain(_ command: ReceivedCommand, from connection: ConnectionID) {
        guard self.outside.sabotage == .noEpochCheck,
            command.requestCode == .controllerAlterSyncStateSet
        else { return }
        for _ in 0..<4 {
            let delay = self.world.random.duration(in: .milliseconds(100)...(.milliseconds(2_500)))
            self.machine.after(delay) { [weak self] in
                guard let self else { return }
                self.engine.receive(self.brought(up: command), from: connection, at: self.now)
                self.planTurn()
            }
        }
    }

    // MARK: Brokers

    private func accept(_ end: ConnectionEnd) {
        let id = ConnectionID(value: end.id)
        self.clients[id] = end
        end.received = { [weak self] bytes in
            guard let self, let command = ReceivedCommand.unframed(bytes) else { return }
            self.engine.receive(self.brought(up: command), from: id, at: self.now)
            self.planTurn()
            self.comeAgain(command, from: id)
        }
        end.closed = { [weak self] in
            guard let self else { return }
            self.clients[id] = nil
            self.engine.closed(id, at: self.now)
            self.planTurn()
        }
    }

    // MARK: Peers

    private func acceptPeer(_ end: ConnectionEnd) {
        let host = end.remote.prefix { $0 != ":" }
        let plan = self.outside.plan
        guard let index = (0..<plan.controllers).first(where: { plan.controllerHost($0) == host })
        else { return end.close() }
        let node = NodeID(plan.controllerID(index))
        end.received = { [weak self] bytes in
            guard let self else { return }
            guard let message = try? RaftMessage(decoding: Array(bytes.readableBytesView)) else {
                return self.world.violated(
                    .nothingIsMadeUp, "\(self.machine.name) cannot read a Raft message")
            }
            self.engine.peer(node, sent: message, at: self.now)
            self.planTurn()
        }
        end.closed = { [weak self] in self?.lost(node) }
    }

    private func send(_ message: RaftMessage, to node: NodeID) {
        if let end = self.peers[node] { return end.send(ByteBuffer(bytes: message.encoded)) }
        guard self.connecting.insert(node).inserted,
            let index = (0..<self.outside.plan.controllers).first(where: {
                self.outside.plan.controllerID($0) == node.value
            })
        else { return }
        // The message itself is lost: Raft sends again.
        self.outside.network.connect(
            from: self.machine, to: self.outside.plan.raftAddress(index)
        ) { [weak self] result in
            guard let self else { return }
            self.connecting.remove(node)
            guard case .success(let end) = result else { return }
            self.peers[node] = end
            end.closed = { [weak self] in
                self?.peers[node] = nil
                self?.lost(node)
            }
        }
    }

    private func lost(_ node: NodeID) {
        self.engine.peerLost(node, at: self.now)
        self.planTurn()
    }
}
