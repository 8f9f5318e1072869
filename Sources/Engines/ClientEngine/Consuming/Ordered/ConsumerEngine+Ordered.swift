package import ClientCore
import DequeModule
package import MessageFormat
import RemotingProtocol

// Consuming in order: one queue, one lock, one batch at a time.
extension ConsumerEngine {
    /// From now on, and before `start`, the queues are consumed in order.
    package mutating func consumeInOrder(_ settings: OrderlyQueue<InboundMessage>.Settings) {
        self.configuration.order = settings
        self.configuration.order?.limits = self.configuration.buffer
    }

    /// The next batch for the user; queues take turns. To be followed by `finished`, always.
    package mutating func takeBatch(at now: Tick) -> OrderedBatch? {
        guard !self.isSuspended else { return nil }
        while let id = self.takeable.popFirst() {
            self.ordered.queues[id]?.isListed = false
            guard let queue = self.ordered.queues[id]?.queue, !self.ordered.busy.contains(queue),
                let batch = self.ordered.queues[id]?.order.take(at: now), !batch.messages.isEmpty
            else { continue }
            self.ordered.busy.insert(queue)
            return OrderedBatch(
                messages: batch.messages, queue: queue, assignment: id, ticket: batch.ticket,
                attempts: batch.attempts)
        }
        return nil
    }

    /// The handler is done with a batch. False if that came too late to count.
    ///
    /// - Parameter error: why it is to be suspended.
    @discardableResult
    package mutating func finished(
        _ batch: OrderedBatch, _ outcome: OrderlyQueue<InboundMessage>.Outcome,
        error: String = "", at now: Tick
    ) -> Bool {
        self.ordered.busy.remove(batch.queue)
        self.ordered.queues[batch.assignment]?.lastError = error
        let effects = self.ordered.queues[batch.assignment]?.order.finished(
            batch.ticket, outcome, at: now)
        self.carryOut(effects ?? [.stale(batch.ticket)], of: batch.assignment, at: now)
        self.goOn(batch.assignment, at: now)
        // The queue's next possession may have waited for the handler of the last one.
        if let current = self.assignments[batch.queue], current != batch.assignment {
            self.goOn(current, at: now)
        }
        self.askForLocks(at: now)
        return effects.map { !$0.contains(.stale(batch.ticket)) } ?? false
    }

    /// Time has passed.
    mutating func advanceOrdered(to now: Tick) {
        for id in self.ordered.queues.keys.sorted() {
            let effects = self.ordered.queues[id]?.order.advance(to: now) ?? []
            self.carryOut(effects, of: id, at: now)
            self.goOn(id, at: now)
        }
        self.askForLocks(at: now)
    }

    mutating func carryOut(
        _ effects: [OrderlyQueue<InboundMessage>.Effect], of id: AssignmentID, at now: Tick
    ) {
        guard let queue = self.ordered.queues[id]?.queue else { return }
        for effect in effects {
            switch effect {
            case .lock(let ticket):
                self.ordered.wanted.append(LockQuestion(id: id, ticket: ticket, queue: queue))
            case .readOffset(let ticket): self.readOffset(id, ticket, at: now)
            case .deadLetter(let ticket): self.bury(id, ticket, at: now)
            case .commitLast(let ticket, let offset):
                self.commitLast(id, ticket, at: offset, now: now)
            case .unlock: self.unlock(queue)
            case .lost: self.forgetPossession(id)
            case .stale: break
            case .released: self.released(id, at: now)
            }
        }
    }

    /// Pulls and hands out, if it may.
    mutating func goOn(_ id: AssignmentID, at now: Tick) {
        self.pullInOrder(id, at: now)
        guard let queue = self.ordered.queues[id], !queue.isListed,
            !self.ordered.busy.contains(queue.queue), queue.order.hasSomething(at: now)
        else { return }
        self.ordered.queues[id]?.isListed = true
        self.takeable.append(id)
        self.effects.append(.available)
    }

    /// What is under way belongs to a possession that is over.
    private mutating func forgetPossession(_ id: AssignmentID) {
        guard let queue = self.ordered.queues[id] else { return }
        if let pull = queue.pull { self.ordered.pulls[pull.token] = nil }
        self.ordered.queues[id]?.pull = nil
        self.ordered.queues[id]?.brokerID = 0
        self.commits.forget(queue.queue)
    }
}

