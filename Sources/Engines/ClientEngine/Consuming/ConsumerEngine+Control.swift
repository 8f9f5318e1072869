import ClientCore
package import MessageFormat

// What a user or an operator may say while the consumer runs.
extension ConsumerEngine {
    func mayPull(_ queue: MessageQueue) -> Bool {
        !self.isSuspended && !self.paused.contains(queue)
    }

    /// Nothing is pulled or handed out until `resume`. What is out may be acknowledged.
    package mutating func suspend() { self.isSuspended = true }

    package mutating func resume(at now: Tick) {
        self.isSuspended = false
        self.effects.append(.available)
        self.advance(to: now)
    }

    package mutating func pause(_ queues: Set<MessageQueue>) { self.paused.formUnion(queues) }

    package mutating func resume(_ queues: Set<MessageQueue>, at now: Tick) {
        self.paused.subtract(queues)
        self.advance(to: now)
    }

    /// The user goes on reading the queue elsewhere; what is out or buffered no longer counts.
    /// False if the queue is not this consumer's.
    @discardableResult
    package mutating func seek(
        _ queue: MessageQueue, to offset: QueueOffset, at now: Tick
    ) -> Bool {
        guard offset.isPlausible, let id = self.assignments[queue] else { return false }
        if let ticket = self.ordered.queues[id]?.order.pullTicket {
            guard self.ordered.queues[id]?.order.moved(ticket, to: offset) == true else {
                return false
            }
            self.commits.began(queue, at: offset)
            self.ordered.queues[id]?.pull = nil
            self.goOn(id, at: now)
        } else {
            self.drop(id)
            self.begin(self.assign(queue, at: now), at: offset, now)
        }
        return true
    }

    /// An operator has set the group's offsets: this consumer goes on there, and says so once.
    package mutating func resetOffsets(_ offsets: [MessageQueue: QueueOffset], at now: Tick) {
        for (queue, offset) in offsets.sorted(by: { $0.key < $1.key })
        where self.seek(queue, to: offset, at: now) && self.usesBrokerOffsets {
            self.commit([.init(queue: queue, offset: offset)])
        }
    }

    /// The places of a queue's work.
    package func position(of queue: MessageQueue) -> (next: QueueOffset, done: QueueOffset)? {
        guard let held = self.assignments[queue].flatMap({ self.assigned[$0] }), held.isLocated
        else { return nil }
        return (held.buffer.pullOffset, held.buffer.commitOffset)
    }

    /// Commits what is done now, without waiting for the interval.
    package mutating func commitNow(at now: Tick) {
        self.commits.hurry(at: now)
        self.commitIfDue(at: now)
    }
}
