package import MessageFormat

/// The clocks of one machine: a monotonic one that may run fast or slow, and a wall clock that may
/// jump besides.
package struct VirtualClock: Sendable {
    /// 2026-01-01: stored times look like times.
    private static let wallAtStart: Int64 = 1_767_225_600_000

    /// Parts per million by which this machine's seconds are too short.
    package private(set) var driftPPM: Int64 = 0
    private var tickAtChange: Int64 = 0
    private var timeAtChange: Int64 = 0
    private var wallOffset: Int64 = 0

    package func now(at time: Int64) -> Now {
        let tick = self.tick(at: time)
        return Now(
            tick: Tick(nanoseconds: tick),
            wall: Timestamp(milliseconds: Self.wallAtStart + self.wallOffset + tick / 1_000_000))
    }

    /// How long this machine's timer of `duration` really takes.
    func real(_ duration: Duration) -> Int64 {
        let nanoseconds = duration.wholeNanoseconds
        return nanoseconds - nanoseconds / 1_000_000 * self.driftPPM
    }

    mutating func drift(ppm: Int64, at time: Int64) {
        self.tickAtChange = self.tick(at: time)
        self.timeAtChange = time
        self.driftPPM = ppm
    }

    mutating func jump(byMilliseconds jump: Int64) { self.wallOffset += jump }

    /// Somebody has set it: the wall clock is so far ahead now.
    mutating func set(milliseconds ahead: Int64, at time: Int64) {
        self.drift(ppm: 0, at: time)
        self.wallOffset = ahead + (time - self.tickAtChange) / 1_000_000
    }

    /// When a clock that was never wrong shows this time.
    static func time(of wall: Timestamp) -> Int64 {
        (wall.milliseconds - Self.wallAtStart) * 1_000_000
    }

    private func tick(at time: Int64) -> Int64 {
        let passed = time - self.timeAtChange
        return self.tickAtChange + passed + passed / 1_000_000 * self.driftPPM
    }
}
