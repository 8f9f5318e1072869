import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A message that a consumer could not handle, while it is fetched.
struct SendBackJob: Sendable {
    var caller: Caller
    var group: SubscriptionGroupConfig
    var position: PhysicalOffset
    var request: RetryRequest
}

// CONSUMER_SEND_MSG_BACK: another try later, or the group's dead letters (`flows.md` §8).
extension BrokerEngine {
    mutating func sendBack(_ command: ReceivedCommand, from caller: Caller) throws {
        let name = try command.requiredString("group")
        let offset = try command.requiredInt64("offset")
        let known = self.delivery.groups.config(name)
        switch RetryPolicy.admission(group: known, brokerIsWritable: true) {
        case .go: break
        case .nothing: return self.succeed(caller)
        case .unknownGroup:
            throw Refusal(.subscriptionGroupNotExist, "the consumer group \(name) does not exist")
        case .brokerNotWritable:
            throw Refusal(.noPermission, "this broker takes no messages at the moment")
        }
        try self.admit()
        guard let known, offset >= 0, PhysicalOffset(offset) < self.progress.confirmed else {
            throw Refusal(.systemError, "no message lies at offset \(offset)")
        }
        let job = SendBackJob(
            caller: caller, group: known, position: PhysicalOffset(offset),
            request: RetryRequest(
                delayLevel: try command.requiredInt32("delayLevel"),
                reconsumeTimesMax: try command.int32("maxReconsumeTimes"),
                clientVersion: caller.version,
                clientID: self.consumers.group(name)?.members[
                    ConnectionKey(caller.connection.value)]?.clientID,
                errorText: command.nonEmptyString("apusError")))
        self.effects.append(
            .readMessage(self.reads.add(.sendBack(job)), at: job.position))
    }

    /// The message has been read.
    mutating func sendBack(_ job: SendBackJob, _ bytes: [UInt8]) {
        do {
            try self.admit()
            try bytes.withUnsafeBytes { try self.putBack(job, try StoredMessageView($0)) }
            self.succeedWhenConfirmed(job.caller)
        } catch let refusal as Refusal {
            self.refuse(job.caller, refusal)
        } catch {
            self.refuse(job.caller, Refusal(.systemError, "\(error)"))
        }
    }

    private mutating func putBack(
        _ job: SendBackJob, _ message: StoredMessageView
    ) throws {
        let failed = FailedMessage(
            topic: message.topic, reconsumeTimes: message.reconsumeTimes,
            properties: message.properties, messageID: self.messageID(job.position))
        let decision = RetryPolicy.sendBack(
            failed, job.request, group: job.group, at: self.now.wall)
        try self.put(decision, message)
    }

    private mutating func put(
        _ decision: RetryDecision, _ message: StoredMessageView
    ) throws {
        try self.makeTopic(for: decision)
        let queue = QueueKey(topic: decision.topic, queueID: self.queue(of: decision))
        var draft = MessageDraft(copying: message, to: queue, storeHost: self.settings.storeHost)
        draft.reconsumeTimes = decision.reconsumeTimes
        if case .deadLetters = decision.destination {
            _ = try self.place(draft, body: message.body, properties: decision.properties)
        } else {
            _ = try self.placeOrPark(draft, body: message.body, properties: decision.properties)
        }
    }

    /// Retry topics and those of dead letters are made when they are first needed.
    mutating func makeTopic(for decision: RetryDecision) throws {
        guard self.delivery.topics.config(decision.topic) == nil else { return }
        try self.putTopic(
            TopicConfig(
                name: decision.topic, readQueues: decision.queues, writeQueues: decision.queues))
    }

    /// In turn over the topic's queues.
    mutating func queue(of decision: RetryDecision) -> Int32 {
        let queues = self.delivery.topics.config(decision.topic)?.writeQueues ?? decision.queues
        self.counters.nextQueue &+= 1
        return Int32(self.counters.nextQueue % UInt64(max(1, queues)))
    }
}
