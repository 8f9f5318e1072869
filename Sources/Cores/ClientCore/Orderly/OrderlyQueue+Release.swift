package import MessageFormat

// Giving the queue up: wait for what is out, commit, unlock. In this order, so that the next
// consumer begins where this one ended.
extension OrderlyQueue {
    /// The queue belongs to somebody else from now on. `atOnce` does not wait for what is out; a
    /// handler may then still be at work when `released` comes, and its result will not count.
    package mutating func release(atOnce: Bool = false, at now: Tick) -> [Effect] {
        switch self.phase {
        case .released: return []
        case .committing: return atOnce ? self.unlock() : []
        case .releasing: return atOnce ? self.endRelease(at: now) : []
        // Where the group stands is not known: there is nothing to commit.
        case .unlocked, .locating, .waiting: return self.unlock()
        case .ready:
            self.phase = .releasing(until: now + self.settings.releaseMax)
            let waits = self.out?.isCurrent == true && self.lease.isValid(at: now) && !atOnce
            return waits ? [] : self.endRelease(at: now)
        }
    }

    /// The last commit was answered, or will not be.
    package mutating func lastCommitEnded(_ ticket: OrderlyTicket) -> [Effect] {
        guard case .committing(ticket, _) = self.phase else { return [] }
        return self.unlock()
    }

    /// What is still out does not count any more.
    mutating func endRelease(at now: Tick) -> [Effect] {
        self.out = nil
        guard self.lease.isValid(at: now) else { return self.unlock() }
        let ticket = self.nextTicket()
        self.phase = .committing(ticket, until: now + self.settings.commitMax)
        return [.commitLast(ticket, self.buffer.commitOffset)]
    }

    mutating func unlock() -> [Effect] {
        self.phase = .released
        self.out = nil
        return (self.lease.mayBeHeld ? [.unlock] : []) + [.released]
    }
}
