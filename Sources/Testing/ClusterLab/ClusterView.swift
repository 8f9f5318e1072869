import MessageFormat
package import RemotingProtocol

/// What the controllers have committed, as their leader tells it at one moment.
package struct ClusterView: Hashable, Sendable {
    /// The leading controller's address; nil: none says that it leads.
    package var leader: String?
    /// By broker name.
    package var groups: [String: GroupReplicas] = [:]

    package init() {}

    /// - Parameter last: whom to ask first.
    package init(asking access: ControlAccess, last: String? = nil) {
        for leader in [last, nil] {
            guard let leader = leader ?? access.findLeader(),
                let groups = access.groups(from: leader)
            else { continue }
            self.leader = leader
            self.groups = groups
            return
        }
    }

    package func isMaster(_ node: NodePlan) -> Bool {
        node.group.flatMap { self.master(of: $0) } == node.address
    }

    /// The address of a group's master; nil if it has none.
    package func master(of group: String) -> String? {
        self.groups[group].flatMap { $0.masterAddress.isEmpty ? nil : $0.masterAddress }
    }

    package func epoch(of group: String) -> UInt32 { self.groups[group]?.masterEpoch.value ?? 0 }

    /// The addresses of those who hold everything acknowledged.
    package func inSync(_ group: String) -> Set<String> {
        Set((self.groups[group]?.inSync ?? []).map(\.brokerAddress))
    }
}

extension ClusterPlan {
    /// What keeps the cluster from being as it should be; empty if nothing does.
    ///
    /// - Parameter down: addresses of brokers that nobody expects.
    package func flaws(of view: ClusterView, without down: Set<String> = []) -> [String] {
        guard view.leader != nil else { return ["the controllers have no leader"] }
        return self.groups.flatMap { group -> [String] in
            let wanted = Set(self.brokers(of: group).map(\.address)).subtracting(down)
            if wanted.isEmpty { return [] }
            guard let master = view.master(of: group) else { return ["\(group) has no master"] }
            if down.contains(master) { return ["\(group)'s master is one that is down"] }
            let missing = wanted.subtracting(view.inSync(group)).sorted()
            return missing.map { "\(self.node(at: $0)?.name ?? $0) is not in step with \(group)" }
        }
    }
}
