#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif
internal import MessageFormat
import NIOCore

/// Both clocks, as engines want them.
enum SystemClock {
    static func now() -> Now { Now(tick: Self.tick(), wall: Self.wall()) }

    /// The event loops' own clock, so that a tick can be a timer's deadline.
    static func tick() -> Tick {
        Tick(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }

    static func wall() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension NIODeadline {
    init(_ tick: Tick) { self = .uptimeNanoseconds(UInt64(clamping: tick.nanoseconds)) }
}
