/// Says what happens when, in seconds since its begin.
package struct Timeline: Sendable {
    private let clock = SuspendingClock()
    private let began: SuspendingClock.Instant
    private let write: @Sendable (String) -> Void

    package init(_ write: @escaping @Sendable (String) -> Void) {
        self.began = self.clock.now
        self.write = write
    }

    package var elapsed: Duration { self.began.duration(to: self.clock.now) }

    package func note(_ what: String) {
        self.write("\(Self.seconds(self.elapsed).leftPadded(to: 7)) s  \(what)")
    }

    package static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration / .milliseconds(1)
        let hundredths = Int((milliseconds / 10).rounded())
        let fraction = String(hundredths % 100).leftPadded(to: 2, with: "0")
        return "\(hundredths / 100).\(fraction)"
    }
}

extension String {
    package func leftPadded(to width: Int, with filler: Character = " ") -> String {
        String(repeating: filler, count: max(0, width - self.count)) + self
    }
}
