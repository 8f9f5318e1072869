import Chaos

extension Stage {
    /// A broker without data joins: it must copy the group's whole log before it counts.
    mutating func addBroker(to group: String) throws {
        let plan = self.cluster.plan.anotherBroker(
            of: group, dataDirectory: self.cluster.dataDirectory)
        let larger = try self.cluster.adding(plan) { _ in }
        self.tell("\(plan.name) started with an empty disk")
        self.cluster = larger
        self.watch.use(larger.plan)
        try self.nemesis.during(Fault(name: "add-broker", target: plan.name)) {
            let joined = try self.watch.wait(atMost: Self.healsWithin) {
                $0.inSync(group).contains(plan.address)
            }
            return joined == nil ? "" : "\(plan.name) is in the in-sync set of \(group)"
        }
        try self.awaitWhole()
    }
}
