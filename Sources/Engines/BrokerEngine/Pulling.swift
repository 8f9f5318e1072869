import DeliveryCore
import FilterCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A pull on its way through the broker: what is asked, and what has been found so far.
package struct PullJob: Sendable {
    var caller: Caller
    var group: String
    var queueKey: QueueKey
    var queue: QueueNumber
    var offset: QueueOffset
    var messagesMax: Int
    var bytesMax: Int
    var filter: Subscription
    /// Until when the pull may be held; nil when it must be answered at once.
    var holdUntil: Tick?

    /// Entries that matched, and the offset behind the last one looked at.
    var found: [IndexEntry] = []
    var next: QueueOffset
    var bytes = 0
    var scanned = 0

    /// What the properties must fulfil, and the messages that are looked at next.
    var expression: FilterExpression?
    var candidates: [IndexEntry] = []
    var examinedBytes = 0
    /// A message came while it was held.
    var isWoken = false
    /// A roll call has shown that no other master knew more when this came.
    var isVouched = false
}

// PULL: checks in the reference's order, then the queue's entries, then the messages' bytes.
extension BrokerEngine {
    mutating func pull(_ command: ReceivedCommand, from caller: Caller) throws {
        let request = try PullRequest(command)
        try self.checkShown()
        let config = try self.checkPull(request)
        let filter = try self.filter(for: request)
        if request.pullFlag.contains(.commitOffset), request.commitOffset >= 0,
            !self.isBeforeReset(
                request.consumerGroup, request.topic, request.queueID,
                offset: request.commitOffset, isOperators: false)
        {
            self.commit(
                group: request.consumerGroup, topic: request.topic, queueID: request.queueID,
                offset: request.commitOffset)
        }
        let key = QueueKey(topic: config.name, queueID: request.queueID)
        let mayHold = request.pullFlag.contains(.suspend) && request.suspendTimeoutMilliseconds > 0
        let holdFor = Duration.milliseconds(min(request.suspendTimeoutMilliseconds, 60_000))
        let asked = request.maxMessageBytes.map { Int($0) } ?? self.settings.pullBytesMax
        var job = PullJob(
            caller: caller, group: request.consumerGroup, queueKey: key,
            queue: try self.queueNumber(key), offset: QueueOffset(request.queueOffset),
            // No number, or none that makes sense, means one message.
            messagesMax: max(1, min(Int(request.maxMessages), self.settings.pullMessagesMax)),
            bytesMax: min(max(1, asked), self.settings.pullBytesLimit), filter: filter,
            holdUntil: mayHold ? self.now.tick + holdFor : nil,
            next: QueueOffset(request.queueOffset))
        job.expression = try self.expression(of: filter)
        self.run(job)
    }

    /// Longest tag expression of a pull or a heartbeat, in bytes.
    static let expressionBytesMax = 16 << 10

    private mutating func checkPull(_ request: PullRequest) throws -> TopicConfig {
        if let problem = ResourceName.problem(withGroup: request.consumerGroup) {
            throw Refusal(.invalidParameter, problem)
        }
        guard request.queueOffset >= -1 else {
            throw Refusal(
                .invalidParameter, "queueOffset \(request.queueOffset) must not be negative")
        }
        guard request.subscription?.utf8.count ?? 0 <= Self.expressionBytesMax else {
            throw Refusal(
                .subscriptionParseFailed,
                "the subscription is longer than \(Self.expressionBytesMax) bytes")
        }
        let group = try self.findOrMakeGroup(request.consumerGroup)
        guard group.consumeEnable else {
            throw Refusal(.noPermission, "the group \(group.name) may not consume")
        }
        guard let config = self.delivery.topics.config(request.topic) else {
            throw Refusal(
                .topicNotExist, "the topic \(request.topic) does not exist on this broker")
        }
        guard config.permission.contains(.read) else {
            throw Refusal(.noPermission, "the topic \(config.name) is not readable")
        }
        guard (0..<config.readQueues).contains(request.queueID) else {
            throw Refusal(
                .invalidParameter,
                "queueId \(request.queueID) is illegal, topic \(config.name) has "
                    + "\(config.readQueues) read queues")
        }
        return config
    }

    private func filter(for request: PullRequest) throws -> Subscription {
        if request.pullFlag.contains(.subscription) {
            let type = request.expressionType.flatMap { $0.isEmpty ? nil : $0 }
            return Subscription(
                SubscriptionData(
                    topic: request.topic, expression: request.subscription ?? "*",
                    expressionType: type ?? SubscriptionData.tagExpression,
                    version: request.subscriptionVersion))
        }
        guard self.consumers.group(request.consumerGroup) != nil else {
            throw Refusal(
                .subscriptionNotExist, "the consumer group \(request.consumerGroup) is not online")
        }
        guard
            let subscription = self.consumers.subscription(
                group: request.consumerGroup, topic: request.topic)
        else {
            throw Refusal(
                .subscriptionNotExist,
                "the group \(request.consumerGroup) has not subscribed to \(request.topic)")
        }
        guard subscription.version >= request.subscriptionVersion else {
            throw Refusal(.subscriptionNotLatest, "the group's subscription is older")
        }
        return subscription
    }

