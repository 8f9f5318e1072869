import LogCore
import MessageFormat
import Testing

@Suite("A consume queue")
struct ConsumeQueueTests {
    private let segment = PhysicalOffset.zero
    private let next = PhysicalOffset(4_096)

    private func entry(_ position: Int64) -> IndexEntry {
        IndexEntry(
            position: PhysicalOffset(position), size: 100, checksum: 0, tagHash: 0,
            storeTimestamp: Timestamp(milliseconds: position))
    }

    private func queue(confirming count: Int, of assigned: Int) -> ConsumeQueue {
        var queue = ConsumeQueue(key: QueueKey(topic: "T", queueID: 0))
        for _ in 0..<assigned { _ = queue.assign() }
        for number in 0..<count {
            queue.confirmed(
                self.entry(Int64(number)), at: QueueOffset(Int64(number)), segment: self.segment)
        }
        return queue
    }

    @Test("an assigned offset is not visible before it is confirmed")
    func visibility() {
        let queue = self.queue(confirming: 2, of: 5)
        #expect(queue.assignedEnd == QueueOffset(5))
        #expect(queue.visibleEnd == QueueOffset(2))
        #expect(queue.minOffset == .zero)
        guard case .none = queue.place(of: QueueOffset(2)) else {
            Issue.record("an unconfirmed message has a place")
            return
        }
    }

    @Test("a queue whose messages are all unconfirmed is empty for everybody")
    func nothingConfirmed() {
        let queue = self.queue(confirming: 0, of: 3)
        #expect(queue.visibleEnd == .zero)
        #expect(queue.minOffset == .zero)
    }

    @Test("an index file takes over from memory, at the same offsets")
    func sealing() {
        var queue = self.queue(confirming: 3, of: 3)
        _ = queue.assign()
        queue.confirmed(self.entry(5_000), at: QueueOffset(3), segment: self.next)
        queue.adopt(
            [SealedRun(segment: self.segment, first: .zero, count: 3)],
            of: self.segment)
        #expect(queue.minOffset == .zero)
        #expect(queue.visibleEnd == QueueOffset(4))
        guard case .file(let run) = queue.place(of: QueueOffset(1)) else {
            Issue.record("offset 1 is not in the index file")
            return
        }
        let rest = run.stretch(of: queue.key, from: QueueOffset(1))
        #expect(rest == QueueStretch(of: queue.key, from: QueueOffset(1), count: 2))
        #expect(run.stretch(of: queue.key, from: QueueOffset(1), countMax: 1).count == 1)
        guard case .memory(let entries) = queue.place(of: QueueOffset(3)) else {
            Issue.record("offset 3 is not in memory")
            return
        }
        #expect(entries.first?.position == PhysicalOffset(5_000))
    }

    @Test("a deleted segment moves the minimum; the end stays")
    func retention() {
        var queue = self.queue(confirming: 3, of: 3)
        queue.adopt(
            [SealedRun(segment: self.segment, first: .zero, count: 3)],
            of: self.segment)
        queue.drop(segmentsThrough: self.segment)
        #expect(queue.minOffset == QueueOffset(3))
        #expect(queue.visibleEnd == QueueOffset(3))
        #expect(queue.assignedEnd == QueueOffset(3))
    }

    @Test("a deleted topic's messages are out of reach, and its offsets go on")
    func deletion() {
        var queue = self.queue(confirming: 3, of: 3)
        queue.clear()
        #expect(queue.minOffset == QueueOffset(3))
        #expect(queue.assign() == QueueOffset(3))
    }

    @Test("behind a damaged stretch the queue goes on")
    func hole() {
        var queue = self.queue(confirming: 2, of: 2)
        queue.replayed(self.entry(900), at: QueueOffset(5), segment: self.segment)
        guard case .none = queue.place(of: QueueOffset(3)) else {
            Issue.record("a lost message has a place")
            return
        }
        #expect(queue.visibleEnd == QueueOffset(6))
        #expect(queue.assignedEnd == QueueOffset(6))
    }

    /// A queue of three sealed messages, whose index file was made anew without some of them.
    private func remade(_ kept: [Range<Int64>]) -> ConsumeQueue {
        var queue = self.queue(confirming: 3, of: 3)
        let whole = SealedRun(segment: self.segment, first: .zero, count: 3)
        queue.adopt([whole], of: self.segment)
        queue.adopt(
            kept.map { kept in
                SealedRun(
                    segment: self.segment, first: QueueOffset(kept.lowerBound), count: kept.count)
            }, of: self.segment)
        return queue
    }

    @Test(
        "messages that an index made anew lacks keep their offsets",
        arguments: [[0..<1, 2..<3], [1..<3], [0..<2], []] as [[Range<Int64>]])
    func remadeIndex(kept: [Range<Int64>]) {
        let queue = self.remade(kept)
        #expect(queue.minOffset == .zero)
        #expect(queue.visibleEnd == QueueOffset(3))
        for offset in Int64(0)..<3 {
            let isKept = kept.contains { $0.contains(offset) }
            if case .none = queue.place(of: QueueOffset(offset)) {
                #expect(!isKept)
            } else {
                #expect(isKept)
            }
        }
    }

    @Test("what was lost with a segment is forgotten when the segment is deleted")
    func lostAndDeleted() {
        var queue = self.remade([1..<2])
        queue.drop(segmentsThrough: self.segment)
        #expect(queue.minOffset == QueueOffset(3))
        #expect(queue.visibleEnd == QueueOffset(3))
    }

    @Test("a later segment's snapshot tells of messages lost at the end of an earlier one")
    func lostEnd() {
        var queue = ConsumeQueue(key: QueueKey(topic: "T", queueID: 0))
        queue.adopt(
            [SealedRun(segment: self.segment, first: .zero, count: 2)],
            of: self.segment)
        queue.restore(floor: .zero, next: QueueOffset(3))
        #expect(queue.visibleEnd == QueueOffset(3))
    }

    @Test("the first message of the log is lost, not skipped")
    func lostBegin() {
        var queue = ConsumeQueue(key: QueueKey(topic: "T", queueID: 0))
        queue.adopt(
            [SealedRun(segment: self.segment, first: QueueOffset(1), count: 2)],
            of: self.segment)
        queue.begins(at: .zero, in: self.segment)
        #expect(queue.minOffset == .zero)
        var replayed = ConsumeQueue(key: QueueKey(topic: "T", queueID: 0))
        replayed.replayed(self.entry(900), at: QueueOffset(1), segment: self.segment)
        #expect(replayed.minOffset == .zero)
    }

    @Test("a run that is still in memory keeps the minimum, though a later one is sealed")
    func sealedOutOfOrder() {
        var queue = self.queue(confirming: 3, of: 3)
        _ = queue.assign()
        queue.confirmed(self.entry(5_000), at: QueueOffset(3), segment: self.next)
        queue.adopt(
            [SealedRun(segment: self.next, first: QueueOffset(3), count: 1)],
            of: self.next)
        #expect(queue.minOffset == .zero)
    }
}
