import ClientCore
package import MessageFormat
import RemotingProtocol

// One loop per assigned queue: find the offset, then pull again and again while there is room.
extension ConsumerEngine {
    /// Does what the queue's phase and the time allow.
    mutating func work(on id: AssignmentID, at now: Tick) {
        guard !self.isClosing, let phase = self.assigned[id]?.phase else { return }
        switch phase {
        case .locating(let dueAt) where dueAt <= now: self.locate(id, at: now)
        case .ready(let dueAt) where dueAt <= now && self.assigned[id]?.buffer.hasRoom == true:
            self.pull(id, at: now)
        case .locating, .askingStored, .askingStart, .anchoring, .ready, .pulling: break
        }
        self.list(id, at: now)
    }

    private mutating func enter(_ phase: AssignedQueue.Phase, _ id: AssignmentID) {
        self.assigned[id]?.phase = phase
    }

    private mutating func locate(_ id: AssignmentID, at now: Tick) {
        guard let queue = self.assigned[id]?.queue, let address = self.address(of: queue) else {
            self.enter(.locating(dueAt: now + .milliseconds(200)), id)
            return self.routes.suspectAll(at: now)
        }
        let command =
            self.usesBrokerOffsets
            ? OffsetRequest.stored(self.configuration.group, queue)
            : self.configuration.start.question(queue)
        let token = self.call(command, to: address, timeout: self.configuration.callTimeout)
        self.asking[token] = id
        self.enter(self.usesBrokerOffsets ? .askingStored(token) : .askingStart(token), id)
    }

    /// One of the calls that lead to the first pull ended.
    mutating func located(
        _ id: AssignmentID, _ token: CallToken, _ result: CallResult, at now: Tick
    ) {
        let answer = OffsetRequest.answer(result)
        switch (self.assigned[id]?.phase, answer) {
        case (.askingStored(token), .offset(let offset)): self.begin(id, at: offset, now)
        case (.askingStored(token), .none): self.askStart(id, at: now)
        case (.askingStart(token), .offset(let offset)): self.anchor(id, at: offset, now)
        case (.anchoring(token, let offset), _) where OffsetRequest.isCommitted(result):
            self.begin(id, at: offset, now)
        case (.askingStored(token), _), (.askingStart(token), _), (.anchoring(token, _), _):
            self.locateAgain(id, at: now)
        default: break
        }
    }

    private mutating func askStart(_ id: AssignmentID, at now: Tick) {
        guard let queue = self.assigned[id]?.queue, let address = self.address(of: queue) else {
            return self.locateAgain(id, at: now)
        }
        let token = self.call(
            self.configuration.start.question(queue), to: address,
            timeout: self.configuration.callTimeout)
        self.asking[token] = id
        self.enter(.askingStart(token), id)
    }

    /// A group that begins at the queue's end begins elsewhere if it looks again later: what came
    /// meanwhile would be skipped. So its place is noted with the broker first; if that fails, the
    /// broker is asked anew, for another consumer may have noted one.
    private mutating func anchor(_ id: AssignmentID, at offset: QueueOffset, _ now: Tick) {
        guard self.usesBrokerOffsets, self.configuration.start != .first else {
            return self.begin(id, at: offset, now)
        }
        guard let queue = self.assigned[id]?.queue, let address = self.address(of: queue) else {
            return self.locateAgain(id, at: now)
        }
        let token = self.call(
            OffsetRequest.commit(self.configuration.group, queue, offset), to: address,
            timeout: self.configuration.callTimeout)
        self.asking[token] = id
        self.enter(.anchoring(token, at: offset), id)
    }

    private mutating func locateAgain(_ id: AssignmentID, at now: Tick) {
        guard let queue = self.assigned[id]?.queue else { return }
        let pause = self.pause(after: id)
        self.enter(.locating(dueAt: now + pause), id)
        self.routes.suspect(queue.topic, at: now)
    }

    private mutating func begin(_ id: AssignmentID, at offset: QueueOffset, _ now: Tick) {
        guard let queue = self.assigned[id]?.queue else { return }
        self.assigned[id]?.failures = 0
        self.assigned[id]?.buffer = ProcessQueue(
            startingAt: offset, limits: self.configuration.buffer)
        self.enter(.ready(dueAt: now), id)
        self.commits.began(queue, at: offset)
        self.work(on: id, at: now)
    }

