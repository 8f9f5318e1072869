internal import MessageFormat

/// Wall time that does not go back, in milliseconds.
///
/// A wall clock that was set back would keep what is in flight invisible for as long as it was set
/// back. From such a jump on, time goes on by the monotonic clock until the wall clock is there
/// again. A jump forward cannot be told from a machine that slept: messages come back early then.
struct PopClock: Sendable {
    /// Differences up to this are the clock being adjusted; time stands still for so long.
    static let adjustmentMax = Int64(1_000)
    /// Later than any clock shows; sums of such times do not overflow.
    static let timeMax = Int64(1) << 52

    private var last: (tick: Tick, time: Int64)?

    /// `latest` is a time that was given out, perhaps by another master.
    mutating func read(_ now: Now, notBefore latest: Int64) -> Int64 {
        let wall = max(0, min(now.wall.milliseconds, Self.timeMax))
        guard var last else {
            let time = max(wall, latest)
            self.last = (now.tick, time)
            return time
        }
        let floor = max(last.time, latest)
        let elapsed = max(0, now.tick.nanoseconds - last.tick.nanoseconds) / 1_000_000
        let isAdjusted = floor - wall <= Self.adjustmentMax
        let time = max(wall, isAdjusted ? floor : min(floor + elapsed, Self.timeMax))
        // What is left of a millisecond counts next time.
        last.tick.nanoseconds =
            isAdjusted
            ? now.tick.nanoseconds
            : last.tick.nanoseconds + elapsed * 1_000_000
        last.time = time
        self.last = last
        return time
    }
}
