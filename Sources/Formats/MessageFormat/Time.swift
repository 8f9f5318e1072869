/// A reading of the monotonic clock, in nanoseconds from an arbitrary start.
///
/// Cores measure deadlines and ages with it. It never goes back and is never stored.
package struct Tick: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package init(_ sinceStart: Duration) {
        let (seconds, attoseconds) = sinceStart.components
        self.nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    package static let zero = Self(nanoseconds: 0)

    package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (tick: Self, duration: Duration) -> Self {
        Self(nanoseconds: tick.nanoseconds + Tick(duration).nanoseconds)
    }

    package static func - (later: Self, earlier: Self) -> Duration {
        .nanoseconds(later.nanoseconds - earlier.nanoseconds)
    }
}

/// A reading of the wall clock, in milliseconds since 1970, as the wire carries it.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Self, right: Self) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

/// Both clocks, read once for everything that is decided in one turn of an engine.
package struct Now: Hashable, Sendable {
    package var tick: Tick
    package var wall: Timestamp

    package init(tick: Tick, wall: Timestamp) {
        self.tick = tick
        self.wall = wall
    }
}
