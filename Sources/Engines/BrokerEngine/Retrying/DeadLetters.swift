import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Dead letters, for operators: what there is, and what nobody wants to see any more.
extension BrokerEngine {
    mutating func listDeadLetters(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        let group = command.nonEmptyString("group")
        let topics = self.delivery.topics.all.filter { config in
            guard let group else { return config.name.hasPrefix(ResourceName.deadLetterPrefix) }
            return config.name == ResourceName.deadLetterPrefix + group
        }
        let queues = topics.flatMap { config in
            (0..<max(0, config.readQueues)).map { queueID in
                self.deadLetters(
                    in: QueueKey(topic: config.name, queueID: queueID),
                    tellingStretches: group != nil)
            }
        }
        let list = DeadLetterList(
            brokerName: self.settings.brokerName,
            queues: queues.sorted { ($0.group, $0.queueID) < ($1.group, $1.queueID) })
        self.succeed(caller, body: list.encoded)
    }

    private func deadLetters(
        in key: QueueKey, tellingStretches: Bool
    ) -> DeadLetterList.Queue {
        let marks = self.delivery.deadLetters.marks(of: key)
        let present = self.presentOffsets(of: key)
        return DeadLetterList.Queue(
            group: String(key.topic.dropFirst(ResourceName.deadLetterPrefix.count)),
            queueID: key.queueID, first: max(marks.floor, present.lowerBound),
            end: max(marks.floor, present.upperBound),
            waiting: Int64(marks.waiting(in: present)), replayed: marks.replayedCount,
            replayedAt: marks.replayedAt, purgedAt: marks.purgedAt,
            stretches: tellingStretches ? marks.replayed : [])
    }

    func presentOffsets(of key: QueueKey) -> Range<QueueOffset> {
        guard let queue = self.queues.queue(key) else { return .zero..<(.zero) }
        return queue.minOffset..<max(queue.minOffset, queue.visibleEnd)
    }

    /// Letters below an offset are passed over from now on. In the log they stay until their
    /// segments are deleted.
    mutating func purgeDeadLetters(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        try self.admit()
        let group = try command.requiredString("group")
        let queueID = try command.requiredInt32("queueId")
        let below = QueueOffset(try command.requiredInt64("below"))
        let key = QueueKey(topic: ResourceName.deadLetterPrefix + group, queueID: queueID)
        guard let config = self.delivery.topics.config(key.topic), queueID >= 0,
            queueID < config.readQueues, below >= .zero
        else {
            throw Refusal(
                .invalidParameter, "the group \(group) has no dead letters in queue \(queueID)")
        }
        try self.note(
            DeadLetterTable.recordOfPurge(
                of: key, below: min(below, self.presentOffsets(of: key).upperBound),
                at: self.now.wall))
        self.succeedWhenConfirmed(caller)
    }

    private mutating func note(_ record: StateRecord) throws {
        _ = self.append(record)
        _ = try self.delivery.apply(record)
    }
}
