import Glibc
import MessageFormat
import NIOCore
import RemotingProtocol

/// The machine's clocks, and how far ahead of them the broker is.
struct TestClock {
    private(set) var ahead = Duration.zero

    mutating func advance(by time: Duration) { self.ahead += time }

    var now: Now {
        let ahead = Tick(self.ahead).nanoseconds
        let tick = Self.nanoseconds(of: CLOCK_MONOTONIC) + ahead
        let wall = Self.nanoseconds(of: CLOCK_REALTIME) + ahead
        return Now(
            tick: Tick(nanoseconds: tick), wall: Timestamp(milliseconds: wall / 1_000_000))
    }

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension TestClock {
    /// A pop says when it was made, by a clock that does not go with the broker's. One that seems
    /// older than its wait would not be looked at.
    func shifted(_ command: ReceivedCommand) -> ReceivedCommand {
        let isPop =
            command.code == RequestCode.popMessage.rawValue
            || command.code == RequestCode.notification.rawValue
        guard isPop, self.ahead > .zero else { return command }
        let milliseconds = Tick(self.ahead).nanoseconds / 1_000_000
        var shifted = RemotingCommand.request(.popMessage)
        shifted.code = command.code
        shifted.opaque = command.opaque
        shifted.flag = command.flag
        shifted.version = command.version
        shifted.language = command.language
        shifted.body = command.withBodyBytes { Array($0) }
        shifted.fields = command.allFields.map { field in
            guard field.name == "bornTime", let born = Int64(field.value) else {
                return HeaderField(name: field.name, value: field.value)
            }
            return HeaderField(name: field.name, value: String(born &+ milliseconds))
        }
        var frame = ByteBuffer()
        shifted.encode(into: &frame, as: command.serialization)
        frame.moveReaderIndex(forwardBy: 4)
        return (try? ReceivedCommand(frame: frame)) ?? command
    }
}
