import Chaos

extension Stage {
    private static let isolatedFor: Duration = .seconds(6)

    enum Isolation {
        case fromControllers, fromReplicas, fromClients, oneWay
    }

    /// Drops packets between a group's master and others, in the switch: no node can tell.
    func isolateMaster(of group: String, _ isolation: Isolation) throws {
        guard let network = self.cluster.network else {
            throw LabError.failed("the cluster has no network of its own")
        }
        let master = try self.master(of: group)
        let epoch = self.watch.view.epoch(of: group)
        let fault = Fault(
            name: "isolate-master", target: "\(master.name) \(isolation)",
            master: self.place(of: master, group))
        try self.nemesis.during(fault) {
            let before = try network.dropped()
            try self.cut(master.plan.host, isolation, group: group, network)
            self.tell("\(master.name) is cut off (\(isolation))")
            try self.hold(Self.isolatedFor)
            let dropped = try network.dropped() - before
            let elected = self.watch.view.epoch(of: group)
            try network.heal()
            self.tell("\(master.name) is connected again, \(dropped) packets were dropped")
            guard dropped > 0 else { return "" }
            let outcome = elected > epoch ? "epoch \(epoch) became \(elected)" : "still master"
            return "\(dropped) packets dropped; \(outcome)"
        }
        try self.awaitWhole()
    }

    private func cut(
        _ host: String, _ isolation: Isolation, group: String, _ network: LabNetwork
    ) throws {
        let controllers = self.cluster.plan.controllers.map(\.host)
        let replicas = self.cluster.plan.brokers(of: group).map(\.host).filter { $0 != host }
        switch isolation {
        case .fromControllers: for other in controllers { try network.cutBothWays(host, other) }
        case .fromReplicas: for other in replicas { try network.cutBothWays(host, other) }
        case .fromClients: try network.cutBothWays(host, LabNetwork.clientsAddress)
        case .oneWay: for other in controllers + replicas { try network.cut(from: host, to: other) }
        }
    }
}
