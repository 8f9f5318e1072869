/// What was stored as one group's offset on one queue, and so what it may be.
///
/// A group's members may commit at the same time and in any order, also one that took a queue over
/// before another one's last commit: the broker keeps what came last. So an offset counts until
/// another one was sent after its answer, and acknowledged.
///
/// What was not answered may have taken effect, or may do so later. Of a commit it is over when the
/// same offset, sent again, is acknowledged. Of a reset that says nothing: the consumer follows the
/// reset so. A reset is over when a consumer was sent to its offset, if no other reset goes there.
struct StoredOffsets {
    struct WriteID: Hashable { fileprivate let index: Int }

    struct QuestionID: Hashable { fileprivate let moment: Int }

    private struct Write {
        let offset: Int64
        let isReset: Bool
        let sent: Int
        /// Since when it takes effect no more, if it did not before.
        var settled: Int?
        /// Whether it did, for certain and for good.
        var isAcknowledged = false
    }

    private var moment = 0
    private var writes: [Write] = []

    mutating func sent(_ offset: Int64, isReset: Bool = false) -> WriteID {
        self.writes.append(Write(offset: offset, isReset: isReset, sent: self.next()))
        return WriteID(index: self.writes.count - 1)
    }

    mutating func acknowledged(_ id: WriteID) {
        let now = self.next()
        self.writes[id.index].settled = now
        self.writes[id.index].isAcknowledged = true
        for index in 0..<id.index where self.isOpen(index, at: self.writes[id.index].offset) {
            if !self.writes[index].isReset { self.writes[index].settled = now }
        }
    }

    /// The broker has answered, but promises nothing.
    mutating func answered(_ id: WriteID) {
        self.writes[id.index].settled = self.writes[id.index].settled ?? self.next()
    }

    /// A consumer was sent there.
    mutating func wasReset(to offset: Int64) {
        let resets = self.writes.indices.filter {
            self.writes[$0].isReset && self.writes[$0].offset == offset
        }
        guard resets.count == 1, self.isOpen(resets[0], at: offset) else { return }
        self.acknowledged(WriteID(index: resets[0]))
    }

    mutating func asked() -> QuestionID { QuestionID(moment: self.next()) }

    /// What the answer cannot be below. Nil: the group may have no offset.
    func floor(_ question: QuestionID) -> Int64? {
        let certain = self.writes.filter { write in
            write.isAcknowledged && write.settled.map { $0 < question.moment } == true
        }
        guard let last = certain.map(\.sent).max() else { return nil }
        return self.writes.filter { write in write.settled.map { $0 > last } ?? true }
            .map(\.offset).min()
    }

    private func isOpen(_ index: Int, at offset: Int64) -> Bool {
        self.writes[index].offset == offset && self.writes[index].settled == nil
    }

    private mutating func next() -> Int {
        self.moment += 1
        return self.moment
    }
}
