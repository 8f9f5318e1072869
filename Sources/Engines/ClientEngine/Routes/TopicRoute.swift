package import MessageFormat
package import RemotingProtocol

/// A topic's route as clients use it: queues in their common order, and brokers' addresses.
package struct TopicRoute: Hashable, Sendable {
    /// More queues than this on one broker are not believed.
    private static let queuesMax: Int32 = 16_384

    package var topic: String
    /// Queues to send to: of brokers that permit it and have a master.
    package var writeQueues: [MessageQueue]
    /// The same and those of brokers that have no master now: sharding keys are shared out among
    /// these, so that a key keeps its queue while a master is elected.
    package var keyedQueues: [MessageQueue]
    package var readQueues: [MessageQueue]
    /// Broker name to id to address; id 0 is the master.
    package var brokers: [String: [Int64: String]]
    /// The clusters that the brokers belong to.
    package var clusters: Set<String>

    /// - Parameter templateQueuesMax: set if `data` is the template's route and the topic does not
    ///   exist yet: how many queues per broker it will get.
    package init(topic: String, data: TopicRouteData, templateQueuesMax: Int32? = nil) {
        self.topic = topic
        self.brokers = Dictionary(
            data.brokers.map { ($0.brokerName, $0.addresses) }, uniquingKeysWith: { $1 })
        self.clusters = Set(data.brokers.map(\.cluster).filter { !$0.isEmpty })
        self.writeQueues = []
        self.keyedQueues = []
        self.readQueues = []
        for queue in data.queues {
            var writes = queue.writeQueues
            if let templateQueuesMax { writes = min(templateQueuesMax, queue.readQueues) }
            let addresses = self.brokers[queue.brokerName]
            if queue.permission.contains(.write), addresses != nil {
                let queues = Self.queues(topic, queue.brokerName, writes)
                self.keyedQueues += queues
                if addresses?[0] != nil { self.writeQueues += queues }
            }
            if queue.permission.contains(.read), self.brokers[queue.brokerName] != nil {
                self.readQueues += Self.queues(topic, queue.brokerName, queue.readQueues)
            }
        }
        if let ordered = Self.ordered(topic, data.orderTopicConf) {
            self.writeQueues = ordered
            self.keyedQueues = ordered
        }
        self.writeQueues.sort()
        self.keyedQueues.sort()
        self.readQueues.sort()
    }

    package func masterAddress(of broker: String) -> String? { self.brokers[broker]?[0] }

    /// The address of that broker id, else of the master, else of any replica.
    package func address(of broker: String, preferring id: Int64 = 0) -> String? {
        guard let addresses = self.brokers[broker] else { return nil }
        return addresses[id] ?? addresses[0] ?? addresses.min { $0.key < $1.key }?.value
    }

    var brokersWithMaster: Set<String> { Set(self.brokers.filter { $0.value[0] != nil }.keys) }

    /// Broker names with their masters' addresses, in order.
    var masters: [(broker: String, address: String)] {
        self.brokers.compactMap { name, addresses in addresses[0].map { (name, $0) } }
            .sorted { $0.0 < $1.0 }
    }

    /// Every address, sorted.
    package var addresses: [String] {
        Set(self.brokers.values.flatMap(\.values)).sorted()
    }

    package var masterAddresses: [String] {
        Set(self.brokers.values.compactMap { $0[0] }).sorted()
    }

    private static func queues(
        _ topic: String, _ broker: String, _ count: Int32
    ) -> [MessageQueue] {
        (0..<max(0, min(count, Self.queuesMax))).map {
            MessageQueue(topic: topic, brokerName: broker, queueID: $0)
        }
    }

    /// `broker-a:4;broker-b:4`: exactly these queues, whether their brokers are there or not.
    private static func ordered(_ topic: String, _ conf: String?) -> [MessageQueue]? {
        guard let conf, !conf.isEmpty else { return nil }
        return conf.split(separator: ";").flatMap { entry -> [MessageQueue] in
            let parts = entry.split(separator: ":")
            guard parts.count == 2, let count = Int32(parts[1]) else { return [] }
            return Self.queues(topic, String(parts[0]), count)
        }
    }
}
