internal import HeapModule
package import MessageFormat

/// A message that nobody acknowledged in time.
package struct PopDue: Hashable, Sendable {
    package var key: PopKey
    package var offset: QueueOffset
    package var popTime: Timestamp

    /// Where it goes: back to where it is when that is a retry topic already.
    package var retryTopic: String {
        PopTopic.comesBackTo(group: self.key.group, stored: self.key.topic)
    }
}

/// What time brings about.
package struct PopAdvance: Hashable, Sendable {
    /// To be read, and put into their retry topics.
    package var due: [PopDue] = []
    /// Queues whose batch in order may be delivered again: who waits for them may be woken.
    package var unblocked: [PopKey] = []

    package init() {}
}

// Time passes: what was not acknowledged returns.
extension PopLedger {
    /// Time has passed, on the master. Hands out about `countMax` messages at most (those of one
    /// window stay together); what does not return is handed out again after `returnPatience`.
    package mutating func advance(to now: Now, countMax: Int) -> PopAdvance {
        let time = self.time(at: now)
        let next = time + self.patience
        var advance = PopAdvance()
        var looksLeft = 4 * max(1, countMax)
        while advance.due.count < countMax, looksLeft > 0,
            let deadline = self.deadlines.min, deadline.at <= time
        {
            self.deadlines.removeMin()
            looksLeft -= 1
            if deadline.window == PopDeadline.orderWindow {
                self.unblock(deadline, into: &advance)
            } else {
                self.takeDue(deadline, at: time, next: next, into: &advance)
            }
        }
        return advance
    }

    /// Whether a message that was handed out still has to return: it may have been acknowledged
    /// meanwhile, or been given more time.
    package func isDue(_ due: PopDue) -> Bool {
        guard let number = self.number(of: due.key) else { return false }
        return self.queues[number].flight.piece(of: due.offset.value)?.popTime
            == due.popTime.milliseconds
    }

    /// The message is in its retry topic now, or is gone from the log. The record belongs into the
    /// batch that has the message. False: it must not return, do not append it.
    package mutating func returned(_ due: PopDue) -> Bool {
        guard self.isDue(due), let number = self.number(of: due.key) else { return false }
        let leave = PopLeave(
            window: PopFlight.window(of: due.offset.value), popTime: due.popTime.milliseconds,
            bits: PopFlight.bit(of: due.offset.value))
        self.apply(leave, to: number)
        self.plan(.returned) { PopRecords.leave(due.key, [leave], to: &$0) }
        return true
    }

    /// When `advance` may have something to do, in the ledger's wall time.
    package var nextDeadline: Timestamp? {
        self.deadlines.min.map { Timestamp(milliseconds: $0.at) }
    }

    /// Deadlines in memory, some of which mean nothing any more.
    package var watchedCount: Int { self.deadlines.count }

    private mutating func takeDue(
        _ deadline: PopDeadline, at time: Int64, next: Int64, into advance: inout PopAdvance
    ) {
        let due = self.update(deadline.queue) {
            $0.flight.takeDue(in: deadline.window, at: time, next: next)
        }
        guard !due.isEmpty else { return }
        let key = self.queues[deadline.queue].key
        for piece in due {
            advance.due += PopFlight.offsets(piece.bits, in: deadline.window).map {
                PopDue(
                    key: key, offset: QueueOffset($0),
                    popTime: Timestamp(milliseconds: piece.popTime))
            }
        }
        self.watch(PopDeadline(at: next, queue: deadline.queue, window: deadline.window))
    }

    private func unblock(_ deadline: PopDeadline, into advance: inout PopAdvance) {
        let queue = self.queues[deadline.queue]
        guard queue.order?.blockedUntil == deadline.at, advance.unblocked.last != queue.key else {
            return
        }
        advance.unblocked.append(queue.key)
    }

    private var patience: Int64 {
        let (seconds, attoseconds) = self.settings.returnPatience.components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}

extension PopLedger {
    /// So that what was acknowledged long before its time does not fill the memory.
    mutating func watch(_ deadline: PopDeadline) {
        self.deadlines.insert(deadline)
        guard self.deadlines.count > 4 * self.pieces + self.queues.count + 1_024 else { return }
        var live: [PopDeadline] = []
        for (number, queue) in self.queues.enumerated() {
            for window in queue.flight.windowNumbers {
                for at in Set((queue.flight.windows[window] ?? []).map(\.dueAt)) {
                    live.append(PopDeadline(at: at, queue: number, window: window))
                }
            }
            if let order = queue.order {
                live.append(
                    PopDeadline(
                        at: order.blockedUntil, queue: number, window: PopDeadline.orderWindow))
            }
        }
        self.deadlines = Heap(live)
    }

    /// Everything in flight is looked at in time.
    func checkDeadlines() {
        let watched = Set(
            self.deadlines.unordered.map { [$0.at, Int64($0.queue), $0.window] })
        for (number, queue) in self.queues.enumerated() {
            for (window, pieces) in queue.flight.windows {
                for piece in pieces {
                    precondition(watched.contains([piece.dueAt, Int64(number), window]))
                }
            }
        }
    }
}
