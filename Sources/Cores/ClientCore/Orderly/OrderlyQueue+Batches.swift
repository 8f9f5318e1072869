package import MessageFormat

// Messages in, batches out, one at a time.
extension OrderlyQueue {
    /// A pull brought this message. False, without effect, if the pull belongs to the past or the
    /// message is known.
    package mutating func pulled(
        _ ticket: OrderlyTicket, _ message: Message, at offset: QueueOffset, bytes: Int
    ) -> Bool {
        guard self.phase == .ready, ticket == self.pullTicket else { return false }
        return self.buffer.append(message, at: offset, bytes: bytes)
    }

    /// The broker looked at everything below `offset`.
    package mutating func examined(_ ticket: OrderlyTicket, upTo offset: QueueOffset) {
        guard self.phase == .ready, ticket == self.pullTicket else { return }
        self.buffer.examined(upTo: offset)
    }

    /// The next batch, if the lock holds, nothing is out and nothing is suspended.
    package mutating func take(at now: Tick) -> Batch? {
        guard self.hasSomething(at: now) else { return nil }
        self.suspendedUntil = nil
        let entries = self.buffer.handOut(max(self.settings.batchMax, 1))
        let ticket = self.nextTicket()
        self.out = Out(ticket: ticket, count: entries.count)
        return Batch(
            ticket: ticket, messages: entries.map(\.message), offsets: entries.map(\.offset),
            attempts: entries.first?.attempts ?? 0)
    }

    /// The handler is done with a batch, one way or the other.
    package mutating func finished(
        _ ticket: OrderlyTicket, _ outcome: Outcome, at now: Tick
    ) -> [Effect] {
        guard let out, out.ticket == ticket, !out.isDeadLetter else { return [] }
        guard self.counts(out, at: now) else { return self.dropped(out, at: now) }
        switch outcome {
        case .success: return self.passed(out.count, at: now)
        case .suspend(let pause): return self.failed(out, pause, at: now)
        }
    }

    /// The first `stored` messages of the batch are dead letters now; the rest could not be sent.
    package mutating func deadLettered(
        _ ticket: OrderlyTicket, stored: Int, at now: Tick
    ) -> [Effect] {
        guard let out, out.ticket == ticket, out.isDeadLetter else { return [] }
        guard self.counts(out, at: now) else { return self.dropped(out, at: now) }
        let passed = min(max(stored, 0), out.count)
        if passed < out.count { self.suspend(nil, at: now) }
        return self.passed(passed, at: now)
    }

    /// The messages of a batch that is to become dead letters.
    package func deadLetters(_ ticket: OrderlyTicket) -> [(QueueOffset, Message)] {
        guard let out, out.ticket == ticket, out.isDeadLetter, out.isCurrent else { return [] }
        return self.buffer.entries.prefix(out.count).map { ($0.offset, $0.message) }
    }

    private func counts(_ out: Out, at now: Tick) -> Bool {
        out.isCurrent && self.lease.isValid(at: now)
    }

    private mutating func passed(_ count: Int, at now: Tick) -> [Effect] {
        self.out = nil
        self.buffer.removeFirst(count)
        return self.isLeaving ? self.endRelease(at: now) : []
    }

    private mutating func failed(_ out: Out, _ pause: Duration?, at now: Tick) -> [Effect] {
        if self.isLeaving { return self.passed(0, at: now) }
        let attempts = self.buffer.entries.first?.attempts ?? 0
        if let attemptsMax = self.settings.attemptsMax, attempts >= attemptsMax {
            let ticket = self.nextTicket()
            self.out = Out(ticket: ticket, count: out.count, isDeadLetter: true)
            return [.deadLetter(ticket)]
        }
        self.out = nil
        self.suspend(pause, at: now)
        return []
    }

    private mutating func suspend(_ pause: Duration?, at now: Tick) {
        let pause = pause ?? self.settings.suspension
        self.suspendedUntil = now + min(max(pause, .milliseconds(10)), .seconds(30))
    }

    /// Too late. The lock's end is noticed here if nobody looked before.
    private mutating func dropped(_ out: Out, at now: Tick) -> [Effect] {
        self.out = nil
        if self.isLeaving { return [.stale(out.ticket)] + self.endRelease(at: now) }
        return [.stale(out.ticket)] + self.advance(to: now)
    }
}
