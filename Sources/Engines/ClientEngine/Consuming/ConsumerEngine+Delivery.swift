import ClientCore
import DequeModule
package import MessageFormat

// Between the buffers and the user.
extension ConsumerEngine {
    /// The next message for the user; queues take turns.
    package mutating func take(at now: Tick) -> Delivery? {
        guard !self.isSuspended, self.configuration.order == nil else { return nil }
        while let id = self.takeable.popFirst() {
            if let queue = self.assigned[id]?.queue, self.paused.contains(queue) {
                self.assigned[id]?.isListed = false
                continue
            }
            guard let taken = self.assigned[id]?.buffer.take(at: now) else {
                self.assigned[id]?.isListed = false
                continue
            }
            self.takeable.append(id)
            return Delivery(
                message: taken.message, assignment: id, deliveries: taken.deliveries)
        }
        return nil
    }

    /// The user is done with the message. False if its queue is no longer this consumer's: the
    /// message is, or will be, somebody else's too.
    @discardableResult
    package mutating func acknowledge(
        _ offset: QueueOffset, of id: AssignmentID, at now: Tick
    ) -> Bool {
        // The buffer is changed in place: a copy of it alive meanwhile would copy its contents.
        guard let hadRoom = self.assigned[id]?.buffer.hasRoom else { return false }
        guard self.assigned[id]?.buffer.acknowledge(offset) == true else { return false }
        if !hadRoom { self.work(on: id, at: now) }
        return true
    }

    /// The user could not work the message off: it is given out again after `delay`.
    @discardableResult
    package mutating func giveBack(
        _ offset: QueueOffset, of id: AssignmentID, after delay: Duration, at now: Tick
    ) -> Bool {
        guard self.assigned[id]?.buffer.giveBack(offset, dueAt: now + delay) == true else {
            return false
        }
        if delay <= .zero { self.list(id, at: now) }
        return true
    }

    package func isCurrent(_ id: AssignmentID) -> Bool {
        self.assigned[id] != nil || self.ordered.queues[id]?.isLeaving == false
    }

    /// Notes that the queue has something to take, if it has.
    mutating func list(_ id: AssignmentID, at now: Tick) {
        guard self.assigned[id]?.isListed == false,
            self.assigned[id]?.buffer.hasSomething(at: now) == true,
            let queue = self.assigned[id]?.queue, self.mayPull(queue)
        else { return }
        self.assigned[id]?.isListed = true
        self.takeable.append(id)
        self.effects.append(.available)
    }
}