    /// Goes on with a pull until it can be answered, has to wait for an index file, or is held.
    mutating func run(_ job: PullJob) {
        if !job.isVouched, self.wouldMove(job), self.inquire(.pull(job)) { return }
        if let moved = self.reset(for: job) {
            return self.answerPull(job, .pullOffsetMoved, next: moved)
        }
        var job = job
        let queue = self.queues[job.queue]
        guard let problem = self.offsetProblem(job, queue) else {
            return self.collect(&job)
        }
        job.isVouched = false
        if problem.code == .pullNotFound, let deadline = job.holdUntil,
            self.hold(job, until: deadline)
        {
            return
        }
        self.answerPull(job, problem.code, next: problem.next)
    }

    /// Whether its consumer would be sent elsewhere: back, perhaps.
    private func wouldMove(_ job: PullJob) -> Bool {
        let (group, topic, queueID) = (job.group, job.queueKey.topic, job.queueKey.queueID)
        if self.delivery.offsets.resetCount > 0,
            let target = self.delivery.offsets.reset(
                group: group, topic: topic, queueID: queueID),
            target != job.offset
        {
            return true
        }
        return self.offsetProblem(job, self.queues[job.queue])?.code == .pullOffsetMoved
    }

    /// The table of `flows.md` §6: what is wrong with the offset asked for.
    private func offsetProblem(
        _ job: PullJob, _ queue: ConsumeQueue
    ) -> (code: ResponseCode, next: QueueOffset)? {
        let end = queue.visibleEnd
        // Seen under the master before, and not confirmed again yet: it comes.
        if job.offset > end, job.offset <= queue.assignedEnd { return (.pullNotFound, job.offset) }
        if end == .zero {
            return (job.offset == .zero ? .pullNotFound : .pullOffsetMoved, .zero)
        }
        if job.offset < queue.minOffset, queue.minOffset < end || job.offset != end {
            return (.pullOffsetMoved, queue.minOffset)
        }
        if job.offset == end { return (.pullNotFound, end) }
        if job.offset > end { return (.pullOffsetMoved, end) }
        return nil
    }

    /// Walks over entries in memory; for those in a sealed segment it asks the shell.
    private mutating func collect(_ job: inout PullJob) {
        if job.expression != nil { return self.examine(job) }
        let queue = self.queues[job.queue]
        while job.next < queue.visibleEnd, !job.isFull(self.settings) {
            switch queue.place(of: job.next) {
            case .memory(let entries): job.take(entries, self.settings)
            case .file(let run):
                guard job.found.isEmpty else { return self.finish(job) }
                let wanted = run.stretch(
                    of: queue.key, from: job.next,
                    countMax: job.filter.tagHashes.isEmpty
                        ? job.messagesMax : self.settings.pullScanMax)
                let ticket = self.reads.add(.pull(job))
                self.effects.append(.readEntries(ticket, segment: run.segment, wanted))
                return
            case .none:
                // Lost by damage. Like a damaged message: what lies before it, and then an error.
                guard job.next == job.offset else { return self.finish(job) }
                return self.refuse(job.caller, self.lostMessage(at: job.next))
            }
        }
        self.finish(job)
    }

    /// Entries of a sealed segment have been read for a pull.
    mutating func resume(_ job: PullJob, with entries: [IndexEntry]) {
        if job.expression != nil { return self.examine(job, entries: entries) }
        var job = job
        job.take(entries[...], self.settings)
        if job.found.isEmpty { self.collect(&job) } else { self.finish(job) }
    }

    mutating func finish(_ job: PullJob) {
        guard !job.caller.isOneWay else { return }
        if job.found.isEmpty {
            self.answerPull(job, .pullRetryImmediately, next: job.next)
        } else {
            let bytes = job.found.reduce(0) { $0 + Int($1.size) }
            self.counters.got(
                job.found.count, bytes: bytes, by: job.group, of: job.queueKey.topic)
            let head = self.head(job, .success, next: job.next)
            self.effects.append(.deliver(job.caller, head, job.found, of: job.stretch))
        }
    }

    mutating func answerPull(_ job: PullJob, _ code: ResponseCode, next: QueueOffset) {
        guard !job.caller.isOneWay else { return }
        let head = self.head(job, code, next: next)
        self.effects.append(.deliver(job.caller, head, [], of: job.stretch))
    }

    private func head(_ job: PullJob, _ code: ResponseCode, next: QueueOffset) -> PullResponse {
        let queue = self.queues[job.queue]
        return PullResponse(
            opaque: job.caller.opaque, code: code, suggestWhichBrokerID: 0,
            nextBeginOffset: next.value, minOffset: queue.minOffset.value,
            maxOffset: queue.visibleEnd.value)
    }
}

extension PullJob {
    /// What has been looked at.
    var stretch: QueueStretch {
        QueueStretch(
            of: self.queueKey, from: self.offset, count: self.next.distance(from: self.offset))
    }

    func isFull(_ settings: BrokerSettings) -> Bool {
        self.found.count >= self.messagesMax || self.bytes >= self.bytesMax
            || self.scanned >= settings.pullScanMax
    }

    /// Looks at entries in queue order, beginning with the one at `next`.
    mutating func take(_ entries: ArraySlice<IndexEntry>, _ settings: BrokerSettings) {
        for entry in entries {
            if self.isFull(settings) { return }
            if self.filter.matches(tagHash: entry.tagHash) {
                let size = Int(entry.size)
                guard self.found.isEmpty || self.bytes + size <= self.bytesMax else {
                    self.bytes = self.bytesMax
                    return
                }
                self.found.append(entry)
                self.bytes += size
            }
            self.scanned += 1
            self.next.value += 1
        }
    }
}
