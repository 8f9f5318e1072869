package import MessageFormat

/// How queues are shared out among the members of a group (`flows.md` §5).
///
/// Every client computes the same from the same sorted lists, so whoever computes it for them
/// must do exactly this. Raw values are the wire's names.
package enum AssignmentStrategy: String, Hashable, Sendable {
    case average = "AVG"
    case averageByCircle = "AVG_BY_CIRCLE"

    /// The queues of one client, sorted. A client that is not a member gets none.
    package func share(
        of clientID: String, queues: [MessageQueue], clientIDs: [String]
    ) -> [MessageQueue] {
        let queues = queues.sorted()
        let members = clientIDs.sorted(by: WireOrder.precedes)
        guard let index = members.firstIndex(of: clientID), !queues.isEmpty else { return [] }
        switch self {
        case .average:
            return Array(queues[Self.run(queues: queues.count, members: members.count, index)])
        case .averageByCircle:
            return stride(from: index, to: queues.count, by: members.count).map { queues[$0] }
        }
    }

    /// Runs of queues whose lengths differ by one at most, the longer ones first.
    private static func run(queues: Int, members: Int, _ index: Int) -> Range<Int> {
        let rest = queues % members
        let isLonger = rest > 0 && index < rest
        let size = queues <= members ? 1 : queues / members + (isLonger ? 1 : 0)
        let start = isLonger ? index * size : index * size + rest
        return start < queues ? start..<min(start + size, queues) : 0..<0
    }
}
