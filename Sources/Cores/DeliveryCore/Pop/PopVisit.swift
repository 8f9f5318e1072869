/// A queue that a pop looks at: of the topic asked for, or of its retry topic.
package struct PopVisit: Hashable, Sendable {
    package var kind: PopTopicKind
    package var queueID: Int32

    package init(_ kind: PopTopicKind, queueID: Int32) {
        self.kind = kind
        self.queueID = queueID
    }

    /// The queues of one pop in their order, until it has enough (`flows.md` §13).
    ///
    /// `random` decides whether the retry topic comes first and at which queue the turn begins.
    /// A pop in order, or of a retry topic, has no other retry topic: say that it has no queues.
    package static func plan(
        queueID: Int32, topicQueues: Int32, retryQueues: Int32, isOrdered: Bool,
        retryFirstPercent: UInt64 = PopSettings().retryFirstPercent, random: UInt64
    ) -> [Self] {
        let start = random / 100
        let topic = Self.turn(.normal, queueID: queueID, of: topicQueues, start: start)
        guard !isOrdered else { return topic }
        let retry = Self.turn(.retry, queueID: -1, of: retryQueues, start: start)
        return random % 100 < retryFirstPercent ? retry + topic : topic + retry
    }

    private static func turn(
        _ kind: PopTopicKind, queueID: Int32, of count: Int32, start: UInt64
    ) -> [Self] {
        if queueID >= 0 { return queueID < count ? [Self(kind, queueID: queueID)] : [] }
        guard count > 0 else { return [] }
        let first = Int32(start % UInt64(count))
        return ((first..<count).map { $0 } + (0..<first).map { $0 }).map {
            Self(kind, queueID: $0)
        }
    }
}
