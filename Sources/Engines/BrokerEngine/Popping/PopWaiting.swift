import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Long polling: a pop that found nothing, or a notification, waits in `polls`.
extension BrokerEngine {
    mutating func foundNothing(_ job: PopJob) {
        let ask = job.ask
        if ask.purpose == .peek {
            return self.answerNothing(ask.caller, .pullNotFound, "there is nothing to look at")
        }
        switch job.isExhausted ? .none : self.wait(ask, woken: job.poll) {
        case .waits: break
        case .full:
            self.counters.refused(.pollingFull)
            self.answerNothing(ask.caller, .pollingFull, "too many pops wait already")
        case .none: self.answerNothing(ask)
        }
    }

    private enum Waiting {
        case waits
        case full
    }

    /// Nil: it must not wait.
    private mutating func wait(_ ask: PopAsk, woken poll: PopHold<PopAsk>.Poll?) -> Waiting? {
        guard let deadline = ask.deadline, deadline > self.now.tick, !ask.caller.isOneWay else {
            return nil
        }
        do {
            if let poll {
                try self.polls.holdAgain(poll)
            } else {
                try self.polls.hold(
                    PopPlace(
                        connection: ConnectionKey(ask.caller.connection.value),
                        opaque: ask.caller.opaque, group: ask.group, topic: ask.topic,
                        queueID: ask.queueID,
                        tagHashes: ask.expression == nil ? ask.filter.tagHashes : [],
                        isNotification: ask.purpose == .notification, deadline: deadline),
                    held: ask,
                    bytes: ask.attemptID.utf8.count
                        + Self.heldBytes(ask.filter, isCompiled: ask.expression != nil))
            }
            return .waits
        } catch {
            return .full
        }
    }

    /// The time to wait is over.
    mutating func answerNothing(_ ask: PopAsk) {
        if ask.purpose == .notification { return self.answer(ask, hasMessage: false) }
        self.answerNothing(ask.caller, .pollingTimeout, "no message in time")
    }

    mutating func answerNothing(_ caller: Caller, _ code: ResponseCode, _ remark: String) {
        self.answer(caller, PopResponse.nothing(code, to: caller.opaque, remark: remark))
    }

    /// Messages have become visible in these queues.
    mutating func wakePolls(_ grown: [QueueNumber: Int]) {
        guard self.polls.count > 0 else { return }
        for (number, count) in grown.sorted(by: { $0.key.index < $1.key.index }) {
            let queue = self.queues[number]
            guard self.polls.isWaiting(on: queue.key.topic) else { continue }
            let woken = self.polls.wake(queue.key, tagHashes: queue.latestTagHashes(count))
            // Notifications first: pops take what they tell of.
            for poll in woken where poll.place.isNotification { self.run(poll.held, woken: poll) }
            for poll in woken where !poll.place.isNotification { self.run(poll.held, woken: poll) }
        }
    }

    /// A queue that was closed to a group is not any more: one look is enough.
    mutating func wakeOne(group: String, _ stored: String) {
        guard self.polls.count > 0, self.mayServe else { return }
        for poll in self.polls.wakeOne(group: group, stored: stored) {
            self.run(poll.held, woken: poll)
        }
    }

    mutating func expirePolls() {
        for poll in self.polls.expire(at: self.now.tick) {
            var ask = poll.held
            ask.deadline = nil
            if self.mayServe { self.run(ask) } else { self.answerNothing(ask) }
        }
    }

    /// Whoever waits asks again, here or at the next master.
    mutating func letPollsGo() {
        for poll in self.polls.expire(at: Tick(nanoseconds: .max)) { self.answerNothing(poll.held) }
    }

    /// The topic changed or is gone.
    mutating func wakeAllPolls(of topic: String) {
        for poll in self.polls.wakeAll(topic: topic) { self.answerNothing(poll.held) }
    }
}

// NOTIFICATION: whether a pop would find anything. POLLING_INFO: how many wait.
extension BrokerEngine {
    mutating func notifyOfMessages(_ command: ReceivedCommand, from caller: Caller) throws {
        let request = try NotificationRequest(command)
        let patience = self.clocks.patience(
            bornTime: request.bornTime, pollTime: request.pollTime,
            of: ConnectionKey(caller.connection.value), at: self.now)
        try self.checkShown()
        _ = try self.checkPop(
            group: request.consumerGroup, topic: request.topic, queueID: request.queueID)
        let ask = PopAsk(
            purpose: .notification, caller: caller, group: request.consumerGroup,
            topic: request.topic, queueID: request.queueID, messagesMax: 1,
            filter: Subscription(topic: request.topic), isOrdered: request.isOrdered,
            attemptID: request.attemptID ?? "", deadline: patience.deadline)
        self.run(ask)
    }

    mutating func look(_ ask: PopAsk, woken poll: PopHold<PopAsk>.Poll?) {
        if self.visits(of: ask).contains(where: { self.hasMore($0, ask) }) {
            return self.answer(ask, hasMessage: true)
        }
        switch self.wait(ask, woken: poll) {
        case .waits: break
        case .full: self.answer(ask, hasMessage: false, isFull: true)
        case .none: self.answer(ask, hasMessage: false)
        }
    }

    private mutating func hasMore(_ visit: PopVisit, _ ask: PopAsk) -> Bool {
        let stored = QueueKey(topic: ask.storedTopic(visit.kind), queueID: visit.queueID)
        guard let queue = self.queues.queue(stored) else { return false }
        let key = PopKey(group: ask.group, topic: stored.topic, queueID: stored.queueID)
        return self.delivery.pops.hasMore(
            key, start: .min, self.popBounds(queue, key), isOrdered: ask.isOrdered,
            attemptID: ask.attemptID, at: self.now)
    }

    private mutating func answer(_ ask: PopAsk, hasMessage: Bool, isFull: Bool = false) {
        self.succeed(
            ask.caller, ["hasMsg": String(hasMessage), "pollingFull": String(isFull)])
    }

    mutating func pollingInfo(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let topic = try command.requiredString("topic")
        let waiting = self.polls.count(group: group, topic: topic)
        self.succeed(caller, ["pollingNum": String(waiting)])
    }
}
