package import MessageFormat

/// How the queues of a topic are shared among the consumers of a group.
///
/// Every consumer computes its own share, so all must use the same arithmetic on equally sorted
/// lists: queues by topic, broker and id; consumers by their ids' UTF-16 code units.
package enum QueueAllocation: String, Hashable, Sendable {
    /// Blocks of neighbouring queues.
    case average = "AVG"
    /// Every m-th queue.
    case averageByCircle = "AVG_BY_CIRCLE"

    /// The share of `consumer`. Empty if it is not one of `consumers`.
    package func share(
        of consumer: String, queues: some Collection<MessageQueue>,
        consumers: some Collection<String>
    ) -> [MessageQueue] {
        let queues = queues.sorted()
        let consumers = Set(consumers).sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
        guard let index = consumers.firstIndex(of: consumer) else { return [] }
        switch self {
        case .average:
            return Array(queues[Self.block(index, of: consumers.count, queues: queues.count)])
        case .averageByCircle:
            return stride(from: index, to: queues.count, by: consumers.count).map { queues[$0] }
        }
    }

    private static func block(_ index: Int, of consumers: Int, queues: Int) -> Range<Int> {
        let rest = queues % consumers
        let takesOneMore = rest > 0 && index < rest
        let size = queues <= consumers ? 1 : queues / consumers + (takesOneMore ? 1 : 0)
        let start = min(takesOneMore ? index * size : index * size + rest, queues)
        return start..<min(start + size, queues)
    }
}
