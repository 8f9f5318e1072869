import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Topics, for operators.
extension BrokerEngine {
    mutating func updateTopic(_ command: ReceivedCommand, from caller: Caller) throws {
        let name = try command.requiredString("topic")
        guard !self.delivery.topics.isSystem(name) else {
            throw Refusal(.invalidParameter, "the topic \(name) belongs to the broker")
        }
        // Another master spreads a topic that a send created there: what is here already stays.
        if try command.bool("onlyIfMissing") ?? false, self.delivery.topics.config(name) != nil {
            return self.succeedWhenConfirmed(caller)
        }
        let attributes = self.delivery.topics.config(name)?.attributes ?? [:]
        let config = TopicConfig(
            name: name, readQueues: try command.requiredInt32("readQueueNums"),
            writeQueues: try command.requiredInt32("writeQueueNums"),
            permission: TopicPermission(rawValue: try command.requiredInt32("perm")),
            systemFlag: try command.int32("topicSysFlag") ?? 0,
            isOrdered: try command.bool("order") ?? false,
            filterType: command.nonEmptyString("topicFilterType") ?? "SINGLE_TAG",
            attributes: try Self.attributes(
                attributes, changedBy: command.nonEmptyString("attributes") ?? ""))
        try self.putTopic(config)
        self.succeedWhenConfirmed(caller)
    }

    /// Applies `+key=value,-key`.
    private static func attributes(
        _ present: [String: String], changedBy text: String
    ) throws -> [String: String] {
        var attributes = present
        for change in text.split(separator: ",") {
            let pair = change.dropFirst().split(separator: "=", maxSplits: 1)
            switch (change.first, pair.count) {
            case ("+", 2): attributes[String(pair[0])] = String(pair[1])
            case ("-", 1): attributes[String(pair[0])] = nil
            default:
                throw Refusal(
                    .systemError, "attributes are written +key=value or -key, not \(change)")
            }
        }
        return attributes
    }

    mutating func deleteTopic(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.removeTopic(try command.requiredString("topic"))
        self.succeedWhenConfirmed(caller)
    }

    mutating func allTopics(_ caller: Caller) {
        let topics = self.delivery.topics
        let table = TopicConfigTable(topics: topics.all, dataVersion: topics.dataVersion)
        self.succeed(caller, body: table.encoded)
    }

    mutating func topicConfig(_ command: ReceivedCommand, from caller: Caller) throws {
        self.succeed(caller, body: try self.existingTopic(command).encoded)
    }

    mutating func topicStats(_ command: ReceivedCommand, from caller: Caller) throws {
        let config = try self.existingTopic(command)
        var queues: [MessageQueue: TopicStatsTable.Queue] = [:]
        for queueID in 0..<max(config.readQueues, config.writeQueues) {
            let queue = self.queues.queue(QueueKey(topic: config.name, queueID: queueID))
            let youngest = queue?.memory.last?.entries.last?.storeTimestamp.milliseconds
            queues[self.messageQueue(config.name, queueID)] = .init(
                minOffset: queue?.minOffset.value ?? 0, maxOffset: queue?.visibleEnd.value ?? 0,
                lastUpdateTimestamp: youngest ?? 0)
        }
        self.succeed(caller, body: TopicStatsTable(queues: queues).encoded)
    }

    mutating func groupsOfTopic(_ command: ReceivedCommand, from caller: Caller) throws {
        let topic = try command.requiredString("topic")
        let groups = Set(self.consumers.groups(subscribedTo: topic))
            .union(self.delivery.offsets.groups(of: topic))
        self.succeed(caller, body: GroupList(groups: groups.sorted()).encoded)
    }

    mutating func systemTopics(_ caller: Caller) {
        let topics = self.delivery.topics
        let system = topics.names.filter { topics.isSystem($0) }
        self.succeed(caller, body: TopicList(topics: system).encoded)
    }

    func existingTopic(_ command: ReceivedCommand) throws -> TopicConfig {
        let name = try command.requiredString("topic")
        guard let config = self.delivery.topics.config(name) else {
            throw Refusal(.topicNotExist, "the topic \(name) does not exist on this broker")
        }
        return config
    }

    func messageQueue(_ topic: String, _ queueID: Int32) -> MessageQueue {
        MessageQueue(topic: topic, brokerName: self.settings.brokerName, queueID: queueID)
    }
}
