private import HeapModule
package import MessageFormat

/// A half message that waits for its end, and what has been asked about it.
package struct OpenTransaction: Hashable, Sendable {
    package internal(set) var half: HalfMessage
    /// How often a producer was asked.
    package internal(set) var checks = 0
    package internal(set) var lastCheck: Timestamp?

    init(half: HalfMessage) { self.half = half }
}

/// Which transactions are open, and how the latest ones ended: what must survive the broker.
///
/// Half messages open transactions, records end them. Masters and replicas derive the same from
/// the same log. Invariant: `oldest` names an open transaction while there is any.
package struct TransactionTable: Sendable {
    private(set) var opens: [QueueOffset: OpenTransaction] = [:]
    private(set) var ends = RecentEnds()
    /// How many open transactions each producer group has.
    private var groups: [String: Int] = [:]
    /// Half offsets of all that are open, and of some that are not any more.
    private var byAge = Heap<QueueOffset>()

    package init() {}

    package var count: Int { self.opens.count }
    package var groupCount: Int { self.groups.count }

    package subscript(halfOffset: QueueOffset) -> OpenTransaction? { self.opens[halfOffset] }

    /// The one that was opened first: offsets of the half queue ascend with positions.
    package var oldest: OpenTransaction? { self.byAge.min.flatMap { self.opens[$0] } }

    /// Open transactions in the order in which they began, from `halfOffset` on.
    package func list(from halfOffset: QueueOffset = .zero, countMax: Int) -> [OpenTransaction] {
        let offsets = self.opens.keys.filter { $0 >= halfOffset }.sorted().prefix(countMax)
        return offsets.compactMap { self.opens[$0] }
    }

    /// Whether a producer group may open another transaction.
    func admit(_ group: String, _ settings: TransactionSettings) throws(OpenRefusal) {
        let bytes = group.utf8.count
        guard 0 < bytes, bytes <= ResourceName.groupBytesMax else {
            throw .illegalGroup(bytes: bytes)
        }
        guard self.count < settings.openMax else { throw .tooManyOpen(limit: settings.openMax) }
        guard self.groups[group] != nil || self.groupCount < settings.groupsMax else {
            throw .tooManyGroups(limit: settings.groupsMax)
        }
    }

    /// A half message is in the log. Limits are for `admit`: what is in the log counts.
    mutating func opened(_ half: HalfMessage) { self.restore(OpenTransaction(half: half)) }

    mutating func restore(_ transaction: OpenTransaction) {
        var transaction = transaction
        let offset = transaction.half.offset
        self.remove(offset)
        let group = transaction.half.producerGroup
        // One copy of the name for all transactions of the group.
        transaction.half.producerGroup =
            self.groups.index(forKey: group).map { self.groups[$0].key } ?? group
        self.groups[group, default: 0] += 1
        self.opens[offset] = transaction
        self.byAge.insert(offset)
    }

    /// The end of a transaction is in the log, or about to be.
    mutating func ended(_ offset: QueueOffset, _ outcome: TransactionOutcome) {
        guard let transaction = self.remove(offset) else { return }
        self.ends.insert(
            .init(halfOffset: offset, position: transaction.half.position, outcome: outcome))
    }

    mutating func remember(_ ends: [RecentEnds.End], startingAnew: Bool) {
        if startingAnew { self.ends.removeAll() }
        for end in ends { self.ends.insert(end) }
    }

    mutating func checked(_ offset: QueueOffset, times: Int, at time: Timestamp) {
        self.opens[offset]?.checks = times
        self.opens[offset]?.lastCheck = time
    }

    @discardableResult
    private mutating func remove(_ offset: QueueOffset) -> OpenTransaction? {
        guard let transaction = self.opens.removeValue(forKey: offset) else { return nil }
        let group = transaction.half.producerGroup
        let left = (self.groups[group] ?? 1) - 1
        self.groups[group] = left > 0 ? left : nil
        self.forgetEnded()
        return transaction
    }

    /// Ended ones may lie deep in the heap: it is made anew before they are the greater part.
    private mutating func forgetEnded() {
        if self.byAge.count > 2 * self.opens.count + 64 {
            self.byAge = Heap(self.opens.keys)
        }
        while let oldest = self.byAge.min, self.opens[oldest] == nil { self.byAge.removeMin() }
    }
}

extension TransactionTable: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.opens == right.opens && left.ends == right.ends
    }
}

extension TransactionTable {
    package func checkInvariants() {
        self.ends.checkInvariants()
        precondition(self.oldest?.half.offset == self.opens.keys.min())
        precondition(self.groups.values.reduce(0, +) == self.opens.count)
        precondition(self.groups.values.allSatisfy { $0 > 0 })
        precondition(self.opens.allSatisfy { $0.key == $0.value.half.offset })
        precondition(self.opens.keys.allSatisfy { self.ends[$0] == nil }, "open or ended, not both")
        precondition(self.byAge.count <= 2 * self.opens.count + 65)
    }
}
