import ClientEngine
import MessageFormat
import RemotingProtocol

/// A topic as a broker keeps it.
public struct TopicSettings: Hashable, Sendable {
    /// How many queues consumers see on each broker.
    public var readQueues: Int
    /// How many queues producers see on each broker.
    public var writeQueues: Int
    /// Whether consumers may read it.
    public var isReadable: Bool
    /// Whether producers may send to it.
    public var isWritable: Bool

    /// A topic that may be read and written, with eight queues on each broker, unless told
    /// otherwise.
    public init(
        readQueues: Int = 8, writeQueues: Int = 8, isReadable: Bool = true,
        isWritable: Bool = true
    ) {
        self.readQueues = readQueues
        self.writeQueues = writeQueues
        self.isReadable = isReadable
        self.isWritable = isWritable
    }

    fileprivate var permission: TopicPermission {
        var permission: TopicPermission = []
        if self.isReadable { permission.insert(.read) }
        if self.isWritable { permission.insert(.write) }
        return permission
    }
}

/// Where a topic's queues are.
public struct TopicRouteDescription: Hashable, Sendable {
    /// Its name.
    public var topic: String
    /// What consumers read, sorted.
    public var readQueues: [TopicQueue]
    /// What producers send to, sorted.
    public var writeQueues: [TopicQueue]
    /// Broker name to broker id to address; id 0 is the master.
    public var brokers: [String: [Int: String]]
}

/// How far a queue reaches.
public struct QueueStatistics: Hashable, Sendable {
    /// The offset of the oldest message that is there.
    public var minOffset: Int64
    /// The offset that the next message will get.
    public var maxOffset: Int64
    /// Of the newest message, in milliseconds since 1970; 0 if there is none.
    public var lastUpdateTimestamp: Int64

    /// Messages that are there, consumed or not.
    public var messageCount: Int64 { self.maxOffset - self.minOffset }
}

extension Admin {
    /// Creates the topic, or changes it, on each of the brokers. Returns when name servers tell
    /// clients of it, so that the next send finds all its queues.
    ///
    /// Throws `timedOut` if the brokers have it and the name servers do not show it in time.
    public func createTopic(
        _ topic: String, _ settings: TopicSettings = TopicSettings(),
        on selection: BrokerSelection = .all
    ) async throws(ApusClientError) {
        if let problem = ResourceName.problem(withTopic: topic) {
            throw ApusClientError(.invalidArgument, problem)
        }
        let fields: KeyValuePairs<String, String> = [
            "defaultTopic": SystemTopic.autoCreate, "order": "false",
            "perm": String(settings.permission.rawValue),
            "readQueueNums": String(settings.readQueues), "topic": topic,
            "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0",
            "writeQueueNums": String(settings.writeQueues),
        ]
        let addresses = try await self.masters(selection)
        for address in addresses {
            _ = try await self.connection.call(
                .request(.updateAndCreateTopic, fields: fields), to: address,
                during: "creating topic \(topic)")
        }
        try await self.awaitRoute(of: topic, settings, on: addresses)
    }

    private func awaitRoute(
        of topic: String, _ settings: TopicSettings, on addresses: [String]
    ) async throws(ApusClientError) {
        let deadline = ContinuousClock.now + self.connection.configuration.requestTimeout
        while true {
            if let route = try? await self.connection.route(of: topic),
                addresses.allSatisfy({ route.shows(settings, at: $0) })
            {
                return
            }
            guard ContinuousClock.now < deadline else {
                throw ApusClientError(
                    .timedOut,
                    "topic \(topic) is created, but the name servers do not show it yet")
            }
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                throw ApusClientError(.cancelled, "waiting for the route of topic \(topic)")
            }
        }
    }

    /// Deletes the topic, with its messages, from the brokers and the name servers.
    public func deleteTopic(
        _ topic: String, on selection: BrokerSelection = .all
    ) async throws(ApusClientError) {
        let what = "deleting topic \(topic)"
        for address in try await self.masters(selection) {
            _ = try await self.connection.call(
                .request(.deleteTopicInBroker, fields: ["topic": topic]), to: address,
                during: what)
        }
        for address in self.connection.configuration.nameServers {
            _ = try await self.connection.call(
                .request(.deleteTopicInNameServer, fields: ["topic": topic]), to: address,
                during: what)
        }
    }

    /// The names of all topics, sorted.
    public func topics() async throws(ApusClientError) -> [String] {
        let what = "asking for all topics"
        let answer = try await self.connection.callNameServer(
            .request(.getAllTopicListFromNameServer), during: what)
        return try ClientConnection.body(TopicList.self, of: answer, during: what).topics.sorted()
    }

    /// Where the topic's queues are now.
    ///
    /// - Throws: `topicNotFound` if no name server knows the topic.
    public func route(
        of topic: String
    ) async throws(ApusClientError) -> TopicRouteDescription {
        let route = try await self.connection.route(of: topic)
        return TopicRouteDescription(
            topic: topic, readQueues: route.readQueues.map { TopicQueue($0) },
            writeQueues: route.writeQueues.map { TopicQueue($0) },
            brokers: route.brokers.mapValues { addresses in
                Dictionary(
                    addresses.map { (Int($0.key), $0.value) }, uniquingKeysWith: { $1 })
            })
    }

    /// The extent of each of the topic's queues.
    public func statistics(
        of topic: String
    ) async throws(ApusClientError) -> [TopicQueue: QueueStatistics] {
        let what = "asking for the statistics of topic \(topic)"
        var statistics: [TopicQueue: QueueStatistics] = [:]
        for address in try await self.brokers(of: topic) {
            let answer = try await self.connection.call(
                .request(.getTopicStatsInfo, fields: ["topic": topic]), to: address,
                during: what)
            let table = try ClientConnection.body(TopicStatsTable.self, of: answer, during: what)
            for (queue, extent) in table.queues {
                statistics[TopicQueue(queue)] = QueueStatistics(
                    minOffset: extent.minOffset, maxOffset: extent.maxOffset,
                    lastUpdateTimestamp: extent.lastUpdateTimestamp)
            }
        }
        return statistics
    }
}

extension TopicRoute {
    /// Whether clients find the topic with these settings on the broker that has this address.
    fileprivate func shows(_ settings: TopicSettings, at address: String) -> Bool {
        guard let broker = self.brokers.first(where: { $0.value.values.contains(address) })?.key
        else { return false }
        let readable = self.readQueues.count { $0.brokerName == broker }
        let writable = self.writeQueues.count { $0.brokerName == broker }
        return readable == (settings.isReadable ? settings.readQueues : 0)
            && writable == (settings.isWritable ? settings.writeQueues : 0)
    }
}
