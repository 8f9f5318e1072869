import Chaos
import Glibc

/// A cluster under load with everything at hand that breaks, watches and mends it.
///
/// The methods of its extensions are the faults. Each leaves the cluster whole, and returns only
/// then, or throws.
struct Stage {
    /// An election, a restart or a catch-up that takes longer has failed.
    static let healsWithin: Duration = .seconds(60)
    static let electsWithin: Duration = .seconds(30)

    var cluster: Cluster
    let watch: ClusterWatch
    var run: VerifyRun
    let nemesis: Nemesis
    var generator: SeededGenerator
    /// Histories beside the workload's and the nemesis's own.
    var histories: [String] = []
    let tell: @Sendable (String) -> Void

    /// A group, drawn from the seed.
    mutating func anyGroup() throws -> String {
        guard let group = self.cluster.plan.groups.randomElement(using: &self.generator) else {
            throw LabError.failed("the cluster has no broker group")
        }
        return group
    }

    func master(of group: String) throws -> Node {
        let address = self.watch.view.master(of: group)
        guard let plan = address.flatMap({ self.cluster.plan.node(at: $0) }) else {
            throw LabError.failed("\(group) has no master")
        }
        return try self.cluster.node(plan.name)
    }

    func replicas(of group: String) throws -> [Node] {
        let master = try self.master(of: group).name
        return try self.cluster.plan.brokers(of: group).filter { $0.name != master }
            .map { try self.cluster.node($0.name) }
    }

    var controllers: [Node] { self.cluster.nodes.filter { $0.plan.kind == .controller } }

    func leader() throws -> Node {
        let address = self.watch.view.leader
        guard let plan = address.flatMap({ self.cluster.plan.node(at: $0) }) else {
            throw LabError.failed("the controllers have no leader")
        }
        return try self.cluster.node(plan.name)
    }

    /// Lets the faulty state last.
    func hold(_ duration: Duration) throws { _ = try wait(atMost: duration) { false } }

    /// Kills the nodes at the same time.
    ///
    /// - Returns: the proof.
    func kill(_ nodes: [Node]) throws -> String {
        let pids = nodes.map { $0.process?.pid ?? 0 }
        for node in nodes { node.process?.signal(SIGKILL) }
        for (node, pid) in zip(nodes, pids) {
            let isGone = try wait(atMost: .seconds(10), every: .milliseconds(1)) { !node.isAlive }
            guard isGone else { throw LabError.failed("\(node.name) survives SIGKILL") }
            self.tell("\(node.name) killed (kill -9, pid \(pid))")
        }
        return zip(nodes, pids).map { "\($0.name) (pid \($1)) ended by SIGKILL" }
            .joined(separator: ", ")
    }

    func start(_ nodes: [Node]) throws {
        try self.cluster.restart(nodes) { _ in }
        self.tell("\(nodes.map(\.name).joined(separator: ", ")) started again")
    }

    /// Waits for a master of a later epoch.
    ///
    /// - Returns: the proof; nil if there was none in time.
    func awaitMaster(of group: String, after epoch: UInt32) throws -> String? {
        let view = try self.watch.wait(atMost: Self.electsWithin) {
            $0.epoch(of: group) > epoch && $0.master(of: group) != nil
        }
        guard let view, let master = view.master(of: group) else { return nil }
        let name = self.cluster.plan.node(at: master)?.name ?? master
        return "epoch \(epoch) became \(view.epoch(of: group)) with \(name)"
    }

    /// Waits until every broker is in step and every name server knows all masters.
    func awaitWhole() throws {
        try self.cluster.waitUntilRouted(within: Self.healsWithin)
        let isSeen = try self.watch.wait(atMost: .seconds(10)) {
            self.cluster.plan.flaws(of: $0).isEmpty
        }
        guard isSeen != nil else {
            let flaws = self.cluster.plan.flaws(of: self.watch.view)
            throw LabError.failed("the cluster is not whole: \(flaws.joined(separator: "; "))")
        }
    }

    func place(of master: Node, _ group: String) -> MasterPlace {
        MasterPlace(group: group, address: master.plan.address)
    }

    /// Mends whatever a fault that failed half-way has left, so that the run can still be judged.
    func mendAll() throws {
        try self.cluster.network?.heal()
        for node in self.cluster.nodes where node.state == .paused { try node.resume() }
        let dead = self.cluster.nodes.filter { !$0.isAlive }
        if !dead.isEmpty { try self.cluster.restart(dead) { _ in } }
    }
}
