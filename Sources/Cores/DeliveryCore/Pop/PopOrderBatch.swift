/// The last batch that was popped in order from one queue (`flows.md` §13).
///
/// It blocks the queue while one of its messages is neither acknowledged nor visible again. Then
/// the same messages are delivered again, but for those that were acknowledged.
struct PopOrderBatch: Hashable, Sendable {
    struct Item: Hashable, Sendable {
        var offset: Int64
        var visibleAt: Int64
        /// How often it had been delivered before the delivery that is under way.
        var deliveredBefore: Int32
        var isAcknowledged = false
    }

    var popTime: Int64
    /// A repeat of the request with the same one gets the same batch; empty: none.
    var attemptID: String
    /// Ascending.
    var items: [Item]

    var unacknowledged: [Item] { self.items.filter { !$0.isAcknowledged } }

    /// The smallest offset that is not acknowledged: the group has consumed everything before.
    var firstUnacknowledged: Int64? { self.items.first { !$0.isAcknowledged }?.offset }

    /// When the last of its messages becomes visible again.
    var blockedUntil: Int64 { self.unacknowledged.map(\.visibleAt).max() ?? 0 }

    func isBlocking(at now: Int64) -> Bool { self.blockedUntil > now }

    func isRepeat(of attemptID: String) -> Bool {
        !attemptID.isEmpty && attemptID == self.attemptID
    }

    /// Returns whether it was in flight under a handle of that pop.
    mutating func acknowledge(_ offset: Int64, popTime: Int64) -> Bool {
        guard popTime == self.popTime,
            let index = self.items.firstIndex(where: { $0.offset == offset }),
            !self.items[index].isAcknowledged
        else { return false }
        self.items[index].isAcknowledged = true
        return true
    }

    /// Returns whether it was in flight under a handle of that pop.
    mutating func change(_ offset: Int64, popTime: Int64, visibleAt: Int64) -> Bool {
        guard popTime == self.popTime,
            let index = self.items.firstIndex(where: { $0.offset == offset }),
            !self.items[index].isAcknowledged
        else { return false }
        self.items[index].visibleAt = visibleAt
        return true
    }

    /// These of its messages are hidden no longer. Returns whether any was.
    mutating func show(_ offsets: Set<Int64>, at now: Int64) -> Bool {
        let hidden = self.items.indices.filter {
            !self.items[$0].isAcknowledged && self.items[$0].visibleAt > now
                && offsets.contains(self.items[$0].offset)
        }
        for index in hidden { self.items[index].visibleAt = now }
        return !hidden.isEmpty
    }

    /// The first `countMax` messages are delivered again; who was acknowledged is left out.
    func redelivered(
        countMax: Int, popTime: Int64, visibleAt: Int64, attemptID: String
    ) -> (batch: Self, delivered: [Item]) {
        let isRepeat = self.isRepeat(of: attemptID)
        var batch = Self(popTime: popTime, attemptID: attemptID, items: self.unacknowledged)
        let delivered = batch.items.indices.prefix(countMax)
        for index in delivered {
            batch.items[index].visibleAt = visibleAt
            if !isRepeat, batch.items[index].deliveredBefore < .max {
                batch.items[index].deliveredBefore += 1
            }
        }
        return (batch, delivered.map { batch.items[$0] })
    }
}
