import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A search for the first message stored at or after a time, run by run.
struct SearchJob: Sendable {
    var caller: Caller
    var queue: QueueNumber
    var timestamp: Timestamp
    /// `UPPER`: the last message stored at or before the time.
    var isUpper: Bool
    var run: SealedRun?
    /// What needs the offset, unless a client asked for it.
    var reset: ResetJob?
}

// What a consumer asks about offsets: its own, and a queue's.
extension BrokerEngine {
    /// A consumer's progress, as it came in: remembered at once, in the log a little later.
    @discardableResult
    mutating func commit(
        group: String, topic: String, queueID: Int32, offset: Int64
    ) -> CommitOutcome {
        self.delivery.offsets.commit(
            group: group, topic: topic, queueID: queueID, offset: QueueOffset(offset))
    }

    mutating func updateConsumerOffset(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let topic = try command.requiredString("topic")
        let queueID = try command.requiredInt32("queueId")
        let offset = try command.requiredInt64("commitOffset")
        guard let config = self.delivery.topics.config(topic) else {
            throw Refusal(.topicNotExist, "the topic \(topic) does not exist on this broker")
        }
        guard queueID >= 0, queueID < max(config.readQueues, config.writeQueues), offset >= 0 else {
            throw Refusal(
                .invalidParameter, "queueId \(queueID) or commitOffset \(offset) is out of range")
        }
        _ = try self.findOrMakeGroup(group)
        let isConsumers =
            self.consumers.group(group)?.members[ConnectionKey(caller.connection.value)] != nil
            || command.string("apusRelayed") != nil
        if self.isBeforeReset(
            group, topic, queueID, offset: offset, isOperators: !isConsumers)
        {
            return self.answer(
                caller,
                .response(
                    .success, to: caller.opaque, remark: "Offset has been previously reset"))
        }
        let outcome = self.commit(group: group, topic: topic, queueID: queueID, offset: offset)
        if case .refused(let reason) = outcome {
            throw Refusal(.systemError, "the offset is not kept: \(reason)")
        }
        guard !caller.isOneWay else { return }
        // Who waits for the answer may rely on it: the offset goes into this turn's batch.
        try self.admit()
        _ = self.appendDirtyOffsets()
        self.succeedWhenConfirmed(caller)
    }

    /// Puts the offsets that changed into the log. Returns the end to wait for.
    mutating func appendDirtyOffsets() -> PhysicalOffset? {
        self.offsetsGatheredAt = self.now.tick
        var end: PhysicalOffset?
        for record in DeliveryState.records(of: self.delivery.offsets.takeDirty()) {
            end = self.append(record)
        }
        return end
    }

    /// The broker is about to stop: nothing waits for more.
    package mutating func gatherAllOffsets() {
        if self.delivery.offsets.hasDirty { _ = self.appendDirtyOffsets() }
    }

    /// One record for the commits of a short while, not one each.
    mutating func gatherOffsets() {
        guard self.delivery.offsets.hasDirty, self.mayGather,
            self.now.tick - self.offsetsGatheredAt >= self.settings.offsetGatherTime
        else { return }
        _ = self.appendDirtyOffsets()
    }

    mutating func queryConsumerOffset(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let topic = try command.requiredString("topic")
        let queueID = try command.requiredInt32("queueId")
        let setZero = try command.bool("setZeroIfNotFound") ?? true
        if let offset = self.delivery.offsets.offset(group: group, topic: topic, queueID: queueID) {
            return self.succeed(caller, ["offset": String(offset.value)])
        }
        // A new group on a queue that still has its beginning reads from the start.
        let queue = self.queues.queue(QueueKey(topic: topic, queueID: queueID))
        let start = queue?.floor ?? .zero
        guard setZero, (queue?.minOffset ?? .zero) == start else {
            throw Refusal(
                .queryNotFound, "Not found, maybe this group consumer boot first")
        }
        self.succeed(caller, ["offset": String(start.value)])
    }

    mutating func maxOffset(_ command: ReceivedCommand, from caller: Caller) throws {
        let queue = try self.existingQueue(command)
        guard !self.isTakingOver else {
            throw Refusal(
                .systemBusy, "this broker is taking over as master; ask again in a moment")
        }
        self.succeed(caller, ["offset": String(queue?.visibleEnd.value ?? 0)])
    }

