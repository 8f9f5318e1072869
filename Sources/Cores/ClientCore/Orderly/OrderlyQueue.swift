package import MessageFormat

/// Names a request or a batch of one assignment of a queue. What comes back with a ticket that is
/// no longer current comes too late and changes nothing.
package struct OrderlyTicket: Hashable, Sendable {
    package var assignment: UInt64
    package var number: UInt64
}

/// Orderly consumption of one assigned queue (`flows.md` §9): lock it, read the group's offset
/// anew, then hand out one batch at a time, the next one only after the last one's success.
///
/// Nothing is handed out or committed unless the lock surely holds. When it may have ended, all
/// that is buffered and all that is out is void: another consumer may have gone on.
///
/// The owner pulls with `pullTicket` and `pullOffset` while `hasRoom`, hands out what `take` gives,
/// commits `commitOffset`, and carries out effects. It must not assign the queue again before
/// `released`: the broker tells consumers apart, not assignments.
package struct OrderlyQueue<Message: Sendable>: Sendable {
    package struct Settings: Hashable, Sendable {
        package var lease = OrderLease.Timing()
        package var limits = ProcessQueue<Message>.Limits()
        package var batchMax = 1
        /// How often a batch is handed out before it is a dead letter; nil: without end.
        package var attemptsMax: Int?
        package var suspension = Duration.seconds(1)
        package var offsetPause = Duration.milliseconds(200)
        /// How long a queue that is to be released waits for the batch that is out.
        package var releaseMax = Duration.seconds(20)
        /// How long the unlocking waits for the last commit.
        package var commitMax = Duration.seconds(3)

        package init() {}
    }

    package enum Effect: Hashable, Sendable {
        /// Ask the master for the lock, first or again; together with other queues of that broker.
        /// Answer with `lockAnswered`.
        case lock(OrderlyTicket)
        /// Read the group's offset. Answer with `located`.
        case readOffset(OrderlyTicket)
        /// Send the first batch's messages to where dead letters go. Answer with `deadLettered`.
        case deadLetter(OrderlyTicket)
        /// The last commit. Answer with `lastCommitEnded`.
        case commitLast(OrderlyTicket, QueueOffset)
        /// One-way is enough: the lock ends by itself.
        case unlock
        /// The lock was lost; what is out will not count.
        case lost
        /// This batch's result did not count.
        case stale(OrderlyTicket)
        /// Forget this value.
        case released
    }

    package struct Batch: Sendable {
        package var ticket: OrderlyTicket
        package var messages: [Message]
        package var offsets: [QueueOffset]
        /// How often this consumer has handed them out, this time included.
        package var attempts: Int
    }

    package enum Outcome: Hashable, Sendable {
        case success
        /// The same messages again, after a while.
        case suspend(for: Duration? = nil)
    }

    enum Phase: Sendable, Equatable {
        case unlocked
        case locating(OrderlyTicket)
        /// The offset could not be read; again at the tick.
        case waiting(Tick)
        case ready
        case releasing(until: Tick)
        case committing(OrderlyTicket, until: Tick)
        case released
    }

    /// A batch with the handler, or on its way to the dead letters.
    struct Out: Sendable {
        var ticket: OrderlyTicket
        var count: Int
        var isDeadLetter = false
        /// Its result counts only while this is so.
        var isCurrent = true
    }

    package let assignment: UInt64
    let settings: Settings
    var phase = Phase.unlocked
    var lease: OrderLease
    var buffer = OrderlyBuffer<Message>(startingAt: .zero)
    var out: Out?
    var suspendedUntil: Tick?
    private var lastNumber: UInt64 = 0
    /// Pulls belong to one possession of the lock.
    package internal(set) var pullTicket: OrderlyTicket

    package init(assignment: UInt64, settings: Settings = Settings(), at now: Tick) {
        self.assignment = assignment
        self.settings = settings
        self.lease = OrderLease(settings.lease, at: now)
        self.pullTicket = OrderlyTicket(assignment: assignment, number: 0)
    }

    mutating func nextTicket() -> OrderlyTicket {
        self.lastNumber += 1
        return OrderlyTicket(assignment: self.assignment, number: self.lastNumber)
    }
}

extension OrderlyQueue {
    package func isReady(at now: Tick) -> Bool {
        self.phase == .ready && self.lease.isValid(at: now)
    }

    /// The offset that may be committed; nil while another consumer's may be further.
    package func commitOffset(at now: Tick) -> QueueOffset? {
        self.isReady(at: now) ? self.buffer.commitOffset : nil
    }

    package var pullOffset: QueueOffset { self.buffer.pullOffset }
    package var count: Int { self.buffer.entries.count }
    package var isReleased: Bool { self.phase == .released }

    /// Whether to pull.
    package func hasRoom(at now: Tick) -> Bool {
        let limits = self.settings.limits
        return self.isReady(at: now) && self.count < limits.messagesMax
            && self.buffer.bytes < limits.bytesMax
            && self.pullOffset.distance(from: self.buffer.commitOffset) < limits.spanMax
    }

    /// Whether `take` would give something.
    package func hasSomething(at now: Tick) -> Bool {
        self.isReady(at: now) && self.out == nil && self.count > 0
            && self.suspendedUntil.map { $0 <= now } ?? true
    }

    /// When something happens by itself.
    package var nextWakeAt: Tick? {
        switch self.phase {
        case .released: nil
        case .releasing(let until), .committing(_, let until): until
        case .waiting(let dueAt): [dueAt, self.lease.nextWakeAt].compactMap { $0 }.min()
        case .unlocked, .locating: self.lease.nextWakeAt
        case .ready:
            [self.lease.nextWakeAt, self.out == nil ? self.suspendedUntil : nil]
                .compactMap { $0 }.min()
        }
    }

    package func checkInvariants() {
        self.buffer.checkInvariants()
        precondition((self.out?.isCurrent == true ? self.out?.count ?? 0 : 0) <= self.count)
        precondition(self.phase != .released || self.out == nil, "nothing is out any more")
        if case .locating = self.phase { precondition(self.count == 0, "nothing is known yet") }
    }
}
