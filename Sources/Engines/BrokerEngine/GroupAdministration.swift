import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Consumer and producer groups, for operators.
extension BrokerEngine {
    mutating func updateGroup(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.putGroup(try SubscriptionGroupConfig(bodyOf: command))
        self.succeedWhenConfirmed(caller)
    }

    mutating func deleteGroup(_ command: ReceivedCommand, from caller: Caller) throws {
        let name = try command.requiredString("groupName")
        guard !self.delivery.groups.isSystem(name) else {
            throw Refusal(.invalidParameter, "the group \(name) belongs to the broker")
        }
        if self.delivery.groups.delete(name, at: self.now.wall) {
            _ = self.append(self.delivery.record(ofGroup: name))
        }
        self.forgetPops(ofGroup: name)
        if try command.bool("cleanOffset") ?? false, self.delivery.offsets.remove(group: name) {
            _ = self.append(DeliveryState.recordOfRemovedOffsets(group: name))
        }
        self.succeedWhenConfirmed(caller)
    }

    mutating func allGroups(_ caller: Caller) {
        let groups = self.delivery.groups
        let table = SubscriptionGroupTable(groups: groups.all, dataVersion: groups.dataVersion)
        self.succeed(caller, body: table.encoded)
    }

    mutating func groupConfig(_ command: ReceivedCommand, from caller: Caller) throws {
        let name = try command.requiredString("group")
        guard let config = self.delivery.groups.config(name) else {
            throw Refusal(
                .subscriptionGroupNotExist, "the consumer group \(name) does not exist")
        }
        self.succeed(caller, body: config.encoded)
    }

    /// How far a group has come: for each queue the broker's end and the group's offset.
    mutating func consumeStats(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        var topics = self.delivery.offsets.topics(of: group)
        if let topic = command.nonEmptyString("topic") { topics = [topic] }
        if let list = command.nonEmptyString("topicList") {
            topics = Set(list.split(separator: ";").prefix(1_000).map(String.init)).sorted()
        }
        let subscribed = self.consumers.group(group)?.subscriptions ?? [:]
        if !subscribed.isEmpty { topics.removeAll { subscribed[$0] == nil } }
        var queues: [MessageQueue: ConsumeStats.Queue] = [:]
        for config in topics.compactMap({ self.delivery.topics.config($0) }) {
            for queueID in 0..<config.readQueues {
                queues[self.messageQueue(config.name, queueID)] = self.progress(
                    of: group, config.name, queueID)
            }
        }
        self.succeed(caller, body: ConsumeStats(queues: queues).encoded)
    }

    private func progress(
        of group: String, _ topic: String, _ queueID: Int32
    ) -> ConsumeStats.Queue {
        let end = self.queues.queue(QueueKey(topic: topic, queueID: queueID))?.visibleEnd.value ?? 0
        let offset =
            self.delivery.offsets.offset(group: group, topic: topic, queueID: queueID)?.value ?? 0
        return .init(
            brokerOffset: end, consumerOffset: offset, pullOffset: offset, lastTimestamp: 0)
    }

    mutating func consumerConnections(_ command: ReceivedCommand, from caller: Caller) throws {
        let name = try command.requiredString("consumerGroup")
        guard let group = self.consumers.group(name) else {
            throw Refusal(.consumerNotOnline, "the consumer group \(name) is not online")
        }
        let consumers = ConnectionList.Consumers(
            consumeType: ConsumeType(rawValue: group.type.rawValue) ?? .passively,
            messageModel: MessageModel(rawValue: group.model.rawValue) ?? .clustering,
            consumeFromWhere: ConsumeFromWhere(rawValue: group.from.rawValue) ?? .lastOffset,
            subscriptions: group.subscriptions.values.map {
                SubscriptionData(
                    topic: $0.topic, expression: $0.expression,
                    expressionType: $0.expressionType, version: $0.version)
            })
        let list = ConnectionList(
            connections: group.members.sorted.map(ClientConnection.init(_:)),
            consumers: consumers)
        self.succeed(caller, body: list.encoded)
    }

    mutating func producerConnections(_ command: ReceivedCommand, from caller: Caller) throws {
        let name = try command.requiredString("producerGroup")
        let members = self.producers.members(of: name)
        guard !members.isEmpty else {
            throw Refusal(.systemError, "the producer group \(name) is not online")
        }
        let list = ConnectionList(connections: members.map(ClientConnection.init(_:)))
        self.succeed(caller, body: list.encoded)
    }

    mutating func allConsumerOffsets(_ caller: Caller) {
        var table: [String: [Int32: Int64]] = [:]
        for record in self.delivery.offsets.all {
            table["\(record.topic)@\(record.group)", default: [:]][record.queueID] =
                record.offset.value
        }
        self.succeed(caller, body: ConsumerOffsetTable(offsets: table).encoded)
    }

    mutating func topicsOfGroup(_ command: ReceivedCommand, from caller: Caller) throws {
        let topics = self.delivery.offsets.topics(of: try command.requiredString("group"))
        self.succeed(caller, body: TopicList(topics: topics).encoded)
    }

    mutating func subscriptionOf(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("group")
        let topic = try command.requiredString("topic")
        var body: [JSONMember] = [
            JSONMember("group", .string(group)), JSONMember("topic", .string(topic)),
        ]
        if let live = self.consumers.subscription(group: group, topic: topic) {
            let data = SubscriptionData(
                topic: topic, expression: live.expression, expressionType: live.expressionType,
                version: live.version)
            body.insert(JSONMember("subscriptionData", data.json), at: 1)
        }
        self.succeed(caller, body: JSONValue.object(body).encoded)
    }
}

extension ClientConnection {
    init(_ member: GroupMember) {
        self.init(
            clientID: member.clientID, address: member.address,
            language: LanguageCode(rawValue: member.language), version: member.version)
    }
}
