import MessageFormat

/// Where a topic is: its queues, and the brokers that have them. Sorted by broker name.
package struct TopicRoute: Hashable, Sendable {
    package struct Broker: Hashable, Sendable {
        package var cluster: String
        package var name: String
        package var addresses: [Int64: String]
        package var usesActingMaster: Bool
    }
    package struct Queues: Hashable, Sendable {
        package var brokerName: String
        package var share: QueueShare
    }

    package var brokers: [Broker]
    package var queues: [Queues]
}

extension RouteTable {
    /// A topic's route, or nil if nobody has it.
    ///
    /// - parameter presentsActingMaster: a group shows its smallest id as the master where the topic
    ///   is not writable, so that consumers that read only from masters go on without one. Only for
    ///   groups that ask for it.
    package func route(of topic: String, presentsActingMaster: Bool = false) -> TopicRoute? {
        guard let shares = self.topics.shares(of: topic) else { return nil }
        var route = TopicRoute(brokers: [], queues: [])
        for (name, share) in shares.sorted(by: { $0.key < $1.key }) {
            guard let group = self.groups[name] else { continue }
            let standsIn = presentsActingMaster && !share.permission.contains(.write)
            route.queues.append(TopicRoute.Queues(brokerName: name, share: share))
            route.brokers.append(self.broker(name, of: group, presentsActingMaster: standsIn))
        }
        return route
    }

    /// All brokers, sorted by name.
    package var brokers: [TopicRoute.Broker] {
        self.groups.sorted { $0.key < $1.key }.map { name, group in
            self.broker(name, of: group, presentsActingMaster: false)
        }
    }

    /// The broker names of each cluster, sorted.
    package var clusters: [String: [String]] {
        Dictionary(grouping: self.groups.keys.sorted()) { self.groups[$0]?.cluster ?? "" }
    }

    private func broker(
        _ name: String, of group: BrokerGroup, presentsActingMaster: Bool
    ) -> TopicRoute.Broker {
        var addresses = group.members.mapValues(\.address)
        if presentsActingMaster, group.usesActingMaster, let smallest = group.smallestID {
            addresses[BrokerGroup.masterID] = addresses.removeValue(forKey: smallest)
        }
        return TopicRoute.Broker(
            cluster: group.cluster, name: name, addresses: addresses,
            usesActingMaster: group.usesActingMaster)
    }
}
