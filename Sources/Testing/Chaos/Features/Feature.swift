internal import MessageFormat

/// A way to send or to consume that a workload of its own proves.
package enum Feature: String, CaseIterable, Hashable, Codable, Sendable {
    case retry
    case deadLetter = "dead-letter"
    case orderly
    case delay
    case transaction
    case pop

    package var summary: String {
        switch self {
        case .retry: "handlers fail, and get the messages again after growing delays"
        case .deadLetter: "messages that fail for good become dead letters and are replayed"
        case .orderly: "queues are handled in order while members come and go and handlers fail"
        case .delay: "messages by delay level, after a time and at a time"
        case .transaction: "commits, rollbacks, and outcomes that brokers have to ask for"
        case .pop: "messages are popped, acknowledged, hidden longer or shorter, or left"
        }
    }
}

/// What happens to a message, by its number: senders, handlers and readers agree without talking.
enum Lot {
    /// After how long each failed handling wants the message again; none: it succeeds at once.
    static func retries(_ id: ValueID) -> [RetryWish] {
        switch id.sequence % 10 {
        case 4: [.level(1)]
        case 6: [.level(1), .level(2)]
        case 7: [.level(2)]
        case 8: [.growing]
        case 9: [.level(1), .level(1), .level(1)]
        default: []
        }
    }

    /// Whether its handlers fail until it was replayed.
    static func isHopeless(_ id: ValueID) -> Bool { id.sequence % 5 == 2 }

    /// Whether its first handling in order fails.
    static func failsOnce(_ id: ValueID) -> Bool { id.sequence % 17 == 5 }

    enum Popped { case acknowledged, left, givenBackEarly, heldLonger }

    /// What its first receiver does with it.
    static func popped(_ id: ValueID) -> Popped {
        switch id.sequence % 10 {
        case 3: .left
        case 6: .givenBackEarly
        case 9: .heldLonger
        default: .acknowledged
        }
    }

    static func commits(_ id: ValueID) -> Bool { id.sequence % 4 == 0 || id.sequence % 4 == 2 }

    /// Whether its sender does not say how its transaction ended.
    static func isLeftOpen(_ id: ValueID) -> Bool { id.sequence % 4 >= 2 }
}

/// A delay level, or the first of the growing ones.
enum RetryWish: Hashable, Sendable {
    case level(Int)
    case growing

    var delay: Duration {
        switch self {
        case .level(let level): .seconds(level == 1 ? 1 : 5)
        case .growing: .seconds(10)
        }
    }
}
