package import MessageFormat

/// Remembers which offsets the brokers hold for the group, and says what to send them.
///
/// Only progress is sent: an offset beyond the one at which this consumer took the queue over, and
/// beyond the last one that a broker confirmed. Another consumer may have the queue without this
/// one's knowing; whoever repeats an old offset would take the group back to it.
package struct OffsetCommits: Sendable {
    package struct Commit: Hashable, Sendable {
        package var queue: MessageQueue
        package var offset: QueueOffset
        /// Which taking over of the queue it belongs to.
        package let era: UInt64

        package init(queue: MessageQueue, offset: QueueOffset, era: UInt64 = 0) {
            self.queue = queue
            self.offset = offset
            self.era = era
        }
    }

    private struct Known {
        let era: UInt64
        /// Where the queue was taken over, or what a broker confirmed since.
        var base: QueueOffset
        /// Sent, and not yet answered.
        var sending: QueueOffset?
        /// The last commit failed: it may have been stored or not, or may be stored yet.
        var isUncertain = false
    }

    private let interval: Duration
    private var known: [MessageQueue: Known] = [:]
    private var lastEra: UInt64 = 0
    package private(set) var dueAt: Tick

    package init(interval: Duration = .seconds(5), startingAt now: Tick) {
        self.interval = interval
        self.dueAt = now + interval
    }

    /// The queue was taken over, to be consumed from `offset` on.
    package mutating func began(_ queue: MessageQueue, at offset: QueueOffset) {
        self.lastEra += 1
        self.known[queue] = Known(era: self.lastEra, base: offset)
    }

    /// Time has passed: what is to be sent now, queues in order. Each is to be followed by
    /// `answered`; until then the queue has nothing due.
    package mutating func due(
        _ offsets: [(MessageQueue, QueueOffset)], at now: Tick
    ) -> [Commit] {
        guard now >= self.dueAt else { return [] }
        self.dueAt = now + self.interval
        return offsets.sorted { $0.0 < $1.0 }.compactMap { queue, offset in
            guard let known = self.known[queue], known.sending == nil, offset > known.base else {
                return nil
            }
            self.known[queue]?.sending = offset
            return Commit(queue: queue, offset: offset, era: known.era)
        }
    }

    /// What a request that goes to the broker anyway may tell it on the way.
    package func news(_ queue: MessageQueue, at offset: QueueOffset) -> QueueOffset? {
        guard let known = self.known[queue], !known.isUncertain, offset > known.base else {
            return nil
        }
        return offset
    }

    /// A commit ended: the broker confirmed it, or nobody knows.
    package mutating func answered(_ commit: Commit, isConfirmed: Bool) {
        guard var known = self.known[commit.queue], known.era == commit.era else { return }
        if known.sending == commit.offset { known.sending = nil }
        known.isUncertain = !isConfirmed
        if isConfirmed { known.base = max(known.base, commit.offset) }
        self.known[commit.queue] = known
    }

    /// The queue is given up: the last commit to make, if any.
    ///
    /// - Parameter isLost: somebody else has it already. What a broker did not take before is then
    ///   not sent again.
    package mutating func ended(
        _ queue: MessageQueue, at offset: QueueOffset, isLost: Bool
    ) -> Commit? {
        guard let known = self.known.removeValue(forKey: queue), offset > known.base,
            offset != known.sending, !(isLost && known.isUncertain)
        else { return nil }
        return Commit(queue: queue, offset: offset, era: known.era)
    }
}
