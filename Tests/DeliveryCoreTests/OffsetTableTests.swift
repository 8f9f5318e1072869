import DeliveryCore
import MessageFormat
import Testing

@Suite("Consumer offsets")
struct OffsetTableTests {
    private var offsets = OffsetTable(offsetsMax: 100)

    @Test("a commit overwrites, forwards and backwards")
    mutating func overwrites() {
        #expect(self.offsets.offset(group: "G", topic: "T", queueID: 0) == nil)
        #expect(self.commit("G", "T", 0, 5) == .changed)
        #expect(self.commit("G", "T", 0, 5) == .unchanged)
        #expect(self.commit("G", "T", 0, 3) == .changed)
        #expect(self.offsets.offset(group: "G", topic: "T", queueID: 0) == QueueOffset(3))
        #expect(self.offsets.count == 1)
        self.offsets.checkInvariants()
    }

    @Test("what changed is taken once, and as it is then")
    mutating func dirty() {
        for offset in 1...1000 { _ = self.commit("G", "T", 1, Int64(offset)) }
        _ = self.commit("G", "T", 0, 7)
        _ = self.commit("F", "U", 0, 0)
        #expect(self.offsets.hasDirty)
        self.offsets.checkInvariants()
        #expect(
            self.offsets.takeDirty() == [
                Self.record("F", "U", 0, 0), Self.record("G", "T", 0, 7),
                Self.record("G", "T", 1, 1000),
            ])
        #expect(!self.offsets.hasDirty)
        #expect(self.offsets.takeDirty() == [])
        _ = self.commit("G", "T", 0, 7)
        #expect(self.offsets.takeDirty() == [], "the same again is no change")
        self.offsets.checkInvariants()
    }

    @Test(
        "what is refused leaves no trace",
        arguments: [
            ("G", "T", -1, 0, .negative(offset: 0, queueID: -1)),
            ("G", "T", 0, -1, .negative(offset: -1, queueID: 0)),
            ("G", "T", 0, .min, .negative(offset: .min, queueID: 0)),
            ("a/b", "T", 0, 0, .illegalName), ("G", "", 0, 0, .illegalName),
            (String(repeating: "x", count: 70_000), "T", 0, 0, .illegalName),
        ] as [(String, String, Int32, Int64, CommitRefusal)])
    mutating func refusals(
        group: String, topic: String, queue: Int32, offset: Int64, refusal: CommitRefusal
    ) {
        #expect(self.commit(group, topic, queue, offset) == .refused(refusal))
        #expect(self.offsets.all == [])
        #expect(self.offsets.takeDirty() == [])
        self.offsets.checkInvariants()
    }

    @Test("the table is bounded; a removal makes room")
    mutating func bounded() {
        for queue in 0..<100 { #expect(self.commit("G", "T", Int32(queue), 1) == .changed) }
        #expect(self.commit("H", "T", 0, 1) == .refused(.tableFull(offsetsMax: 100)))
        #expect(self.commit("G", "T", 99, 2) == .changed)
        self.offsets.remove(group: "G")
        #expect(self.commit("H", "T", 0, 1) == .changed)
        self.offsets.checkInvariants()
    }

    @Test("removals take exactly what they name, also from what is gathered for the log")
    mutating func removals() {
        for (group, topic) in [("G", "T"), ("G", "U"), ("H", "T"), ("H", "U")] {
            _ = self.commit(group, topic, 0, 1)
        }
        #expect(self.offsets.groups(of: "T") == ["G", "H"])
        #expect(self.offsets.topics(of: "G") == ["T", "U"])
        #expect(self.offsets.remove(group: "G", topic: "T") == true)
        #expect(self.offsets.remove(group: "G", topic: "T") == false)
        #expect(self.offsets.remove(topic: "U") == true)
        self.offsets.checkInvariants()
        #expect(self.offsets.groups == ["H"])
        #expect(self.offsets.remove(group: "G") == false)
        #expect(self.offsets.remove(topic: "U") == false)
        #expect(self.offsets.takeDirty() == [Self.record("H", "T", 0, 1)])
        #expect(self.offsets.all(of: "H") == [Self.record("H", "T", 0, 1)])
        #expect(self.offsets.offsets(group: "H", topic: "T") == [0: QueueOffset(1)])
        self.offsets.checkInvariants()
    }

    private mutating func commit(
        _ group: String, _ topic: String, _ queue: Int32, _ offset: Int64
    ) -> CommitOutcome {
        self.offsets.commit(
            group: group, topic: topic, queueID: queue, offset: QueueOffset(offset))
    }

    private static func record(
        _ group: String, _ topic: String, _ queue: Int32, _ offset: Int64
    ) -> OffsetRecord {
        OffsetRecord(group: group, topic: topic, queueID: queue, offset: QueueOffset(offset))
    }
}
