package import MessageFormat

/// Remembers which offsets the brokers hold for the group, and says what to send them.
///
/// An offset is sent when it has moved since the last one that a broker confirmed, at most once
/// per interval; at once when a queue is given up.
package struct OffsetCommits: Sendable {
    package struct Commit: Hashable, Sendable {
        package var queue: MessageQueue
        package var offset: QueueOffset

        package init(queue: MessageQueue, offset: QueueOffset) {
            self.queue = queue
            self.offset = offset
        }
    }

    private let interval: Duration
    private var confirmed: [MessageQueue: QueueOffset] = [:]
    package private(set) var dueAt: Tick

    package init(interval: Duration = .seconds(5), startingAt now: Tick) {
        self.interval = interval
        self.dueAt = now + interval
    }

    /// The queue was assigned and the group's offset on the broker is known, or known to be absent.
    package mutating func began(_ queue: MessageQueue, stored: QueueOffset?) {
        self.confirmed[queue] = stored
    }

    /// Time has passed: what is to be sent now, queues in order.
    package mutating func due(
        _ offsets: [(MessageQueue, QueueOffset)], at now: Tick
    ) -> [Commit] {
        guard now >= self.dueAt else { return [] }
        self.dueAt = now + self.interval
        return self.changed(offsets)
    }

    /// What differs from the brokers' knowledge, whatever the time.
    package func changed(_ offsets: [(MessageQueue, QueueOffset)]) -> [Commit] {
        offsets.sorted { $0.0 < $1.0 }
            .filter { self.confirmed[$0.0] != $0.1 }
            .map { Commit(queue: $0.0, offset: $0.1) }
    }

    /// A broker confirmed the commit.
    package mutating func confirmed(_ commit: Commit) {
        self.confirmed[commit.queue] = commit.offset
    }

    /// The queue belongs to somebody else from now on: the last commit to make, if any.
    package mutating func ended(_ queue: MessageQueue, at offset: QueueOffset) -> Commit? {
        let known = self.confirmed.removeValue(forKey: queue)
        return known == offset ? nil : Commit(queue: queue, offset: offset)
    }
}
