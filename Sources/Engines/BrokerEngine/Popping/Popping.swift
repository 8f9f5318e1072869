import DeliveryCore
import FilterCore
import LogCore
import MessageFormat
import RemotingProtocol

// POP: messages become invisible to others for a while (`flows.md` §13). Checks come first.
extension BrokerEngine {
    /// Most messages that one pop may ask for.
    private static let popMessagesMax = 32

    mutating func pop(_ command: ReceivedCommand, from caller: Caller) throws {
        let request = try PopRequest(command)
        let patience = self.clocks.patience(
            bornTime: request.bornTime, pollTime: request.pollTime,
            of: ConnectionKey(caller.connection.value), at: self.now)
        guard request.maxMessages <= Self.popMessagesMax else {
            throw Refusal(
                .invalidParameter,
                "maxMsgNums \(request.maxMessages) is greater than \(Self.popMessagesMax)")
        }
        try self.checkShown()
        try self.admit()
        let config = try self.checkPop(
            group: request.consumerGroup, topic: request.topic, queueID: request.queueID)
        let filter = try self.popFilter(of: request)
        let ask = PopAsk(
            purpose: .pop, caller: caller, group: request.consumerGroup, topic: config.name,
            queueID: request.queueID, messagesMax: max(1, Int(request.maxMessages)),
            invisibleTime: .milliseconds(request.invisibleTime),
            start: PopStart(rawValue: request.startMode) ?? .min, filter: filter,
            expression: try self.expression(of: filter), isOrdered: request.isOrdered,
            attemptID: request.attemptID ?? "", returnsOnClose: request.returnsOnClose,
            deadline: patience.deadline)
        self.run(ask)
    }

    mutating func peek(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let topic = try command.requiredString("topic")
        let queueID = try command.requiredInt32("queueId")
        let asked = try command.requiredInt32("maxMsgNums")
        try self.checkShown()
        _ = try self.checkPop(group: group, topic: topic, queueID: queueID)
        self.run(
            PopAsk(
                purpose: .peek, caller: caller, group: group, topic: topic, queueID: queueID,
                messagesMax: max(1, min(Int(asked), Self.popMessagesMax)),
                filter: Subscription(topic: topic)))
    }

    /// What pops, peeks and notifications have to be about.
    mutating func checkPop(group: String, topic: String, queueID: Int32) throws -> TopicConfig {
        if let problem = ResourceName.problem(withGroup: group) {
            throw Refusal(.invalidParameter, problem)
        }
        guard try self.findOrMakeGroup(group).consumeEnable else {
            throw Refusal(.noPermission, "the group \(group) may not consume")
        }
        guard let config = self.delivery.topics.config(topic) else {
            throw Refusal(.topicNotExist, "the topic \(topic) does not exist on this broker")
        }
        guard config.permission.contains(.read) else {
            throw Refusal(.noPermission, "the topic \(topic) is not readable")
        }
        guard queueID >= -1, queueID < config.readQueues else {
            throw Refusal(
                .invalidParameter,
                "queueId \(queueID) is illegal, topic \(topic) has \(config.readQueues) read "
                    + "queues")
        }
        if let problem = PopTopic.problem(group: group, topic: topic) {
            throw Refusal(.invalidParameter, problem)
        }
        return config
    }

    /// A request without an expression wants everything.
    private func popFilter(of request: PopRequest) throws -> Subscription {
        guard request.expression?.utf8.count ?? 0 <= Self.expressionBytesMax else {
            throw Refusal(
                .subscriptionParseFailed,
                "the subscription is longer than \(Self.expressionBytesMax) bytes")
        }
        return Subscription(
            SubscriptionData(
                topic: request.topic, expression: request.expression ?? "*",
                expressionType: request.expressionType ?? "TAG", version: 0))
    }

    /// Begins with a request, or goes on with one that waited.
    mutating func run(_ ask: PopAsk, woken poll: PopHold<PopAsk>.Poll? = nil) {
        if ask.purpose == .notification { return self.look(ask, woken: poll) }
        self.run(
            PopJob(
                ask: ask, poll: poll, popTime: self.delivery.pops.popTime(at: self.now),
                visits: self.visits(of: ask)))
    }

    /// The queues to look at, in their order.
    mutating func visits(of ask: PopAsk) -> [PopVisit] {
        let retry = ask.isOfRetryTopic ? "" : ask.storedTopic(.retry)
        return PopVisit.plan(
            queueID: ask.queueID,
            topicQueues: self.delivery.topics.config(ask.topic)?.readQueues ?? 0,
            retryQueues: self.delivery.topics.config(retry)?.readQueues ?? 0,
            isOrdered: ask.isOrdered,
            retryFirstPercent: self.settings.delivery.pops.retryFirstPercent,
            random: self.counters.scattered())
    }

    /// What a queue and the group's ordinary offset say.
    func popBounds(_ queue: ConsumeQueue, _ key: PopKey) -> PopBounds {
        PopBounds(
            min: queue.minOffset, max: queue.visibleEnd, assigned: queue.assignedEnd,
            stored: self.delivery.offsets.offset(
                group: key.group, topic: key.topic, queueID: key.queueID),
            isNew: queue.isNew)
    }
}

extension ConsumeQueue {
    /// It still has its beginning, and all of it in memory.
    fileprivate var isNew: Bool {
        let start = self.minOffset
        return start == self.floor && self.memory.first.map { $0.first <= start } ?? true
    }
}

extension PopPatience {
    var deadline: Tick? {
        if case .until(let tick) = self { return tick }
        return nil
    }
}

extension BrokerCounters {
    /// Well spread numbers that differ from call to call, and not from run to run.
    mutating func scattered() -> UInt64 {
        self.nextQueue &+= 1
        var number = self.nextQueue &* 0x9E37_79B9_7F4A_7C15
        number = (number ^ (number >> 30)) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ (number >> 27)) &* 0x94D0_49BB_1331_11EB
        return (number ^ (number >> 31)) >> 1
    }
}
