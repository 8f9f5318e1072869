import NIOCore

/// How long the bytes that a peer has sent wait in the socket until they are read.
///
/// The last of them waits as long as it takes to read those before it, at the better pace of the
/// latest two tenths of a second: one hesitation says nothing. On the loop only.
struct ReadPace {
    /// A burst of fewer bytes has emptied the socket, as a rule.
    static let burstBytesMin = 64 << 10
    private static let period = TimeAmount.milliseconds(100)
    private static let waitMax = TimeAmount.hours(1)

    /// Since when, and how many bytes were read; nil while the socket is empty after each burst.
    private var current: (since: NIODeadline, bytes: Int)?
    /// Nanoseconds for a byte in the period before, and the one before that.
    private var slowness: (latest: Double, earlier: Double?)?

    /// A burst of `bytes` was read, and `left` bytes stayed. Returns how long the last one will wait.
    mutating func read(_ bytes: Int, left: Int, at now: NIODeadline) -> TimeAmount {
        guard left > 0 else {
            if self.current != nil { self = Self() }
            return .zero
        }
        guard let current = self.current else {
            self.current = (now, 0)
            return .zero
        }
        self.current?.bytes += bytes
        if now - current.since >= Self.period {
            let latest =
                Double((now - current.since).nanoseconds) / Double(max(1, current.bytes + bytes))
            self.slowness = (latest, self.slowness?.latest)
            self.current = (now, 0)
        }
        guard let slowness = self.slowness, let earlier = slowness.earlier else { return .zero }
        let nanoseconds = Double(left) * min(slowness.latest, earlier)
        return .nanoseconds(Int64(min(nanoseconds, Double(Self.waitMax.nanoseconds))))
    }
}
