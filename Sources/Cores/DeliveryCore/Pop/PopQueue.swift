package import MessageFormat

/// A queue as one group pops it.
package struct PopKey: Hashable, Comparable, Sendable {
    package var group: String
    /// The topic that physically holds the messages.
    package var topic: String
    package var queueID: Int32

    package init(group: String, topic: String, queueID: Int32) {
        self.group = group
        self.topic = topic
        self.queueID = queueID
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.group, left.topic, left.queueID) < (right.group, right.topic, right.queueID)
    }
}

/// Where a group begins on a queue that it has never read.
package enum PopStart: Int32, Hashable, Sendable {
    case min = 0
    case max = 1
}

/// What a queue and the group's ordinary offset say when a pop begins.
package struct PopBounds: Hashable, Sendable {
    package var min: QueueOffset
    /// The first offset that may not be read.
    package var max: QueueOffset
    /// The offset that the next appended message gets; not below `max`.
    package var assigned: QueueOffset
    /// The group's ordinary offset.
    package var stored: QueueOffset?
    /// The queue still has its beginning, and little more.
    package var isNew: Bool

    package init(
        min: QueueOffset, max: QueueOffset, assigned: QueueOffset? = nil,
        stored: QueueOffset? = nil, isNew: Bool = false
    ) {
        self.min = min
        self.max = max
        self.assigned = Swift.max(assigned ?? max, max)
        self.stored = stored
        self.isNew = isNew
    }

    /// Whether a request about this offset can be about a message: else `NO_MESSAGE`.
    package func contains(_ offset: QueueOffset) -> Bool {
        offset >= self.min && offset <= self.max
    }

    /// Where to read on, given where the group's pops have come.
    func position(next: Int64?, start: PopStart) -> Int64 {
        Swift.max(0, Swift.min(self.place(next: next, start: start), PopFlight.offsetMax))
    }

    private func place(next: Int64?, start: PopStart) -> Int64 {
        guard let known = [next, self.stored?.value].compactMap({ $0 }).max() else {
            switch start {
            case .min: return self.min.value
            case .max where self.isNew: return self.min.value
            case .max: return Swift.max(self.min.value, self.max.value - 1)
            }
        }
        // Behind what was ever assigned: the log that had it is gone.
        if known > self.assigned.value { return self.max.value }
        return Swift.max(known, self.min.value)
    }
}

/// One queue as one group pops it: how far it was read, and what is in flight.
struct PopQueue: Sendable {
    let key: PopKey
    /// Where the next pop reads on; nil before the first.
    var next: Int64?
    var flight = PopFlight()
    var order: PopOrderBatch?

    /// The committed offset that the engine was told last. Memory only, as is the next.
    var toldCommit: Int64?
    /// A read for a pop is under way.
    var busyUntil: Tick?

    init(key: PopKey) { self.key = key }

    /// Everything before it is acknowledged or on its way through the retry topic.
    var committed: Int64? {
        [self.flight.first, self.order?.firstUnacknowledged, self.next].compactMap { $0 }.min()
    }

    var inFlight: Int { self.flight.count + (self.order?.unacknowledged.count ?? 0) }

    /// What counts for the size of a snapshot.
    var pieces: Int { self.flight.pieceCount + (self.order?.items.count ?? 0) }

    func checkInvariants() {
        self.flight.checkInvariants()
        if let order {
            precondition(order.firstUnacknowledged != nil, "a batch that is done is forgotten")
            let offsets = order.items.map(\.offset)
            precondition(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 })
        }
    }
}
