/// How a machine's disk is at the moment.
struct DiskCondition {
    /// What a write with its flush takes.
    var latency: ClosedRange<Duration> = Self.usual
    /// Writes are refused for want of room.
    var isFull = false
    /// The next flush fails; what it should have flushed is on the disk or not.
    var failsNextFlush = false
    /// The next write lands somewhere else, and nobody is told.
    var misdirectsNextWrite = false
    /// Flushes return at once and have done nothing.
    var liesAboutFlushes = false

    static let usual: ClosedRange<Duration> = .microseconds(60)...(.microseconds(400))
}
