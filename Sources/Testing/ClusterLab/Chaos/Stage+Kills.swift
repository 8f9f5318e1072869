import Chaos
import Glibc

extension Stage {
    private static let staysDead: Duration = .seconds(1)

    func killMaster(of group: String) throws {
        let master = try self.master(of: group)
        let epoch = self.watch.view.epoch(of: group)
        let fault = Fault(
            name: "kill-master", target: master.name, master: self.place(of: master, group))
        try self.nemesis.during(fault) {
            let killed = try self.kill([master])
            let elected = try self.awaitMaster(of: group, after: epoch)
            try self.hold(Self.staysDead)
            try self.start([master])
            return elected.map { "\(killed); \($0)" } ?? ""
        }
        try self.awaitWhole()
    }

    /// The group's master and the controllers' leader at the same time.
    func killMasterAndLeader(of group: String) throws {
        let nodes = try [self.master(of: group), self.leader()]
        let epoch = self.watch.view.epoch(of: group)
        let fault = Fault(
            name: "kill-master-and-leader", target: nodes.map(\.name).joined(separator: "+"),
            master: self.place(of: nodes[0], group))
        try self.nemesis.during(fault) {
            let killed = try self.kill(nodes)
            let elected = try self.awaitMaster(of: group, after: epoch)
            try self.hold(Self.staysDead)
            try self.start(nodes)
            return elected.map { "\(killed); \($0)" } ?? ""
        }
        try self.awaitWhole()
    }

    mutating func killReplica(of group: String) throws {
        let replicas = try self.replicas(of: group)
        guard let replica = replicas.randomElement(using: &self.generator) else {
            throw LabError.failed("\(group) has no replica")
        }
        let address = replica.plan.address
        try self.nemesis.during(Fault(name: "kill-replica", target: replica.name)) {
            let killed = try self.kill([replica])
            let shrunk = try self.watch.wait(atMost: Self.electsWithin) {
                !$0.inSync(group).contains(address)
            }
            try self.hold(Self.staysDead)
            try self.start([replica])
            return shrunk == nil ? "" : "\(killed); left the in-sync set of \(group)"
        }
        try self.awaitWhole()
    }

    func killControllerLeader() throws {
        let leader = try self.leader()
        let address = leader.plan.address
        try self.nemesis.during(Fault(name: "kill-controller-leader", target: leader.name)) {
            let killed = try self.kill([leader])
            let elected = try self.watch.wait(atMost: Self.electsWithin) {
                $0.leader != nil && $0.leader != address
            }
            try self.hold(Self.staysDead)
            try self.start([leader])
            let name = elected?.leader.flatMap { self.cluster.plan.node(at: $0)?.name }
            return name.map { "\(killed); \($0) leads" } ?? ""
        }
        try self.awaitWhole()
    }

    func killAllControllers() throws {
        try self.nemesis.during(Fault(name: "kill-all-controllers", target: "controllers")) {
            let killed = try self.kill(self.controllers)
            try self.hold(.seconds(3))
            try self.start(self.controllers)
            let elected = try self.watch.wait(atMost: Self.electsWithin) { $0.leader != nil }
            return elected == nil ? "" : "\(killed); a leader again"
        }
        try self.awaitWhole()
    }

    func killGroup(_ group: String) throws {
        let master = try self.master(of: group)
        let brokers = try [master] + self.replicas(of: group)
        let epoch = self.watch.view.epoch(of: group)
        try self.nemesis.during(Fault(name: "kill-group", target: group)) {
            let killed = try self.kill(brokers)
            try self.hold(Self.staysDead)
            try self.start(brokers)
            let elected = try self.awaitMaster(of: group, after: epoch)
            return elected.map { "\(killed); \($0)" } ?? ""
        }
        try self.awaitWhole()
    }

    /// Each broker, replicas first, then each controller, as an upgrade would.
    func rollingRestart() throws {
        let before = Set(self.cluster.nodes.compactMap(\.process))
        for group in self.cluster.plan.groups {
            for node in try self.replicas(of: group) + [self.master(of: group)] {
                try self.restartInOrder(node, group: group)
            }
        }
        for node in self.controllers { try self.restartInOrder(node, group: nil) }
        let same = self.controllers.compactMap(\.process).filter(before.contains)
        guard same.isEmpty else { throw LabError.failed("a controller was not restarted") }
    }

    private func restartInOrder(_ node: Node, group: String?) throws {
        let place = try group.map { group in
            let master = try self.master(of: group)
            return master.name == node.name ? self.place(of: node, group) : nil
        }
        let old = node.process?.pid ?? 0
        try self.nemesis.during(
            Fault(name: "restart", target: node.name, master: place ?? nil)
        ) {
            self.tell("\(node.name) is stopped in order")
            try self.cluster.restart([node]) { _ in }
            let new = node.process?.pid ?? 0
            return new == old ? "" : "pid \(old) became \(new)"
        }
        try self.awaitWhole()
    }

    mutating func killConsumer() throws {
        let consumer = try ExtraConsumer(beside: self.run, on: self.cluster)
        self.histories.append(consumer.history)
        self.tell("one more consumer joins the group (pid \(consumer.pid))")
        do {
            let count = try consumer.waitForReceived(50)
            try self.nemesis.during(Fault(name: "kill-consumer", target: "extra-consumer")) {
                try self.nemesis.kill(consumer.process, consumer.member)
                return "pid \(consumer.pid) ended by SIGKILL after \(count) messages"
            }
            self.tell("it is killed after \(count) messages (kill -9)")
        } catch {
            consumer.process.kill()
            throw error
        }
    }
}
