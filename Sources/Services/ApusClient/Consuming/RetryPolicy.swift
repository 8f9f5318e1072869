import ClientEngine

/// When, and by whom, a message whose handling failed is handled again.
public enum RetryPolicy: Hashable, Sendable {
    /// By any member of the group, after a delay that grows with every failure: 10 s, 30 s, 1 min
    /// and so on, up to 2 h. The message waits at its broker; the group's offset moves past it.
    case growing
    /// The same, always after the delay of this level: 1 (1 s) to 18 (2 h).
    case level(Int)
    /// By this consumer, which keeps the message meanwhile; the group's offset stays before it.
    /// However often it fails, the message does not become a dead letter.
    case local(after: Duration)

    /// Of a message that no broker is to keep: in a broadcasting consumer.
    static func localPause(afterFailures failures: Int) -> Duration {
        min(.seconds(1 << min(max(failures - 1, 0), 6)), .seconds(60))
    }

    /// The number of redeliveries that so many attempts allow.
    static func retriesMax(attemptsMax: Int?) -> Int32? {
        attemptsMax.map { Int32(clamping: max($0, 1) - 1) }
    }
}

/// Thrown by an orderly handler: the same messages again, after this time, from 10 ms to 30 s.
public struct SuspendQueue: Error, Hashable, Sendable {
    /// Counted from the throw on.
    public var time: Duration

    /// The queue waits for so long, then its message is handled again.
    public init(for time: Duration) { self.time = time }
}
