import MessageFormat

/// When the queues are to be shared out again: regularly, and soon after a sign of change.
struct RebalanceClock: Sendable {
    private let interval: Duration
    /// Several signs in a row, one from each broker, lead to one rebalance.
    private let gap = Duration.milliseconds(50)
    private(set) var dueAt: Tick
    private var lastAt: Tick?

    init(interval: Duration, startingAt now: Tick) {
        self.interval = interval
        self.dueAt = now + interval
    }

    mutating func request(at now: Tick) {
        let earliest = self.lastAt.map { $0 + self.gap } ?? now
        self.dueAt = min(self.dueAt, max(now, earliest))
    }

    /// The last try did not work out.
    mutating func retry(after pause: Duration, at now: Tick) {
        self.dueAt = min(self.dueAt, now + pause)
    }

    mutating func isDue(at now: Tick) -> Bool {
        guard self.dueAt <= now else { return false }
        self.dueAt = now + self.interval
        self.lastAt = now
        return true
    }
}

/// Who are the members? Asked of one broker for one topic.
struct MembershipQuestion: Sendable {
    let topic: String
    let address: String
}
