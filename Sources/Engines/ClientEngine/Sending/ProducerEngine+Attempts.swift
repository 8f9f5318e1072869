import ClientCore
import HeapModule
import MessageFormat

/// A send from the user's call to its result.
struct PendingSend: Sendable {
    enum Phase: Sendable {
        /// Its topic has no route yet.
        case unrouted
        /// Waits before the next attempt.
        case pausing
        /// Waits for a number of its queue.
        case lined
        case inFlight(queue: MessageQueue, address: String, startedAt: Tick)
    }

    let send: OutgoingSend
    let startedAt: Tick
    let deadline: Tick
    var phase = Phase.unrouted
    var attempts = 0
    var lastQueue: MessageQueue?
    var lastAddress: String?
    var lastFailure: AttemptFailure?
    /// Whether an earlier attempt's message may turn up.
    var mayHaveBeenStored = false
    /// A broker said first that it has no such queue.
    var strayedAt: Tick?

    mutating func leaves(for queue: MessageQueue, at address: String, _ now: Tick) {
        self.attempts += 1
        self.lastQueue = queue
        self.lastAddress = address
        self.phase = .inFlight(queue: queue, address: address, startedAt: now)
    }

    func failure(_ cause: SendFailure.Cause, at now: Tick) -> SendFailure {
        SendFailure(
            cause: cause, topic: self.send.topic, address: self.lastAddress,
            attempts: self.attempts, isDeadlineOver: now >= self.deadline,
            mayHaveBeenStored: self.mayHaveBeenStored)
    }
}

/// A time at which a send has to be looked at.
struct SendAlarm: Comparable, Sendable {
    let at: Tick
    let id: SendID

    static func < (left: Self, right: Self) -> Bool { (left.at, left.id) < (right.at, right.id) }
}

// Choosing a queue and sending.
extension ProducerEngine {
    /// Sends a message that waits for nothing but a queue.
    mutating func place(_ id: SendID, at now: Tick) {
        guard let index = self.sends.index(forKey: id) else { return }
        let deadline = self.sends.values[index].deadline
        guard let timeout = self.configuration.policy.timeout(deadline: deadline, at: now) else {
            return self.fail(id, .deadline, at: now)
        }
        let destination = self.destination(of: self.sends.values[index], at: now)
        guard case .queue(let queue, let address) = destination else {
            return self.notPlaced(id, destination, at: now)
        }
        let number = self.number(self.sends.values[index].send, on: queue, at: now)
        guard case .leaves(let stamps) = number else {
            return self.notNumbered(id, number, on: queue)
        }
        self.sends.values[index].leaves(for: queue, at: address, now)
        self.effects.append(
            .transmit(
                Transmission(
                    id: id, attempt: self.sends.values[index].attempts,
                    send: self.sends.values[index].send, queue: queue, address: address,
                    timeout: timeout, stamps: stamps)))
    }

    private enum Destination {
        case queue(MessageQueue, address: String)
        case unknown
        /// It may be stored in a queue where it cannot be sent again.
        case lost(AttemptFailure)
    }

    private mutating func destination(of pending: PendingSend, at now: Tick) -> Destination {
        guard !self.routes.isDisproved(pending.send.topic, at: now),
            let route = self.routes.route(of: pending.send.topic)
        else { return .unknown }
        let queue: MessageQueue?
        switch self.place(bound: pending.send, route: route.writeQueues, at: now) {
        case .anywhere: queue = self.queue(for: pending, on: route, at: now)
        case .only(let bound): queue = bound
        case .wait: return .unknown
        case .gone(let queue):
            let reason = "its queue \(queue.queueID) of \(queue.brokerName) takes no messages now"
            return .lost(pending.lastFailure ?? AttemptFailure(.noRoute, reason: reason))
        case .tooOld:
            let reason = "it is too old to be sent again"
            return .lost(pending.lastFailure ?? AttemptFailure(.timedOut, reason: reason))
        }
        guard let queue, let address = route.masterAddress(of: queue.brokerName) else {
            return .unknown
        }
        return .queue(queue, address: address)
    }

    private mutating func queue(
        for pending: PendingSend, on route: TopicRoute, at now: Tick
    ) -> MessageQueue? {
        switch pending.send.placement {
        case .queue(let chosen): return chosen
        case .key(let key): return QueueRotation.queue(forKey: key, among: route.keyedQueues)
        case .anyQueue:
            let backoff = self.backoff
            let hasFailed = pending.lastFailure?.isBrokerTrouble == true
            var queue: MessageQueue?
            for _ in 0..<max(1, self.lines.isEmpty ? 1 : route.writeQueues.count) {
                queue = self.rotation.next(
                    among: route.writeQueues,
                    avoiding: hasFailed ? pending.lastQueue?.brokerName : nil
                ) { backoff.isAvailable($0, at: now) }
                guard let queue, self.lines[queue] != nil else { break }
            }
            return queue
        }
    }

    private mutating func notPlaced(_ id: SendID, _ destination: Destination, at now: Tick) {
        guard let topic = self.sends[id]?.send.topic else { return }
        switch destination {
        case .queue: break
        case .unknown: self.wait(id, for: topic, at: now)
        case .lost(let failure): self.fail(id, .attempt(failure), at: now)
        }
    }

