package import MessageFormat

// The lock, and the offset that is read whenever it is won.
extension OrderlyQueue {
    /// Time has passed.
    package mutating func advance(to now: Tick) -> [Effect] {
        switch self.phase {
        case .released: return []
        case .releasing(let until): return until <= now ? self.endRelease(at: now) : []
        case .committing(_, let until): return until <= now ? self.unlock() : []
        case .unlocked, .locating, .waiting, .ready: break
        }
        var effects = self.lease.expire(at: now) ? self.lost() : []
        if self.lease.isDue(at: now) {
            let ticket = self.nextTicket()
            self.lease.ask(ticket, at: now)
            effects.append(.lock(ticket))
        }
        if case .waiting(let dueAt) = self.phase, dueAt <= now { effects += self.locate() }
        if let suspendedUntil, suspendedUntil <= now { self.suspendedUntil = nil }
        return effects
    }

    /// Another broker answers for the lock from now on, and may not know of it: it is asked for
    /// with the next `advance`.
    package mutating func masterChanged(at now: Tick) { self.lease.renew(at: now) }

    package mutating func lockAnswered(
        _ ticket: OrderlyTicket, _ answer: OrderLease.Answer, at now: Tick
    ) -> [Effect] {
        guard !self.isLeaving else { return [] }
        let expired = self.lease.expire(at: now) ? self.lost() : []
        switch self.lease.answered(ticket, answer, at: now) {
        case .won: return expired + self.locate()
        case .lost: return expired + self.lost()
        case .none: return expired
        }
    }

    /// The group's offset, or where to begin if it has none; nil if it could not be read.
    package mutating func located(
        _ ticket: OrderlyTicket, at offset: QueueOffset?, now: Tick
    ) -> [Effect] {
        guard self.phase == .locating(ticket) else { return [] }
        if self.lease.expire(at: now) { return self.lost() }
        guard let offset, offset.isPlausible else {
            self.phase = .waiting(now + self.settings.offsetPause)
            return []
        }
        self.begin(at: offset)
        return []
    }

    /// The broker says that the queue goes on elsewhere.
    package mutating func moved(_ ticket: OrderlyTicket, to offset: QueueOffset) -> Bool {
        guard self.phase == .ready, ticket == self.pullTicket, offset.isPlausible else {
            return false
        }
        self.out?.isCurrent = false
        self.begin(at: offset)
        return true
    }

    private mutating func begin(at offset: QueueOffset) {
        self.buffer = OrderlyBuffer(startingAt: offset)
        self.suspendedUntil = nil
        self.pullTicket = self.nextTicket()
        self.phase = .ready
    }

    private mutating func locate() -> [Effect] {
        let ticket = self.nextTicket()
        self.phase = .locating(ticket)
        return [.readOffset(ticket)]
    }

    /// Somebody else may have the lock, now or soon.
    private mutating func lost() -> [Effect] {
        self.forget()
        self.phase = .unlocked
        return [.lost]
    }

    mutating func forget() {
        self.buffer = OrderlyBuffer(startingAt: .zero)
        self.pullTicket = self.nextTicket()
        self.suspendedUntil = nil
        self.out?.isCurrent = false
    }

    var isLeaving: Bool {
        switch self.phase {
        case .releasing, .committing, .released: true
        case .unlocked, .locating, .waiting, .ready: false
        }
    }
}
