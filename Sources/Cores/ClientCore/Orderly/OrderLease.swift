internal import MessageFormat

/// A consumer's hold on a queue's lock: when to ask for it, and until when it surely lasts.
///
/// The broker counts its 60 s from when it handles a request, the consumer counts its 30 s from
/// when it sent it: so the consumer stops well before anybody else can have the lock.
package struct OrderLease: Sendable {
    package enum Answer: Hashable, Sendable {
        case granted
        /// Somebody else has the lock.
        case refused
        /// No answer, or an error: the lock may be held or not.
        case failed
    }

    package struct Timing: Hashable, Sendable {
        package var validity: Duration
        package var renewal: Duration
        /// Between attempts; doubles from the first to the last.
        package var pauseFirst: Duration
        package var pauseMax: Duration

        package init(
            validity: Duration = .seconds(30), renewal: Duration = .seconds(20),
            pauseFirst: Duration = .milliseconds(10), pauseMax: Duration = .milliseconds(500)
        ) {
            precondition(renewal < validity, "a lock is renewed before it ends")
            self.validity = validity
            self.renewal = renewal
            self.pauseFirst = pauseFirst
            self.pauseMax = pauseMax
        }
    }

    enum Change {
        case won, lost, none
    }

    private let timing: Timing
    /// Nil if the lock is not, or not surely, held.
    private(set) var validUntil: Tick?
    private var asked: (ticket: OrderlyTicket, at: Tick)?
    private var askAt: Tick
    private var failures = 0
    /// Whether the broker may hold the lock for this consumer.
    private(set) var mayBeHeld = false

    init(_ timing: Timing, at now: Tick) {
        self.timing = timing
        self.askAt = now
    }

    func isValid(at now: Tick) -> Bool { self.validUntil.map { now < $0 } ?? false }

    func isDue(at now: Tick) -> Bool { self.asked == nil && self.askAt <= now }

    var nextWakeAt: Tick? {
        let ask = self.asked == nil ? self.askAt : nil
        return [ask, self.validUntil].compactMap { $0 }.min()
    }

    mutating func ask(_ ticket: OrderlyTicket, at now: Tick) {
        self.asked = (ticket, now)
        self.mayBeHeld = true
    }

    mutating func answered(
        _ ticket: OrderlyTicket, _ answer: Answer, at now: Tick
    ) -> Change {
        guard let asked, asked.ticket == ticket else { return .none }
        self.asked = nil
        switch answer {
        case .granted where now < asked.at + self.timing.validity:
            let isNew = !self.isValid(at: now)
            self.failures = 0
            self.validUntil = asked.at + self.timing.validity
            self.askAt = asked.at + self.timing.renewal
            return isNew ? .won : .none
        case .refused:
            let wasHeld = self.validUntil != nil
            self.validUntil = nil
            self.mayBeHeld = false
            self.pause(at: now)
            return wasHeld ? .lost : .none
        case .granted, .failed:
            self.pause(at: now)
            return .none
        }
    }

    /// Ask again as soon as possible. What was asked before counts no more.
    mutating func renew(at now: Tick) {
        self.asked = nil
        self.askAt = min(self.askAt, now)
    }

    /// Time has passed. True if the lock has ended by that.
    mutating func expire(at now: Tick) -> Bool {
        guard let validUntil, validUntil <= now else { return false }
        self.validUntil = nil
        self.askAt = min(self.askAt, now)
        return true
    }

    private mutating func pause(at now: Tick) {
        var pause = self.timing.pauseFirst
        for _ in 0..<min(self.failures, 16) where pause < self.timing.pauseMax { pause *= 2 }
        self.failures += 1
        self.askAt = now + min(pause, self.timing.pauseMax)
    }
}
