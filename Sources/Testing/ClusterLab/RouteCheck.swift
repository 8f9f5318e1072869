import RemotingProtocol

extension Cluster {
    /// A broker registers at once when it has started, and again at its next turn if a name
    /// server was not there yet.
    private static let servesWithin: Duration = .seconds(30)

    /// Waits until the cluster is whole: controllers agree on a master for each group and every
    /// broker that runs is in step, and every name server that runs knows all masters. From then on
    /// clients find everything, whichever name server they ask.
    package func waitUntilRouted(within limit: Duration = Self.servesWithin) throws {
        let access = ControlAccess(self)
        var flaws: [String] = []
        let isWhole = try wait(atMost: limit, every: .milliseconds(50)) {
            flaws = self.flaws(access)
            return flaws.isEmpty
        }
        guard isWhole else {
            throw LabError.failed(
                "cluster \(self.name) is not whole after \(limit): "
                    + flaws.joined(separator: "; ") + "; see cluster/launch logs NODE")
        }
    }

    private func flaws(_ access: ControlAccess) -> [String] {
        let running = self.nodes.filter { $0.state == .running }.map(\.plan)
        var masters: [String: String] = [:]
        if self.plan.options.controllers > 0 {
            let view = ClusterView(asking: access)
            let down = self.plan.brokers.filter { !running.contains($0) }.map(\.address)
            let flaws = self.plan.flaws(of: view, without: Set(down))
            if !flaws.isEmpty { return flaws }
            for group in Set(running.compactMap(\.group)) {
                masters[group] = view.master(of: group)
            }
        } else {
            for broker in running {
                if let group = broker.group { masters[group] = broker.address }
            }
        }
        return running.filter { $0.kind == .nameServer }.flatMap { nameServer -> [String] in
            let info = access.clusterInfo(from: nameServer.address)
            return masters.keys.sorted().filter {
                info?.brokers[$0]?.masterAddress != masters[$0] || masters[$0] == nil
            }.map { "\(nameServer.name) does not know the master of \($0)" }
        }
    }
}
