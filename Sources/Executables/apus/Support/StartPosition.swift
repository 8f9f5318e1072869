import Chaos
import MessageFormat

/// Where reading is to begin.
enum StartPosition: Hashable, Sendable {
    case first
    case last
    case time(Timestamp)

    init?(_ text: String, now: Timestamp) {
        switch text {
        case "first": self = .first
        case "last": self = .last
        default:
            guard let time = TimeText.parse(text, now: now) else { return nil }
            self = .time(time)
        }
    }

    static func failure(_ text: String, option: String) -> CommandFailure {
        CommandFailure(
            .usage, "cannot understand \(option) \(text)",
            because: "it is neither first nor last nor a time",
            try: "first, last, 2026-11-21T10:00, or an age such as 90s, 10m, 2h, 3d")
    }
}

extension ClusterAccess {
    /// The offset that stands for `start` in a queue.
    func offset(
        in queue: RoutedQueue, at start: StartPosition
    ) async throws(AccessError) -> QueueOffset {
        switch start {
        case .first: try await self.minOffset(of: queue)
        case .last: try await self.maxOffset(of: queue)
        case .time(let time): try await self.offset(in: queue, at: time)
        }
    }
}