    mutating func minOffset(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        let queue = try self.existingQueue(command)
        self.succeed(caller, ["offset": String(queue?.minOffset.value ?? 0)])
    }

    private func existingQueue(_ command: ReceivedCommand) throws -> ConsumeQueue? {
        let topic = try command.requiredString("topic")
        let queueID = try command.requiredInt32("queueId")
        guard self.delivery.topics.config(topic) != nil else {
            throw Refusal(.topicNotExist, "the topic \(topic) does not exist on this broker")
        }
        return self.queues.queue(QueueKey(topic: topic, queueID: queueID))
    }

    mutating func earliestStoreTime(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        guard let queue = try self.existingQueue(command) else {
            return self.succeed(caller, ["timestamp": "-1"])
        }
        switch queue.place(of: queue.minOffset) {
        case .memory(let entries): self.answerStoreTime(caller, entries.first)
        case .none: self.answerStoreTime(caller, nil)
        case .file(let run):
            let first = run.stretch(of: queue.key, from: queue.minOffset, countMax: 1)
            let ticket = self.reads.add(.storeTime(caller))
            self.effects.append(.readEntries(ticket, segment: run.segment, first))
        }
    }

    mutating func answerStoreTime(_ caller: Caller, _ entry: IndexEntry?) {
        let time = entry?.storeTimestamp.milliseconds ?? -1
        self.succeed(caller, ["timestamp": String(time)])
    }
}

// Search by time: runs oldest first; the first run whose last message is young enough has it.
extension BrokerEngine {
    mutating func searchOffset(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        let topic = try command.requiredString("topic")
        let queueID = try command.requiredInt32("queueId")
        let timestamp = try command.requiredInt64("timestamp")
        let boundary = command.nonEmptyString("boundaryType")?.uppercased() ?? "LOWER"
        guard let number = self.queues.number(of: QueueKey(topic: topic, queueID: queueID)) else {
            return self.succeed(caller, ["offset": "0"])
        }
        // The last message at or before a time is the one in front of the first after it.
        let isUpper = boundary == "UPPER"
        let target = Timestamp(
            milliseconds: isUpper && timestamp < .max ? timestamp + 1 : timestamp)
        let job = SearchJob(caller: caller, queue: number, timestamp: target, isUpper: isUpper)
        if let offset = self.search(job) { self.searched(job, offset) }
    }

    /// Nil: an index file is asked for first.
    mutating func search(_ job: SearchJob) -> QueueOffset? {
        var job = job
        let queue = self.queues[job.queue]
        let runs = queue.sealedRuns
        let rest = job.run.map { done in runs.drop { $0.first <= done.first } } ?? runs[...]
        if let run = rest.first {
            job.run = run
            let ticket = self.reads.add(.searchOffset(job))
            self.effects.append(
                .searchEntries(
                    ticket, segment: run.segment, run.stretch(of: queue.key, from: run.first),
                    storedAtOrAfter: job.timestamp))
            return nil
        }
        for run in queue.memory {
            if let index = run.firstIndex(storedAtOrAfter: job.timestamp) {
                return max(queue.minOffset, run.first.advanced(by: index))
            }
        }
        return max(queue.minOffset, queue.visibleEnd)
    }

    mutating func resume(_ job: SearchJob, found first: QueueOffset?) {
        guard let first else {
            if let offset = self.search(job) { self.searched(job, offset) }
            return
        }
        self.searched(job, max(self.queues[job.queue].minOffset, first))
    }

    private mutating func searched(_ job: SearchJob, _ offset: QueueOffset) {
        if let reset = job.reset { return self.goOn(reset, found: offset) }
        let answer = job.isUpper ? max(0, offset.value - 1) : offset.value
        self.succeed(job.caller, ["offset": String(answer)])
    }
}

extension MemoryRun {
    /// Index of the first entry stored at or after `time`; store times never go back.
    func firstIndex(storedAtOrAfter time: Timestamp) -> Int? {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].storeTimestamp < time {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < self.entries.count ? low : nil
    }
}
