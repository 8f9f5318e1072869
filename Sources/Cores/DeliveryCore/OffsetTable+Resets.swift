package import MessageFormat

/// A group was moved on a queue by an operator, and its consumers go on where they were until they
/// hear of it.
struct PendingReset: Hashable, Sendable {
    var offset: QueueOffset
    /// How often consumers were told.
    var told = 0
}

// "A reset holds": what consumers commit from before it does not count (`flows.md` §7).
extension OffsetTable {
    /// A consumer that was told so often and does not follow goes its own way.
    private static let tellMax = 8

    /// Moves a group on queues of a topic. Nothing is changed when it is refused.
    ///
    /// The caller writes `DeliveryState.recordOfReset` to the log.
    package mutating func reset(
        group: String, topic: String, to offsets: [Int32: QueueOffset]
    ) -> CommitRefusal? {
        let pair = Pair(group: group, topic: topic)
        let known = self.table[pair]?.offsets ?? [:]
        let new = offsets.keys.filter { known[$0] == nil }
        if let illegal = offsets.first(where: { $0.key < 0 || $0.value < .zero }) {
            return .negative(offset: illegal.value.value, queueID: illegal.key)
        }
        if !new.isEmpty {
            if let refusal = self.refusal(of: pair) { return refusal }
            guard self.count + new.count <= self.offsetsMax else {
                return .tableFull(offsetsMax: self.offsetsMax)
            }
        }
        for (queueID, offset) in offsets {
            self.restoreReset(
                OffsetRecord(group: group, topic: topic, queueID: queueID, offset: offset))
        }
        return nil
    }

    /// Where an operator moved the group, if its consumers have not followed yet.
    package func reset(group: String, topic: String, queueID: Int32) -> QueueOffset? {
        guard self.resetCount > 0 else { return nil }
        return self.table[Pair(group: group, topic: topic)]?.resets[queueID]?.offset
    }

    /// A consumer is told where to go on. False: it was told often enough, the reset is to end.
    package mutating func tellReset(group: String, topic: String, queueID: Int32) -> Bool {
        let pair = Pair(group: group, topic: topic)
        guard let pending = self.table[pair]?.resets[queueID], pending.told < Self.tellMax else {
            return false
        }
        self.table[pair]?.resets[queueID]?.told += 1
        return true
    }

    /// The consumers have followed. The caller writes `DeliveryState.recordOfEndedReset`.
    package mutating func endReset(group: String, topic: String, queueID: Int32) {
        let pair = Pair(group: group, topic: topic)
        if self.table[pair]?.resets.removeValue(forKey: queueID) != nil { self.resetCount -= 1 }
    }

    /// What a record of the log says.
    mutating func restoreReset(_ record: OffsetRecord) {
        self.restore(record)
        let pair = Pair(group: record.group, topic: record.topic)
        let pending = PendingReset(offset: record.offset)
        if self.table[pair]?.resets.updateValue(pending, forKey: record.queueID) == nil {
            self.resetCount += 1
        }
    }

    /// Every pending reset, sorted.
    package var allResets: [OffsetRecord] {
        guard self.resetCount > 0 else { return [] }
        return self.table.flatMap { pair, progress in
            progress.resets.map {
                OffsetRecord(
                    group: pair.group, topic: pair.topic, queueID: $0.key, offset: $0.value.offset)
            }
        }.sorted()
    }
}
