import ClientCore
import MessageFormat
import RemotingProtocol

// Locks, asked for in one request per broker.
extension ConsumerEngine {
    mutating func askForLocks(at now: Tick) {
        guard !self.ordered.wanted.isEmpty else { return }
        var wanted: [LockQuestion] = []
        swap(&wanted, &self.ordered.wanted)
        let brokers = Dictionary(grouping: wanted, by: \.queue.brokerName)
        for (_, questions) in brokers.sorted(by: { $0.key < $1.key }) {
            self.askForLocks(questions, at: now)
        }
    }

    /// Of queues of one broker.
    private mutating func askForLocks(_ questions: [LockQuestion], at now: Tick) {
        let queues = questions.map(\.queue)
        // Broadcasting consumers have every queue to themselves.
        guard self.usesBrokerOffsets else {
            return self.lockAnswered(questions, Set(queues), at: now)
        }
        guard let first = queues.first,
            let address = self.routes.route(of: first.topic)?.masterAddress(of: first.brokerName)
        else { return self.lockAnswered(questions, nil, at: now) }
        for question in questions { self.ordered.queues[question.id]?.lockedAt = address }
        let command = LockRequests.lock(
            queues, group: self.configuration.group, clientID: self.configuration.clientID)
        let token = self.call(command, to: address, timeout: .seconds(1))
        self.ordered.locking[token] = questions
    }

    /// - Parameter locked: nil if the broker did not say.
    mutating func lockAnswered(
        _ questions: [LockQuestion], _ locked: Set<MessageQueue>?, at now: Tick
    ) {
        if locked == nil { self.routes.suspectAll(at: now) }
        for question in questions {
            let answer: OrderLease.Answer =
                locked.map { $0.contains(question.queue) ? .granted : .refused } ?? .failed
            let effects = self.ordered.queues[question.id]?.order.lockAnswered(
                question.ticket, answer, at: now)
            self.carryOut(effects ?? [], of: question.id, at: now)
            self.goOn(question.id, at: now)
        }
    }

    /// A new master has not heard of the locks that the old one gave.
    mutating func renewLocks(of route: TopicRoute, at now: Tick) {
        for (id, queue) in self.ordered.queues where queue.queue.topic == route.topic {
            guard let master = route.masterAddress(of: queue.queue.brokerName),
                let lockedAt = queue.lockedAt, lockedAt != master
            else { continue }
            self.ordered.queues[id]?.lockedAt = master
            self.ordered.queues[id]?.order.masterChanged(at: now)
        }
    }

    mutating func unlock(_ queue: MessageQueue) {
        guard self.usesBrokerOffsets,
            let address = self.routes.route(of: queue.topic)?.masterAddress(of: queue.brokerName)
        else { return }
        let token = self.call(
            LockRequests.unlock(
                [queue], group: self.configuration.group, clientID: self.configuration.clientID),
            to: address, timeout: .seconds(1))
        self.closing?.insert(token)
    }
}

// Where to begin, read anew whenever a lock is won.
extension ConsumerEngine {
    mutating func readOffset(_ id: AssignmentID, _ ticket: OrderlyTicket, at now: Tick) {
        guard let queue = self.ordered.queues[id]?.queue else { return }
        let group = self.configuration.group
        if self.usesBrokerOffsets {
            self.ask(OffsetRequest.stored(group, queue), .stored, id, ticket, at: now)
        } else if let known = self.configuration.knownOffsets[queue] {
            self.located(id, ticket, at: known, now: now)
        } else {
            self.ask(self.start(of: queue).question(queue), .start, id, ticket, at: now)
        }
    }

    private mutating func ask(
        _ command: RemotingCommand, _ step: OrderedOffsetQuestion.Step, _ id: AssignmentID,
        _ ticket: OrderlyTicket, at now: Tick
    ) {
        guard let queue = self.ordered.queues[id]?.queue, let address = self.address(of: queue)
        else {
            self.routes.suspectAll(at: now)
            return self.located(id, ticket, at: nil, now: now)
        }
        let token = self.call(command, to: address, timeout: self.configuration.callTimeout)
        self.ordered.asking[token] = OrderedOffsetQuestion(id: id, ticket: ticket, step: step)
    }

    mutating func offsetAnswered(
        _ question: OrderedOffsetQuestion, _ result: CallResult, at now: Tick
    ) {
        guard let queue = self.ordered.queues[question.id]?.queue else { return }
        let (id, ticket) = (question.id, question.ticket)
        switch (question.step, OffsetRequest.answer(result)) {
        case (.stored, .offset(let offset)): self.located(id, ticket, at: offset, now: now)
        case (.stored, .none):
            self.ask(self.start(of: queue).question(queue), .start, id, ticket, at: now)
        case (.start, .offset(let offset)):
            guard self.usesBrokerOffsets, self.start(of: queue) != .first else {
                return self.located(id, ticket, at: offset, now: now)
            }
            let anchor = OffsetRequest.commit(self.configuration.group, queue, offset)
            self.ask(anchor, .anchor(offset), id, ticket, at: now)
        case (.anchor(let offset), _) where OffsetRequest.isCommitted(result):
            self.located(id, ticket, at: offset, now: now)
        default: self.located(id, ticket, at: nil, now: now)
        }
    }

    private mutating func located(
        _ id: AssignmentID, _ ticket: OrderlyTicket, at offset: QueueOffset?, now: Tick
    ) {
        guard let effects = self.ordered.queues[id]?.order.located(ticket, at: offset, now: now)
        else { return }
        if let queue = self.ordered.queues[id], queue.order.isReady(at: now), let offset {
            self.commits.began(queue.queue, at: offset)
            self.ordered.queues[id]?.pullDueAt = now
            self.ordered.queues[id]?.failures = 0
        }
        self.carryOut(effects, of: id, at: now)
        self.goOn(id, at: now)
    }
}