    private mutating func pull(_ id: AssignmentID, at now: Tick) {
        guard let queue = self.assigned[id],
            let subscription = self.subscriptions[queue.queue.topic],
            let address = self.address(of: queue.queue, preferring: queue.brokerID)
        else {
            self.enter(.ready(dueAt: now + .milliseconds(200)), id)
            return self.routes.suspectAll(at: now)
        }
        // Only a master may take offsets.
        let commit =
            self.usesBrokerOffsets && queue.brokerID == 0
            ? self.commits.news(queue.queue, at: queue.buffer.commitOffset) : nil
        let request = QueuePull(
            group: self.configuration.group, queue: queue.queue,
            offset: queue.buffer.pullOffset, commit: commit, subscription: subscription,
            messagesMax: self.configuration.messagesPerPull, hold: self.configuration.hold)
        let token = self.tokens.next()
        self.asking[token] = id
        self.enter(.pulling(token, address: address, startedAt: now), id)
        self.effects.append(
            .pull(token, request, address: address, timeout: self.configuration.pullTimeout))
    }

    func address(of queue: MessageQueue, preferring id: Int64 = 0) -> String? {
        self.routes.route(of: queue.topic)?.address(of: queue.brokerName, preferring: id)
    }
}

// Answers to pulls.
extension ConsumerEngine {
    /// A pull ended.
    package mutating func pulled(_ token: CallToken, _ answer: PullAnswer, at now: Tick) {
        guard let id = self.asking.removeValue(forKey: token),
            case .pulling(token, _, let startedAt)? = self.assigned[id]?.phase
        else { return }
        self.enter(.ready(dueAt: now), id)
        switch answer {
        case .found(let messages, let progress):
            let before = self.assigned[id]?.buffer.pullOffset
            self.buffer(messages, id)
            self.proceed(id, progress)
            // Messages that lead nowhere would be asked for again and again.
            if self.assigned[id]?.buffer.pullOffset == before { self.pullFailed(id, at: now) }
        case .nothing(let progress):
            self.proceed(id, progress)
            // A broker that does not hold requests must not be asked in a tight loop.
            if now - startedAt < .milliseconds(5) {
                self.enter(.ready(dueAt: now + .milliseconds(20)), id)
            }
        case .moved(let progress): return self.moved(id, to: progress.next, at: now)
        case .refused(let code, _): self.refused(id, code, at: now)
        case .failed: self.pullFailed(id, at: now)
        }
        self.work(on: id, at: now)
    }

    private mutating func buffer(_ messages: [InboundMessage], _ id: AssignmentID) {
        for message in messages {
            _ = self.assigned[id]?.buffer.pulled(
                message, at: message.queueOffset, bytes: message.storedBytes)
        }
    }

    private mutating func proceed(_ id: AssignmentID, _ progress: PullAnswer.Progress) {
        self.assigned[id]?.failures = 0
        self.assigned[id]?.brokerID = progress.brokerID
        self.assigned[id]?.buffer.examined(upTo: progress.next)
    }

    /// The broker says that the queue goes on elsewhere: what is buffered no longer counts.
    private mutating func moved(_ id: AssignmentID, to offset: QueueOffset, at now: Tick) {
        guard let old = self.assigned[id], offset.isPlausible else {
            return self.pullFailed(id, at: now)
        }
        self.drop(id)
        let fresh = self.assign(old.queue, at: now)
        self.begin(fresh, at: offset, now)
        // Where the group's offset lies behind the queue's end, what comes next would be skipped
        // by whoever reads it. Said once: a position that is not this consumer's own progress is
        // never repeated.
        if self.usesBrokerOffsets, offset < old.buffer.pullOffset {
            self.commit([.init(queue: old.queue, offset: offset)])
        }
    }

    private mutating func refused(_ id: AssignmentID, _ code: ResponseCode, at now: Tick) {
        if code == .flowControl {
            self.enter(.ready(dueAt: now + .milliseconds(20)), id)
            return
        }
        let isUnknownThere: [ResponseCode] = [
            .subscriptionNotExist, .subscriptionNotLatest, .subscriptionGroupNotExist,
        ]
        if isUnknownThere.contains(code), let queue = self.assigned[id]?.queue,
            let address = self.address(of: queue)
        {
            self.heartbeats.renew(address, at: now)
        }
        self.pullFailed(id, at: now)
    }

    private mutating func pullFailed(_ id: AssignmentID, at now: Tick) {
        self.assigned[id]?.brokerID = 0
        let pause = self.pause(after: id)
        self.enter(.ready(dueAt: now + pause), id)
        if let topic = self.assigned[id]?.queue.topic { self.routes.suspect(topic, at: now) }
    }

    /// Grows with the queue's failures in a row, up to a second.
    private mutating func pause(after id: AssignmentID) -> Duration {
        self.assigned[id]?.failures += 1
        let failures = self.assigned[id]?.failures ?? 1
        return min(.milliseconds(50 << min(failures - 1, 5)), .seconds(1))
    }
}
