import MessageFormat

@testable import Raft

/// What may go wrong in a run; all of it is drawn from one seed.
struct Faults {
    var drop = 0.0
    var duplicate = 0.0
    /// Milliseconds a message travels.
    var delay = 1...1
    /// Milliseconds a flush takes.
    var flush = 0...0
    /// Chance per millisecond.
    var crash = 0.0
    var partition = 0.0
    var change = 0.0
    var transfer = 0.0
    var loss = 0.0

    static let none = Faults()

    static func drawn(from random: inout SeededGenerator) -> Faults {
        Faults(
            drop: [0, 0.02, 0.15].randomElement(using: &random) ?? 0,
            duplicate: [0, 0.05].randomElement(using: &random) ?? 0,
            delay: [1...1, 1...5, 1...20].randomElement(using: &random) ?? 1...1,
            flush: [0...0, 0...3, 1...25].randomElement(using: &random) ?? 0...0,
            crash: [0, 0.004, 0.02].randomElement(using: &random) ?? 0,
            partition: [0, 0.004, 0.01].randomElement(using: &random) ?? 0,
            change: [0, 0.01].randomElement(using: &random) ?? 0,
            transfer: [0, 0.005].randomElement(using: &random) ?? 0,
            loss: [0, 0.01].randomElement(using: &random) ?? 0)
    }
}

struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ (mixed >> 33)
    }

    mutating func happens(_ chance: Double) -> Bool {
        chance > 0 && Double.random(in: 0..<1, using: &self) < chance
    }
}

/// How often what is rare was reached.
struct Probes {
    var elections = 0
    var commits = 0
    var reads = 0
    var crashes = 0
    var truncations = 0
    var restoredSnapshots = 0
    var losses = 0

    mutating func add(_ other: Probes) {
        self.elections += other.elections
        self.commits += other.commits
        self.reads += other.reads
        self.crashes += other.crashes
        self.truncations += other.truncations
        self.restoredSnapshots += other.restoredSnapshots
        self.losses += other.losses
    }
}

/// One member with its disk and its state machine: the list of commands that it has applied.
struct SimulatedMember {
    var node: RaftNode?
    var disk = SimulatedDisk()
    var machine: [UInt8] = []
    var atDisk: (batch: RaftPersist, messages: [RaftMessage], dueAt: Int)?
    var incarnation = 0
}

/// A group on a simulated network and simulated disks; a millisecond is one step.
final class SimulatedGroup {
    let settings: RaftSettings
    let seed: UInt64
    var faults: Faults
    var random: SeededGenerator
    var members: [NodeID: SimulatedMember] = [:]
    var checks = GroupChecks()
    private(set) var time = 0
    /// Links that carry nothing, sender first.
    var blocked: Set<[NodeID]> = []
    private var travelling: [Int: [RaftMessage]] = [:]
    private(set) var messagesDelivered: [RaftMessage] = []
    var keepsMessages = false
    private var pendingReads: [NodeID: [ReadTicket: LogIndex]] = [:]
    private var counts = Probes()

    init(
        _ count: Int = 3, spares: Int = 0, seed: UInt64 = 1, faults: Faults = .none,
        _ adjust: (inout RaftSettings) -> Void = { _ in }
    ) {
        let names = (0..<count).map { NodeID("n\($0)") }
        var settings = RaftSettings(firstMembership: Membership(voters: names))
        adjust(&settings)
        self.settings = settings
        self.seed = seed
        self.faults = faults
        self.random = SeededGenerator(state: seed)
        for number in 0..<(count + spares) {
            self.members[NodeID("n\(number)")] = SimulatedMember()
            self.start(NodeID("n\(number)"))
        }
    }

    var names: [NodeID] { self.members.keys.sorted() }
    var now: Tick { Tick(.milliseconds(self.time)) }
    func node(_ name: NodeID) -> RaftNode? { self.members[name]?.node }

