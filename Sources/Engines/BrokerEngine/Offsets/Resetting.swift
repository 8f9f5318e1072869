import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// An operator moves a group on a topic, while the offsets for a time are looked up.
struct ResetJob: Sendable {
    var caller: Caller
    var group: String
    var topic: String
    var timestamp: Timestamp
    /// Queues that are not looked at yet, the last one first.
    var left: [Int32]
    var offsets: [Int32: QueueOffset] = [:]
    var queueID: Int32 = 0
}

// INVOKE_BROKER_TO_RESET_OFFSET: the broker itself moves the group, and tells its consumers with
// the next pull of each queue (`flows.md` §7).
extension BrokerEngine {
    mutating func resetOffsets(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("group")
        let topic = try command.requiredString("topic")
        let queueID = try command.int32("queueId") ?? -1
        let offset = try command.int64("offset") ?? -1
        let timestamp = try command.requiredInt64("timestamp")
        let readQueues = try self.checkReset(group, topic)
        guard queueID < readQueues else {
            throw Refusal(
                .invalidParameter, "the topic \(topic) has \(readQueues) read queues")
        }
        let queues = queueID >= 0 ? queueID...queueID : 0...max(0, readQueues - 1)
        var job = ResetJob(
            caller: caller, group: group, topic: topic,
            timestamp: Timestamp(milliseconds: timestamp), left: queues.reversed())
        if offset >= 0 {
            job.offsets = try self.offsets(at: offset, topic, queues, isExact: queueID >= 0)
            job.left = []
        } else if timestamp < 0 {
            job.offsets = self.ends(topic, queues)
            job.left = []
        }
        self.goOn(job)
    }

    private func checkReset(_ group: String, _ topic: String) throws -> Int32 {
        try self.checkShown()
        try self.admit()
        guard !self.isTakingOver else {
            throw Refusal(
                .systemBusy, "this broker is taking over as master; ask again in a moment")
        }
        guard let config = self.delivery.topics.config(topic), config.readQueues > 0 else {
            throw Refusal(.topicNotExist, "the topic \(topic) does not exist on this broker")
        }
        guard self.delivery.groups.config(group) != nil else {
            throw Refusal(.subscriptionGroupNotExist, "the consumer group \(group) does not exist")
        }
        return config.readQueues
    }

    private func offsets(
        at offset: Int64, _ topic: String, _ queues: ClosedRange<Int32>, isExact: Bool
    ) throws -> [Int32: QueueOffset] {
        var offsets: [Int32: QueueOffset] = [:]
        for queueID in queues {
            let queue = self.queues.queue(QueueKey(topic: topic, queueID: queueID))
            let (first, end) = (queue?.minOffset ?? .zero, queue?.visibleEnd ?? .zero)
            let wanted = QueueOffset(offset)
            guard !isExact || (first...max(first, end)).contains(wanted) else {
                throw Refusal(
                    .systemError,
                    "the offset \(offset) lies outside of queue \(queueID), which has "
                        + "\(first.value) to \(end.value)")
            }
            offsets[queueID] = max(first, min(wanted, end))
        }
        return offsets
    }

    private func ends(
        _ topic: String, _ queues: ClosedRange<Int32>
    ) -> [Int32: QueueOffset] {
        var ends: [Int32: QueueOffset] = [:]
        for queueID in queues {
            ends[queueID] =
                self.queues.queue(QueueKey(topic: topic, queueID: queueID))?.visibleEnd ?? .zero
        }
        return ends
    }

    /// Looks up the time in one queue after the other; an index file is asked for.
    mutating func goOn(_ job: ResetJob) {
        var job = job
        while let queueID = job.left.popLast() {
            let key = QueueKey(topic: job.topic, queueID: queueID)
            guard let number = self.queues.number(of: key) else {
                job.offsets[queueID] = .zero
                continue
            }
            job.queueID = queueID
            let search = SearchJob(
                caller: job.caller, queue: number, timestamp: job.timestamp, isUpper: false,
                reset: job)
            guard let found = self.search(search) else { return }
            job.offsets[queueID] = found
        }
        self.finish(job)
    }

    mutating func goOn(_ job: ResetJob, found offset: QueueOffset) {
        var job = job
        job.offsets[job.queueID] = offset
        self.goOn(job)
    }

    private mutating func finish(_ job: ResetJob) {
        let records = DeliveryState.recordsOfReset(
            group: job.group, topic: job.topic, to: job.offsets)
        if let refusal = self.delivery.offsets.reset(
            group: job.group, topic: job.topic, to: job.offsets)
        {
            return self.refuse(
                job.caller, Refusal(.systemError, "the offsets are not kept: \(refusal)"))
        }
        for record in records { _ = self.append(record) }
        for (queueID, offset) in job.offsets.sorted(by: { $0.key < $1.key }) {
            let key = QueueKey(topic: job.topic, queueID: queueID)
            self.resetPops(group: job.group, queue: key, to: offset)
            for pull in self.holds.wake(key, where: { $0.group == job.group }) {
                self.run(pull.held)
            }
        }
        self.succeedWhenConfirmed(job.caller, body: self.body(of: job))
    }

    private func body(of job: ResetJob) -> [UInt8] {
        var table: [MessageQueue: Int64] = [:]
        for (queueID, offset) in job.offsets {
            table[self.messageQueue(job.topic, queueID)] = offset.value
        }
        let body = ResetOffsetBody(offsets: table)
        return job.caller.language == .cpp ? body.encodedAsArray : body.encoded
    }
}

// Consumers follow.
extension BrokerEngine {
    /// Where the consumer that pulls has to go on instead. Nil: where it is.
    mutating func reset(for job: PullJob) -> QueueOffset? {
        let (group, topic, queueID) = (job.group, job.queueKey.topic, job.queueKey.queueID)
        guard
            let target = self.delivery.offsets.reset(group: group, topic: topic, queueID: queueID)
        else { return nil }
        if job.offset != target,
            self.delivery.offsets.tellReset(group: group, topic: topic, queueID: queueID)
        {
            return target
        }
        self.endReset(group, topic, queueID, at: target)
        return nil
    }

    /// Whether a commit is from before a reset and does not count.
    ///
    /// An operator's does, and ends it; so does one that says that the consumer has followed.
    mutating func isBeforeReset(
        _ group: String, _ topic: String, _ queueID: Int32, offset: Int64, isOperators: Bool
    ) -> Bool {
        guard
            let target = self.delivery.offsets.reset(group: group, topic: topic, queueID: queueID)
        else { return false }
        guard isOperators || offset == target.value else { return true }
        self.endReset(group, topic, queueID, at: target)
        return false
    }

    private mutating func endReset(
        _ group: String, _ topic: String, _ queueID: Int32, at offset: QueueOffset
    ) {
        for record in DeliveryState.recordsOfEndedReset(
            group: group, topic: topic, queueID: queueID, at: offset)
        {
            _ = self.append(record)
        }
        self.delivery.offsets.endReset(group: group, topic: topic, queueID: queueID)
    }
}
