import ClientCore
import MessageFormat
import RemotingProtocol

// As without order; but what comes counts only for the possession that asked for it.
extension ConsumerEngine {
    mutating func pullInOrder(_ id: AssignmentID, at now: Tick) {
        guard let queue = self.ordered.queues[id], self.mayPull(queue.queue), queue.pull == nil,
            queue.pullDueAt <= now, !queue.isLeaving, queue.order.hasRoom(at: now),
            let subscription = self.subscriptions[queue.queue.topic]
        else { return }
        guard let address = self.address(of: queue.queue, preferring: queue.brokerID) else {
            self.ordered.queues[id]?.pullDueAt = now + .milliseconds(200)
            return self.routes.suspectAll(at: now)
        }
        let request = QueuePull(
            group: self.configuration.group, queue: queue.queue, offset: queue.order.pullOffset,
            commit: self.commitOnPull(of: queue, at: now), subscription: subscription,
            messagesMax: self.configuration.messagesPerPull, hold: self.configuration.hold)
        let token = self.tokens.next()
        self.ordered.pulls[token] = id
        self.ordered.queues[id]?.pull = .init(
            token: token, ticket: queue.order.pullTicket, address: address, startedAt: now)
        self.effects.append(
            .pull(token, request, address: address, timeout: self.configuration.pullTimeout))
    }

    /// Only a master may take offsets.
    private func commitOnPull(of queue: OrderedQueue, at now: Tick) -> QueueOffset? {
        guard self.usesBrokerOffsets, queue.brokerID == 0,
            let offset = queue.order.commitOffset(at: now)
        else { return nil }
        return self.commits.news(queue.queue, at: offset)
    }

    /// A pull ended. False if it was not one of these.
    mutating func pulledInOrder(_ token: CallToken, _ answer: PullAnswer, at now: Tick) -> Bool {
        guard let id = self.ordered.pulls.removeValue(forKey: token) else { return false }
        guard let pull = self.ordered.queues[id]?.pull, pull.token == token else { return true }
        self.ordered.queues[id]?.pull = nil
        self.ordered.queues[id]?.pullDueAt = now
        switch answer {
        case .found(let messages, let progress):
            let before = self.ordered.queues[id]?.order.pullOffset
            for message in messages {
                _ = self.ordered.queues[id]?.order.pulled(
                    pull.ticket, message, at: message.queueOffset, bytes: message.storedBytes)
            }
            self.proceed(id, pull, progress)
            if self.ordered.queues[id]?.order.pullOffset == before { self.pauseOrdered(id, now) }
        case .nothing(let progress):
            self.proceed(id, pull, progress)
            if now - pull.startedAt < .milliseconds(5) {
                self.ordered.queues[id]?.pullDueAt = now + .milliseconds(20)
            }
        case .moved(let progress):
            self.movedInOrder(id, pull.ticket, to: progress.next, at: now)
        case .refused(.flowControl, _):
            self.ordered.queues[id]?.pullDueAt = now + .milliseconds(20)
        case .refused(let code, _):
            self.introduce(after: code, to: pull.address, at: now)
            self.pauseOrdered(id, now)
        case .failed: self.pauseOrdered(id, now)
        }
        self.goOn(id, at: now)
        return true
    }

    private mutating func proceed(
        _ id: AssignmentID, _ pull: OrderedQueue.Pull, _ progress: PullAnswer.Progress
    ) {
        self.ordered.queues[id]?.failures = 0
        self.ordered.queues[id]?.brokerID = progress.brokerID
        self.ordered.queues[id]?.order.examined(pull.ticket, upTo: progress.next)
    }

    private mutating func pauseOrdered(_ id: AssignmentID, _ now: Tick) {
        guard let queue = self.ordered.queues[id]?.queue else { return }
        self.ordered.queues[id]?.brokerID = 0
        let pause = self.ordered.queues[id]?.pauseAfterFailure() ?? .seconds(1)
        self.ordered.queues[id]?.pullDueAt = now + pause
        self.routes.suspect(queue.topic, at: now)
    }

    /// The queue goes on elsewhere; what is out or buffered no longer counts.
    mutating func movedInOrder(
        _ id: AssignmentID, _ ticket: OrderlyTicket, to offset: QueueOffset, at now: Tick
    ) {
        guard let queue = self.ordered.queues[id] else { return }
        guard self.ordered.queues[id]?.order.moved(ticket, to: offset) == true else {
            return self.pauseOrdered(id, now)
        }
        self.commits.began(queue.queue, at: offset)
        if self.usesBrokerOffsets, offset < queue.order.pullOffset {
            self.commit([.init(queue: queue.queue, offset: offset)])
        }
    }

    /// A pull that is held by a broker which is no longer responsible would be held in vain.
    mutating func abandonOrderedPulls(from route: TopicRoute, at now: Tick) {
        for (id, queue) in self.ordered.queues where queue.queue.topic == route.topic {
            if queue.failures > 0 { self.ordered.queues[id]?.pullDueAt = now }
            guard let pull = queue.pull else { continue }
            let responsible = route.address(
                of: queue.queue.brokerName, preferring: queue.brokerID)
            guard responsible != pull.address else { continue }
            self.ordered.pulls[pull.token] = nil
            self.ordered.queues[id]?.pull = nil
            self.ordered.queues[id]?.pullDueAt = now
        }
    }
}
