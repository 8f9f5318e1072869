import DeliveryCore
import MessageFormat
import RemotingProtocol

// Who is there: heartbeats, group members, queue locks.
extension BrokerEngine {
    private static let groupsPerHeartbeatMax = 1_024
    /// It is told to all members of a group, and kept in the group's history.
    private static let clientIDBytesMax = 255

    mutating func heartbeat(_ command: ReceivedCommand, from caller: Caller) throws {
        let data = try HeartbeatData(bodyOf: command)
        guard data.clientID.utf8.count <= Self.clientIDBytesMax else {
            throw Refusal(
                .systemError, "a client id has at most \(Self.clientIDBytesMax) bytes")
        }
        let refused = self.producers.refusedCount + self.consumers.refusedCount
        let member = GroupMember(
            connection: ConnectionKey(caller.connection.value), clientID: data.clientID,
            language: caller.language.rawValue, version: caller.version,
            address: caller.remote.description, lastSeen: self.now.tick,
            lease: Self.lease(in: command))
        for group in data.producers where ResourceName.problem(withGroup: group) == nil {
            let isFirst = self.producers.clientIDs(of: group).isEmpty
            self.producers.heartbeat(group: group, member: member, at: self.now.tick)
            if isFirst {
                self.delivery.transactions.producerCame(to: group, at: self.now.tick)
            }
        }
        guard data.consumers.count <= Self.groupsPerHeartbeatMax else {
            throw Refusal(
                .systemError,
                "a heartbeat names at most \(Self.groupsPerHeartbeatMax) consumer groups")
        }
        // One group's mistake does not keep the others from being heard of.
        var problem: Refusal?
        for consumer in data.consumers {
            if let mistake = self.problem(with: consumer.subscriptions) {
                problem = problem ?? mistake
            } else {
                try self.heartbeat(of: consumer, member)
            }
        }
        if let problem { throw problem }
        guard self.producers.refusedCount + self.consumers.refusedCount == refused else {
            throw Refusal(
                .systemBusy, "clients are in too many groups, or subscribe to too much, together")
        }
        self.succeed(caller, ["IS_SUB_CHANGE": "true"])
    }

    /// Our clients say after how much silence they want to be given up.
    private static func lease(in command: ReceivedCommand) -> Duration? {
        guard let milliseconds = try? command.int64("apusLease"), milliseconds > 0 else {
            return nil
        }
        return .milliseconds(min(milliseconds, 86_400_000))
    }

    private mutating func heartbeat(of data: ConsumerData, _ member: GroupMember) throws {
        // A group that cannot be is skipped: the rest of the heartbeat counts.
        guard let group = try? self.findOrMakeGroup(data.group) else { return }
        if self.mayServe { try self.makeRetryTopic(of: group) }
        let effects = self.consumers.heartbeat(
            group: data.group, member: member, type: .init(data.consumeType),
            model: .init(data.messageModel), from: .init(data.consumeFromWhere),
            subscriptions: data.subscriptions.map(Subscription.init(_:)),
            notifyEnabled: group.notifyConsumerIDsChangedEnable, at: self.now.tick)
        self.tell(effects)
    }

    private mutating func makeRetryTopic(of group: SubscriptionGroupConfig) throws {
        let topic = ResourceName.retryPrefix + group.name
        guard group.retryQueues > 0, self.delivery.topics.config(topic) == nil else { return }
        try self.putTopic(
            TopicConfig(
                name: topic, readQueues: group.retryQueues, writeQueues: group.retryQueues))
    }

    /// The group's settings; a new group is made when that is allowed.
    mutating func findOrMakeGroup(_ name: String) throws -> SubscriptionGroupConfig {
        switch self.delivery.groups.decideAutoCreate(group: name) {
        case .exists(let config): return config
        case .create(let config):
            try self.putGroup(config)
            return config
        case .refused(let reason): throw Refusal(.subscriptionGroupNotExist, reason)
        }
    }

    mutating func unregisterClient(_ command: ReceivedCommand, from caller: Caller) throws {
        let clientID = try command.requiredString("clientID")
        let connection = ConnectionKey(caller.connection.value)
        if let group = command.nonEmptyString("producerGroup") {
            self.producers.unregister(group: group, clientID: clientID, connection: connection)
        }
        if let group = command.nonEmptyString("consumerGroup") {
            let notify =
                self.delivery.groups.config(group)?.notifyConsumerIDsChangedEnable ?? true
            self.tell(
                self.consumers.unregister(
                    group: group, clientID: clientID, connection: connection,
                    notifyEnabled: notify))
            self.locks.released(group: group, clientID: clientID)
            self.logLocks()
        }
        self.succeed(caller)
    }

    mutating func consumerList(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let clients = self.consumers.clientIDs(of: group)
        guard !clients.isEmpty else {
            throw Refusal(.systemError, "no consumer for this group, \(group)")
        }
        self.succeed(caller, body: ConsumerIDList(clientIDs: clients).encoded)
    }
}

extension Subscription {
    init(_ data: SubscriptionData) {
        // Tags are taken from the expression: some clients send hash codes that are wrong.
        let own = SubscriptionData(
            topic: data.topic, expression: data.expression, expressionType: data.expressionType,
            version: data.version)
        self.init(
            topic: own.topic, expression: own.expression, expressionType: own.expressionType,
            tagHashes: Set(own.codes), tags: own.tags, version: own.version)
    }
}

// The wire's enumerations and the core's, which knows no wire.
extension ConsumerGroup.ConsumeType {
    init(_ type: ConsumeType) { self = Self(rawValue: type.rawValue) ?? .passively }
}

extension ConsumerGroup.MessageModel {
    init(_ model: MessageModel) { self = Self(rawValue: model.rawValue) ?? .clustering }
}

extension ConsumerGroup.ConsumeFrom {
    /// The deprecated names all mean the last offset.
    init(_ from: ConsumeFromWhere) { self = Self(rawValue: from.rawValue) ?? .lastOffset }
}
