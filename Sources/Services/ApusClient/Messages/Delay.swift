import MessageFormat

/// When a message becomes visible to consumers.
public enum Delay: Hashable, Sendable {
    /// One of the broker's levels: by default 1 is one second, 18 two hours.
    case level(Int)
    /// So long after a broker has stored it.
    case after(Duration)
    /// At that time by the broker's clock, in milliseconds since 1970. A time that is over means at
    /// once.
    case at(milliseconds: Int64)
}

extension Delay {
    func write(to properties: inout MessageProperties) throws(ApusClientError) {
        switch self {
        case .level(let level):
            guard level > 0, level <= Int(Int32.max) else {
                throw Self.refused("delay levels begin at 1, got \(level)")
            }
            properties[PropertyName.delayLevel] = String(level)
        case .after(let duration):
            guard duration >= .zero else { throw Self.refused("the delay \(duration) is negative") }
            let milliseconds = (Tick(duration).nanoseconds + 999_999) / 1_000_000
            properties[PropertyName.timerDelayMilliseconds] = String(milliseconds)
        case .at(let milliseconds):
            guard milliseconds >= 0 else {
                throw Self.refused("there was no delivery before 1970, got \(milliseconds)")
            }
            properties[PropertyName.timerDeliverAt] = String(milliseconds)
        }
    }

    private static func refused(_ why: String) -> ApusClientError {
        ApusClientError(.invalidArgument, "the message cannot be delayed: \(why)")
    }
}
