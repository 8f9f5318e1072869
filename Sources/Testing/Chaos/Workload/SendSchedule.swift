internal import MessageFormat
internal import Synchronization

/// Hands out the turns of sending to all producers: how many, until when, how fast.
final class SendSchedule: Sendable {
    /// Nanoseconds.
    private static let madeUpMax: Int64 = 100_000_000

    private let messagesMax: Int
    private let endAt: Tick?
    private let interval: Duration
    private let state: Mutex<(count: Int, dueAt: Tick)>

    init(plan: WorkloadPlan, startingAt now: Tick) {
        self.messagesMax = plan.messagesMax ?? .max
        self.endAt = plan.duration.map { now + $0 }
        self.interval = plan.rate.map { .nanoseconds(Int64(1e9 / max($0, 1e-3))) } ?? .zero
        self.state = Mutex((count: 0, dueAt: now))
    }

    /// When the next message is due; nil when enough has been sent.
    func next(at now: Tick) -> Tick? {
        self.state.withLock { state in
            let due = state.dueAt
            guard state.count < self.messagesMax else { return nil }
            if let endAt = self.endAt, max(due, now) >= endAt { return nil }
            state.count += 1
            // What a late wake-up has cost is made up for, what a fault has held up is not.
            let earliest = Tick(nanoseconds: now.nanoseconds - Self.madeUpMax)
            state.dueAt = max(due, earliest) + self.interval
            return due
        }
    }
}
