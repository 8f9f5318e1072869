import DeliveryCore
import MessageFormat
import Testing

@Suite("Resets of offsets")
struct OffsetResetTests {
    private var offsets = OffsetTable(offsetsMax: 4)

    private mutating func reset(_ offsets: [Int32: Int64], group: String = "G") -> CommitRefusal? {
        self.offsets.reset(
            group: group, topic: "T", to: offsets.mapValues { QueueOffset($0) })
    }

    @Test("a reset moves the group and is pending until it ends")
    mutating func pending() {
        #expect(self.reset([0: 3, 1: 4]) == nil)
        #expect(self.offsets.offset(group: "G", topic: "T", queueID: 0) == QueueOffset(3))
        #expect(self.offsets.reset(group: "G", topic: "T", queueID: 1) == QueueOffset(4))
        self.offsets.endReset(group: "G", topic: "T", queueID: 1)
        #expect(self.offsets.reset(group: "G", topic: "T", queueID: 1) == nil)
        #expect(self.offsets.resetCount == 1)
        self.offsets.checkInvariants()
        self.offsets.remove(group: "G")
        #expect(self.offsets.resetCount == 0)
        self.offsets.checkInvariants()
    }

    @Test("a consumer is told a number of times, and a new reset starts over")
    mutating func telling() {
        _ = self.reset([0: 3])
        for _ in 0..<8 {
            #expect(self.offsets.tellReset(group: "G", topic: "T", queueID: 0) == true)
        }
        #expect(self.offsets.tellReset(group: "G", topic: "T", queueID: 0) == false)
        _ = self.reset([0: 2])
        #expect(self.offsets.tellReset(group: "G", topic: "T", queueID: 0) == true)
        #expect(self.offsets.resetCount == 1)
    }

    @Test("what is refused changes nothing")
    mutating func refused() {
        #expect(self.reset([0: 1, 1: 1, 2: 1, 3: 1, 4: 1]) == .tableFull(offsetsMax: 4))
        #expect(self.reset([0: -1]) == .negative(offset: -1, queueID: 0))
        #expect(self.reset([0: 1], group: "no/name") == .illegalName)
        #expect(self.offsets.count == 0)
        #expect(self.offsets.resetCount == 0)
    }
}