    /// Without a usable route there is nothing to try: the next answer of a name server, or the
    /// deadline, moves it on.
    private mutating func wait(_ id: SendID, for topic: String, at now: Tick) {
        guard let deadline = self.sends[id]?.deadline else { return }
        self.sends[id]?.phase = .unrouted
        self.unrouted[topic, default: []].append(id)
        self.alarms.insert(SendAlarm(at: deadline, id: id))
        self.routes.use(topic, at: now)
        self.routes.suspect(topic, at: now)
        for call in self.routes.advance(to: now, &self.tokens) {
            self.effects.append(.call(call))
        }
    }
}

extension OutgoingSend {
    /// Its user chose the queue, not the route.
    fileprivate var isForOneQueue: Bool {
        if case .queue = self.placement { true } else { false }
    }
}

// What becomes of an attempt.
extension ProducerEngine {
    /// For so long a route is waited for that the brokers agree with.
    private static let strayingMax = Duration.seconds(3)

    mutating func failed(_ id: SendID, _ outcome: AttemptOutcome, at now: Tick) {
        guard let pending = self.sends[id], let failure = outcome.failure,
            case .inFlight(let queue, _, let startedAt) = pending.phase
        else { return }
        if failure.isBrokerTrouble {
            self.backoff.failed(queue.brokerName, startedAt: startedAt, at: now)
        }
        if failure.suggestsStaleRoute { self.routes.suspect(pending.send.topic, at: now) }
        self.numberEnded(pending.send, on: queue, outcome)
        self.sends[id]?.lastFailure = failure
        if outcome.mayHaveBeenStored { self.sends[id]?.mayHaveBeenStored = true }
        if self.hasStrayed(id, failure, at: now) { return self.wait(id, for: pending, at: now) }
        let verdict = self.configuration.policy.verdict(
            on: outcome, attempt: pending.attempts, deadline: pending.deadline,
            hasAlternative: self.hasAlternative(to: queue, for: pending.send, at: now), at: now)
        switch verdict {
        case .retry(let at) where at <= now: self.place(id, at: now)
        case .retry(let at):
            self.sends[id]?.phase = .pausing
            self.alarms.insert(SendAlarm(at: at, id: id))
        case .giveUp, .done: self.fail(id, .attempt(failure), at: now)
        }
    }

    /// Whether the broker has no such queue, and a newer route would lead to one that it has: the
    /// topic was made by somebody else meanwhile with fewer queues than the template, or got fewer.
    private mutating func hasStrayed(
        _ id: SendID, _ failure: AttemptFailure, at now: Tick
    ) -> Bool {
        guard failure.kind == .answered(code: SendCode.invalidParameter),
            let pending = self.sends[id], !pending.send.isForOneQueue, now < pending.deadline,
            pending.attempts < self.configuration.policy.attemptsMax
        else { return false }
        let since = pending.strayedAt ?? now
        self.sends[id]?.strayedAt = since
        return now - since < Self.strayingMax
    }

    private mutating func wait(_ id: SendID, for pending: PendingSend, at now: Tick) {
        self.routes.disprove(pending.send.topic, at: now)
        self.wait(id, for: pending.send.topic, at: now)
    }

    private func hasAlternative(
        to queue: MessageQueue, for send: OutgoingSend, at now: Tick
    ) -> Bool {
        guard send.placement == .anyQueue, let route = self.routes.route(of: send.topic) else {
            return false
        }
        return route.writeQueues.contains {
            $0.brokerName != queue.brokerName && self.backoff.isAvailable($0.brokerName, at: now)
        }
    }

    /// A send's time has come: the end of its pause, or its deadline.
    mutating func rang(_ id: SendID, at now: Tick) {
        guard let pending = self.sends[id] else { return }
        switch pending.phase {
        case .inFlight: break  // its call has a timeout of its own
        case .pausing: self.place(id, at: now)
        case .lined where now >= pending.deadline: self.fail(id, .deadline, at: now)
        case .lined: break
        case .unrouted where now >= pending.deadline:
            let place = self.unrouted[pending.send.topic]?.firstIndex(of: id)
            if let place { self.unrouted[pending.send.topic]?.remove(at: place) }
            self.fail(id, .deadline, at: now)
        case .unrouted: break
        }
    }

    mutating func finish(_ id: SendID, _ result: SendResult) {
        self.sends[id] = nil
        self.effects.append(.finished(id, result))
    }

    private func causeOfWaiting(_ pending: PendingSend) -> SendFailure.Cause {
        if let failure = pending.lastFailure { return .attempt(failure) }
        let problem = self.routes.problem(of: pending.send.topic)
        return problem.map { .noNameServer(reason: $0) } ?? .noRoute
    }

    enum FailCause { case attempt(AttemptFailure), deadline, topicNotFound, closed }

    mutating func fail(_ id: SendID, _ cause: FailCause, at now: Tick) {
        guard var pending = self.sends[id] else { return }
        if case .inFlight = pending.phase, case .closed = cause {
            pending.mayHaveBeenStored = true
        }
        let said: SendFailure.Cause =
            switch cause {
            case .attempt(let failure): .attempt(failure)
            case .deadline: self.causeOfWaiting(pending)
            case .topicNotFound: .topicNotFound
            case .closed: .closed
            }
        self.numberGivenUp(pending.send)
        self.finish(id, .failed(pending.failure(said, at: now)))
    }
}
