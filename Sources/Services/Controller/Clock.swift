import Glibc
import MessageFormat

/// The machine's clocks, read once a turn.
enum Clock {
    static func now() -> Now {
        Now(
            tick: Tick(nanoseconds: Self.nanoseconds(of: CLOCK_MONOTONIC)),
            wall: Timestamp(milliseconds: Self.nanoseconds(of: CLOCK_REALTIME) / 1_000_000))
    }

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
