import Glibc
import Synchronization

/// Ctrl-C and SIGTERM as a question that long waits ask.
///
/// A signal must not end the lab between "process started" and "process written down", so the
/// handler only raises a flag; whoever waits sees it, and takes down what it had started.
package enum Interrupt {
    private static let requested = Atomic<Bool>(false)
    private static let shields = Atomic<Int>(0)

    /// Call once, before the first process is started.
    package static func install() {
        _ = self.isRequested  // the flag must exist before a handler may touch it
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in Interrupt.requested.store(true, ordering: .relaxed) }
        }
    }

    package static var isRequested: Bool { self.requested.load(ordering: .relaxed) }

    package static func check() throws {
        if self.isRequested && self.shields.load(ordering: .relaxed) == 0 {
            throw LabError.interrupted
        }
    }

    /// What is taken down after a Ctrl-C may itself wait; a second Ctrl-C must not leave the rest
    /// standing.
    package static func shielded<Result>(_ body: () throws -> Result) rethrows -> Result {
        self.shields.add(1, ordering: .relaxed)
        defer { self.shields.subtract(1, ordering: .relaxed) }
        return try body()
    }
}

/// Asks until the answer is yes or the time is over; says which of the two it was.
package func wait(
    atMost limit: Duration, every pause: Duration = .milliseconds(20),
    until isDone: () throws -> Bool
) throws -> Bool {
    let clock = SuspendingClock()
    let deadline = clock.now + limit
    while true {
        if try isDone() { return true }
        if clock.now >= deadline { return false }
        try Interrupt.check()
        rest(for: pause)
    }
}

/// Lets the thread sleep; a signal may end it early.
package func rest(for duration: Duration) {
    let (seconds, attoseconds) = duration.components
    var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    nanosleep(&time, nil)
}