// Taking queues over and giving them up.
extension ConsumerEngine {
    mutating func assignOrdered(
        _ queue: MessageQueue, _ settings: OrderlyQueue<InboundMessage>.Settings, at now: Tick
    ) {
        self.lastAssignment += 1
        let id = AssignmentID(self.lastAssignment)
        self.ordered.queues[id] = OrderedQueue(id: id, queue: queue, settings: settings, at: now)
        self.assignments[queue] = id
        self.effects.append(.assigned(queue, id))
        self.carryOut(self.ordered.queues[id]?.order.advance(to: now) ?? [], of: id, at: now)
    }

    /// The queue is to go to somebody else. It stays until the batch that is out is done with and
    /// the last commit made.
    mutating func release(_ id: AssignmentID, at now: Tick) {
        guard self.ordered.queues[id]?.isLeaving == false else { return }
        self.ordered.queues[id]?.isLeaving = true
        self.carryOut(self.ordered.queues[id]?.order.release(at: now) ?? [], of: id, at: now)
    }

    private mutating func released(_ id: AssignmentID, at now: Tick) {
        self.forgetPossession(id)
        guard let queue = self.ordered.queues.removeValue(forKey: id) else { return }
        self.assignments[queue.queue] = nil
        self.effects.append(.revoked(queue.queue, id))
        if self.isClosing {
            self.leaveWhenReleased()
        } else {
            // It may have been wanted again meanwhile.
            self.rebalance.request(at: now)
        }
    }

    private mutating func commitLast(
        _ id: AssignmentID, _ ticket: OrderlyTicket, at offset: QueueOffset, now: Tick
    ) {
        guard let queue = self.ordered.queues[id]?.queue,
            let last = self.commits.ended(queue, at: offset, isLost: false),
            let address = self.address(of: queue), self.usesBrokerOffsets
        else { return self.lastCommitEnded(LastCommit(id: id, ticket: ticket), at: now) }
        let token = self.call(
            OffsetRequest.commit(self.configuration.group, queue, last.offset), to: address,
            timeout: self.configuration.callTimeout)
        self.ordered.lastCommits[token] = LastCommit(id: id, ticket: ticket)
    }

    private mutating func lastCommitEnded(_ last: LastCommit, at now: Tick) {
        let effects = self.ordered.queues[last.id]?.order.lastCommitEnded(last.ticket) ?? []
        self.carryOut(effects, of: last.id, at: now)
    }

    /// A call for a queue in order ended. False if it was another one.
    mutating func endedInOrder(_ token: CallToken, _ result: CallResult, at now: Tick) -> Bool {
        if let questions = self.ordered.locking.removeValue(forKey: token) {
            self.lockAnswered(questions, LockRequests.locked(result), at: now)
        } else if let question = self.ordered.asking.removeValue(forKey: token) {
            self.offsetAnswered(question, result, at: now)
        } else if let last = self.ordered.lastCommits.removeValue(forKey: token) {
            self.lastCommitEnded(last, at: now)
        } else if let burial = self.ordered.burials.removeValue(forKey: token) {
            self.buried(burial, result, at: now)
        } else {
            return false
        }
        self.askForLocks(at: now)
        return true
    }
}

// Batches that failed too often.
extension ConsumerEngine {
    private mutating func bury(_ id: AssignmentID, _ ticket: OrderlyTicket, at now: Tick) {
        let letters = self.ordered.queues[id]?.order.deadLetters(ticket).map(\.1) ?? []
        self.buryNext(Burial(id: id, ticket: ticket, rest: letters[...]), at: now)
    }

    private mutating func buryNext(_ burial: Burial, at now: Tick) {
        guard let letter = burial.rest.first, let (queue, address) = self.retryQueue(avoiding: "")
        else { return self.buryingEnded(burial, at: now) }
        let choice = RetryRequests.Choice(
            level: -1, retriesMax: self.retryRules?.retriesMax,
            reason: self.ordered.queues[burial.id]?.lastError ?? "")
        let command = RetryRequests.send(
            letter, group: self.configuration.group, to: queue, choice)
        let token = self.call(command, to: address, timeout: self.configuration.callTimeout)
        self.ordered.burials[token] = burial
    }

    private mutating func buried(_ burial: Burial, _ result: CallResult, at now: Tick) {
        guard (try? result.get())?.responseCode == .success else {
            self.routes.suspectAll(at: now)
            return self.buryingEnded(burial, at: now)
        }
        var burial = burial
        burial.stored += 1
        burial.rest = burial.rest.dropFirst()
        self.buryNext(burial, at: now)
    }

    private mutating func buryingEnded(_ burial: Burial, at now: Tick) {
        let effects = self.ordered.queues[burial.id]?.order.deadLettered(
            burial.ticket, stored: burial.stored, at: now)
        self.carryOut(effects ?? [], of: burial.id, at: now)
        self.goOn(burial.id, at: now)
    }
}
