import MessageFormat

/// Keeps a hostile peer from filling the disk with log lines.
struct LogThrottle {
    private static let linesMax = 20
    private static let window = Duration.seconds(1)

    private var since = Tick.zero
    private var lines = 0

    enum Verdict { case log, logAndSaySo, drop }

    mutating func admit(at now: Tick) -> Verdict {
        if now - self.since >= Self.window {
            self.since = now
            self.lines = 0
        }
        self.lines += 1
        if self.lines == Self.linesMax { return .logAndSaySo }
        return self.lines < Self.linesMax ? .log : .drop
    }
}
