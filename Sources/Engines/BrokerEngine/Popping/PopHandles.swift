import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Handles come back: ACK, BATCH_ACK, CHANGE_INVISIBLE. Each is answered when the log has it.
extension BrokerEngine {
    mutating func acknowledgePopped(_ command: ReceivedCommand, from caller: Caller) throws {
        let request = try AcknowledgeRequest(command)
        let (key, handle) = try self.popped(request)
        try self.admit()
        self.acknowledge(key, handle.offset, handle.popTime)
        self.answerWithRecords(caller, .command(.response(.success, to: caller.opaque)))
    }

    private mutating func acknowledge(
        _ key: PopKey, _ offset: QueueOffset, _ popTime: Timestamp
    ) {
        let met = self.delivery.pops.acknowledge(key, offset: offset, popTime: popTime)
        if met == .counted(mayPop: true) { self.wakeOne(group: key.group, key.topic) }
    }

    /// What can be acknowledged is; what names no queue of this broker is passed over.
    mutating func acknowledgeBatch(_ command: ReceivedCommand, from caller: Caller) throws {
        let body = try BatchAcknowledgeBody(bodyOf: command)
        try self.admit()
        var problem: Refusal?
        var count = 0
        for acknowledgement in body.acknowledgements {
            do {
                try self.acknowledge(acknowledgement)
                count += 1
            } catch let refusal as Refusal {
                problem = refusal
            }
        }
        if let problem, count == 0 { throw problem }
        self.answerWithRecords(caller, .command(.response(.success, to: caller.opaque)))
    }

    private mutating func acknowledge(_ batch: BatchAcknowledgement) throws {
        guard let kind = UInt8(batch.retry).flatMap(PopTopicKind.init(rawValue:)),
            let offsets = PopBitSet.offsets(
                base64: batch.bits, from: QueueOffset(batch.startOffset))
        else { throw Refusal(.messageIllegal, "the acknowledgement's kind or bits are illegal") }
        let topic = PopTopic.stored(
            group: batch.consumerGroup, topic: batch.topic, kind: kind)
        let (key, bounds) = try self.poppedQueue(
            group: batch.consumerGroup, topic: topic, queueID: batch.queueID)
        for offset in offsets where bounds.contains(offset) {
            self.acknowledge(key, offset, Timestamp(milliseconds: batch.popTime))
        }
    }

    mutating func changeInvisibleTime(_ command: ReceivedCommand, from caller: Caller) throws {
        let request = try ChangeInvisibleTimeRequest(command)
        let (key, handle) = try self.popped(request.message)
        try self.admit()
        let change: PopChange
        do {
            change = try self.delivery.pops.change(
                key, offset: handle.offset, popTime: handle.popTime,
                invisibleTime: .milliseconds(request.invisibleTime),
                isOrdered: handle.isOrdered,
                holder: request.returnsOnClose
                    ? ConnectionKey(caller.connection.value) : nil, at: self.now)
        } catch {
            throw self.refusal(of: error)
        }
        let answer = RemotingCommand.response(
            .success, to: caller.opaque,
            fields: [
                "invisibleTime": String(change.invisibleTime),
                "popTime": String(change.popTime.milliseconds),
                "reviveQid": String(change.reviveQueue),
            ])
        self.answerWithRecords(caller, .command(answer))
    }

    private func refusal(of refusal: PopRefusal) -> Refusal {
        switch refusal {
        case .notInFlight:
            Refusal(.noMessage, "the handle is over: the message was acknowledged or came back")
        case .ledgerFull, .queueFull, .tooManyQueues, .busy, .blocked:
            Refusal(.systemBusy, "too many messages are with consumers: \(refusal)")
        default: Refusal(.invalidParameter, "the visible time is not changed: \(refusal)")
        }
    }

    /// Which message a handle is about.
    private func popped(_ request: AcknowledgeRequest) throws -> (PopKey, PopHandle) {
        let handle: PopHandle
        do {
            handle = try PopHandle(parsing: request.extraInfo)
        } catch {
            throw Refusal(.messageIllegal, error.problem)
        }
        let offset = QueueOffset(request.offset)
        if let problem = handle.problem(queueID: request.queueID, offset: offset) {
            throw Refusal(.messageIllegal, problem)
        }
        let topic = PopTopic.stored(
            group: request.consumerGroup, topic: request.topic, kind: handle.kind)
        let (key, bounds) = try self.poppedQueue(
            group: request.consumerGroup, topic: topic, queueID: request.queueID)
        guard bounds.contains(offset) else {
            throw Refusal(
                .noMessage,
                "offset \(offset.value) is not between \(bounds.min.value) and "
                    + "\(bounds.max.value)")
        }
        return (key, handle)
    }

    /// A master that takes over counts what it may not show yet: it may be acknowledged already.
    private func poppedQueue(
        group: String, topic: String, queueID: Int32
    ) throws -> (PopKey, PopBounds) {
        guard let config = self.delivery.topics.config(topic) else {
            throw Refusal(.topicNotExist, "the topic \(topic) does not exist on this broker")
        }
        guard queueID >= 0, queueID < config.readQueues else {
            throw Refusal(
                .messageIllegal,
                "queueId \(queueID) is illegal, topic \(topic) has \(config.readQueues) read "
                    + "queues")
        }
        let queue = self.queues.queue(QueueKey(topic: topic, queueID: queueID))
        let bounds = PopBounds(
            min: queue?.minOffset ?? .zero, max: queue?.assignedEnd ?? .zero)
        return (PopKey(group: group, topic: topic, queueID: queueID), bounds)
    }
}
