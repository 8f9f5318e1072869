private import DequeModule
internal import MessageFormat

/// How the latest transactions ended: what a second END is told.
struct RecentEnds: Equatable, Sendable {
    /// Beyond it the earliest is forgotten. The same everywhere: replicas must forget alike.
    static let countMax = 16_384

    struct End: Hashable, Sendable {
        var halfOffset: QueueOffset
        var position: PhysicalOffset
        var outcome: TransactionOutcome
    }

    private var ends: [QueueOffset: End] = [:]
    /// In the order of their ends.
    private var order: Deque<QueueOffset> = []

    subscript(halfOffset: QueueOffset) -> End? { self.ends[halfOffset] }

    /// Earliest first.
    var all: [End] { self.order.compactMap { self.ends[$0] } }

    mutating func insert(_ end: End) {
        guard self.ends.updateValue(end, forKey: end.halfOffset) == nil else { return }
        self.order.append(end.halfOffset)
        if self.order.count > Self.countMax, let first = self.order.popFirst() {
            self.ends[first] = nil
        }
    }

    mutating func removeAll() { self = Self() }

    func checkInvariants() {
        precondition(self.order.count <= Self.countMax)
        precondition(Set(self.order) == Set(self.ends.keys) && self.order.count == self.ends.count)
    }
}