    /// The leader of the highest term.
    var leader: NodeID? {
        self.names.filter { self.node($0)?.isLeader ?? false }
            .max { self.node($0)!.term < self.node($1)!.term }
    }

    var probes: Probes {
        var probes = self.counts
        probes.elections = self.checks.elections
        probes.commits = self.checks.commits
        return probes
    }

    var leaders: [NodeID] { self.names.filter { self.node($0)?.isLeader ?? false } }

    func run(_ milliseconds: Int, until isDone: () -> Bool = { false }) {
        for _ in 0..<milliseconds where !isDone() { self.step() }
    }

    func step() {
        self.time += 1
        for name in self.names { self.finishFlush(of: name) }
        for message in self.travelling.removeValue(forKey: self.time) ?? [] {
            self.deliver(message)
        }
        for name in self.names {
            self.members[name]?.node?.advance(to: self.now)
            self.turn(name)
        }
        if self.time % 64 == 0 { self.checks.logsMatch(self.names.compactMap { self.node($0) }) }
    }

    // MARK: What an operator, a client or a power cut does

    func start(_ name: NodeID) {
        guard var member = self.members[name], member.node == nil else { return }
        member.incarnation += 1
        member.node = RaftNode(
            id: name, restored: member.disk.restored, settings: self.settings,
            seed: self.seed &+ UInt64(member.incarnation) &* 7_919
                &+ UInt64(name.value.utf8.last ?? 0),
            at: self.now)
        member.machine = member.disk.snapshot?.bytes ?? []
        self.members[name] = member
    }

    /// What was not flushed is gone, or just made it.
    func crash(_ name: NodeID, tellingPeers: Bool = false) {
        guard var member = self.members[name], member.node != nil else { return }
        if let atDisk = member.atDisk, Bool.random(using: &self.random) {
            member.disk.persist(atDisk.batch)
        }
        self.counts.crashes += 1
        member.atDisk = nil
        member.node = nil
        self.members[name] = member
        self.pendingReads[name] = nil
        if tellingPeers { self.tellOthers(ofLost: name) }
    }

    /// The member is down and will start with nothing.
    func emptyDisk(_ name: NodeID) {
        self.crash(name)
        self.counts.losses += 1
        self.members[name]?.disk = SimulatedDisk()
        self.members[name]?.machine = []
    }

    /// Voters that started with an empty disk and have not settled since.
    var unsettled: [NodeID] {
        self.settings.firstMembership.voters.filter {
            self.members[$0]?.disk.hardState.mayHaveForgotten ?? true
        }
    }

    func tellOthers(ofLost name: NodeID) {
        for peer in self.names where peer != name {
            self.members[peer]?.node?.peerLost(name, at: self.now)
        }
    }

    @discardableResult
    func propose(_ command: [UInt8], to name: NodeID? = nil) -> Proposed? {
        guard let name = name ?? self.leader else { return nil }
        let result = self.members[name]?.node?.propose(command, at: self.now)
        self.turn(name)
        return try? result?.get()
    }

    func change(_ change: MembershipChange) -> Result<Proposed, ProposalRefusal>? {
        guard let leader = self.leader else { return nil }
        let result = self.members[leader]?.node?.propose(change, at: self.now)
        self.turn(leader)
        return result
    }

    @discardableResult
    func transfer(to target: NodeID?) -> Result<NodeID, ProposalRefusal>? {
        guard let leader = self.leader else { return nil }
        let result = self.members[leader]?.node?.transferLeadership(to: target, at: self.now)
        self.turn(leader)
        return result
    }

    /// Asks for a read; it must show everything that was acknowledged before.
    @discardableResult
    func read(at name: NodeID) -> ReadTicket? {
        guard let ticket = self.members[name]?.node?.readIndex(at: self.now) else { return nil }
        self.pendingReads[name, default: [:]][ticket] = self.checks.acknowledged
        self.turn(name)
        return ticket
    }

    func compact(_ name: NodeID) {
        guard let member = self.members[name], let applied = member.node?.applied else { return }
        self.members[name]?.node?.compact(upTo: applied, snapshot: member.machine)
    }

    func isolate(_ name: NodeID) {
        for peer in self.names where peer != name {
            self.blocked.insert([name, peer])
            self.blocked.insert([peer, name])
        }
    }

    func heal() { self.blocked = [] }

    /// Gives a member a message as if it had come from the network.
    func inject(_ message: RaftMessage) { self.deliver(message) }

    // MARK: The shell of a member

    private func deliver(_ message: RaftMessage) {
        guard !self.blocked.contains([message.from, message.to]) else { return }
        if self.keepsMessages { self.messagesDelivered.append(message) }
        self.members[message.to]?.node?.receive(message, at: self.now)
        self.turn(message.to)
    }

    private func turn(_ name: NodeID) {
        guard let ready = self.members[name]?.node?.takeReady(), !ready.isEmpty else { return }
        self.send(ready.messagesNow)
        if let batch = ready.persist {
            if batch.truncateFrom != nil, batch.snapshot == nil { self.counts.truncations += 1 }
            let dueAt = self.time + Int.random(in: self.faults.flush, using: &self.random)
            self.members[name]?.atDisk = (batch, ready.messagesAfterPersist, dueAt)
        }
        if let role = ready.roleChange, role.role == .leader, let node = self.node(name) {
            self.checks.elected(node)
        }
        self.apply(ready, at: name)
        self.answerReads(ready, at: name)
        if self.faults.flush == 0...0 { self.finishFlush(of: name) }
    }

    private func finishFlush(of name: NodeID) {
        guard let atDisk = self.members[name]?.atDisk, atDisk.dueAt <= self.time else { return }
        self.members[name]?.atDisk = nil
        self.members[name]?.disk.persist(atDisk.batch)
        self.send(atDisk.messages)
        self.members[name]?.node?.persisted(atDisk.batch.token, at: self.now)
        self.turn(name)
    }

    private func apply(_ ready: RaftReady, at name: NodeID) {
        if let snapshot = ready.restoredSnapshot {
            self.counts.restoredSnapshots += 1
            self.members[name]?.machine = snapshot.bytes
        }
        for entry in ready.committed {
            let disks = self.members.mapValues(\.disk)
            self.checks.committed(entry, at: name, disks: disks, self.node(name)?.membership)
            if case .command(let bytes) = entry.content { self.members[name]?.machine += bytes }
            if self.node(name)?.term == entry.term, self.leader == name {
                self.checks.acknowledge(entry.index)
            }
        }
        guard !ready.committed.isEmpty || ready.restoredSnapshot != nil else { return }
        let isNew = ready.restoredSnapshot != nil
        self.checks.machine(
            self.members[name]?.machine ?? [], of: name,
            last: isNew ? .max : ready.committed.count * 2)
    }

    private func answerReads(_ ready: RaftReady, at name: NodeID) {
        for ticket in ready.readsReady {
            guard let needed = self.pendingReads[name]?.removeValue(forKey: ticket) else {
                continue
            }
            self.counts.reads += 1
            self.checks.readSees(self.node(name)?.applied ?? .zero, needed: needed, at: name)
        }
        for ticket in ready.readsFailed { self.pendingReads[name]?[ticket] = nil }
    }

    private func send(_ messages: [RaftMessage]) {
        for message in messages {
            if self.time % 16 == 0, (try? RaftMessage(decoding: message.encoded)) != message {
                self.checks.problems.append("\(message) does not survive its bytes")
            }
            if self.random.happens(self.faults.drop) { continue }
            self.travel(message)
            if self.random.happens(self.faults.duplicate) { self.travel(message) }
        }
    }

    private func travel(_ message: RaftMessage) {
        let dueAt = self.time + Int.random(in: self.faults.delay, using: &self.random)
        self.travelling[max(dueAt, self.time + 1), default: []].append(message)
    }
}
