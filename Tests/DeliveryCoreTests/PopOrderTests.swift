import DeliveryCore
import MessageFormat
import Testing

extension PopWorld {
    /// Pops in order. Returns offsets and how often each was delivered before.
    mutating func popOrdered(
        _ count: Int64, at time: Int64, invisible: Int64 = 10_000, attempt: String = ""
    ) throws -> [PopOrderCount] {
        defer { self.keep() }
        let key = Self.key
        let popTime = self.ledger.popTime(at: Self.now(time))
        let start = try self.ledger.beginOrdered(
            key, start: .min, self.bounds(), attemptID: attempt, at: Self.now(time))
        switch start {
        case .again:
            return try self.ledger.takeAgain(
                key, countMax: Int(count), popTime: popTime,
                invisibleTime: .milliseconds(invisible), attemptID: attempt)
        case .fresh(let from):
            let end = Swift.min(from.value + count, self.max)
            return try self.ledger.takeOrdered(
                key, from: from, offsets: (from.value..<end).map { QueueOffset($0) },
                next: QueueOffset(end), popTime: popTime,
                invisibleTime: .milliseconds(invisible), attemptID: attempt)
        }
    }
}

@Suite("Popping in order")
struct PopOrderTests {
    private var world = PopWorld()

    @Test("a batch blocks its queue until all of it is acknowledged")
    mutating func blocks() throws {
        #expect(try self.offsets(3, at: 0) == [0, 1, 2])
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(3, at: 1) }
        #expect(self.world.acknowledge(2, poppedAt: 0) == .counted(mayPop: false))
        #expect(self.world.committed == 0)
        #expect(self.world.acknowledge(0, poppedAt: 0) == .counted(mayPop: false))
        #expect(self.world.committed == 1, "the acknowledged prefix counts")
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(3, at: 1) }
        #expect(self.world.acknowledge(1, poppedAt: 0) == .counted(mayPop: true))
        #expect(self.world.committed == 3)
        #expect(try self.offsets(2, at: 1) == [3, 4])
    }

    @Test("after its time the batch comes again, without what was acknowledged, counted")
    mutating func comesAgain() throws {
        _ = try self.world.popOrdered(3, at: 0, invisible: 10_000)
        _ = self.world.acknowledge(1, poppedAt: 0)
        #expect(self.world.ledger.advance(to: PopWorld.now(9_999), countMax: 9) == PopAdvance())
        let advance = self.world.ledger.advance(to: PopWorld.now(10_000), countMax: 9)
        #expect(advance.due == [], "nothing of it goes to a retry topic")
        #expect(advance.unblocked == [PopWorld.key])
        let again = try self.world.popOrdered(32, at: 10_000)
        #expect(again.map(\.offset.value) == [0, 2])
        #expect(again.map(\.deliveredBefore) == [1, 1])
        #expect(self.world.acknowledge(0, poppedAt: 0) == .late, "a handle of the delivery before")
        #expect(self.world.acknowledge(0, poppedAt: 10_000) == .counted(mayPop: false))
        #expect(try self.world.popOrdered(32, at: 20_000).map(\.deliveredBefore) == [2])
        #expect(self.world.acknowledge(2, poppedAt: 20_000) == .counted(mayPop: true))
        #expect(try self.offsets(1, at: 20_000) == [3])
    }

    @Test("a late acknowledgement counts while nobody else has the message")
    mutating func lateAcknowledgement() throws {
        _ = try self.world.popOrdered(1, at: 0, invisible: 10)
        #expect(self.world.acknowledge(0, poppedAt: 0) == .counted(mayPop: true))
        #expect(try self.offsets(1, at: 20) == [1])
    }

    @Test("a repeat of the same attempt gets the same batch, and does not count")
    mutating func attempts() throws {
        _ = try self.world.popOrdered(2, at: 0, attempt: "a")
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(2, at: 1, attempt: "b") }
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(2, at: 1) }
        let again = try self.world.popOrdered(2, at: 1, attempt: "a")
        #expect(again.map(\.offset.value) == [0, 1])
        #expect(again.map(\.deliveredBefore) == [0, 0])
        #expect(self.world.acknowledge(0, poppedAt: 1) == .counted(mayPop: false))
        #expect(throws: PopRefusal.attemptIDTooLong(bytes: 256, bytesMax: 255)) {
            try self.world.popOrdered(1, at: 1, attempt: String(repeating: "x", count: 256))
        }
    }

    @Test("a smaller pop gets the first messages of the batch, the others stay in it")
    mutating func smallerPop() throws {
        _ = try self.world.popOrdered(3, at: 0, invisible: 10)
        #expect(try self.offsets(2, at: 10) == [0, 1])
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(2, at: 11) }
        for offset in 0...1 as ClosedRange<Int64> {
            _ = self.world.acknowledge(offset, poppedAt: 10)
        }
        let last = try self.world.popOrdered(2, at: 11)
        #expect(last == [PopOrderCount(offset: QueueOffset(2), deliveredBefore: 1)])
    }

    @Test("more or less time moves one message's end and keeps the handle")
    mutating func changing() throws {
        _ = try self.world.popOrdered(2, at: 0, invisible: 10_000)
        let change = try self.world.change(1, poppedAt: 0, to: 20_000, at: 5_000, isOrdered: true)
        #expect(
            change
                == PopChange(
                    popTime: Timestamp(milliseconds: 0), invisibleTime: 25_000, reviveQueue: 999))
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(2, at: 24_999) }
        #expect(self.world.ledger.advance(to: PopWorld.now(24_999), countMax: 9).unblocked == [])
        #expect(
            self.world.ledger.advance(to: PopWorld.now(25_000), countMax: 9).unblocked
                == [PopWorld.key])
        #expect(self.world.acknowledge(1, poppedAt: 0) == .counted(mayPop: false))
        #expect(throws: PopRefusal.notInFlight) {
            try self.world.change(1, poppedAt: 0, to: 1, at: 1, isOrdered: true)
        }
    }

    @Test("after a failover the same batch blocks, counts and ends as before")
    mutating func failover() throws {
        _ = try self.world.popOrdered(3, at: 0, invisible: 10_000, attempt: "a")
        _ = self.world.acknowledge(0, poppedAt: 0)
        self.world.ledger = try self.world.successor()
        #expect(self.world.committed == 1)
        #expect(throws: PopRefusal.blocked) { try self.world.popOrdered(3, at: 1) }
        let again = try self.world.popOrdered(3, at: 1, attempt: "a")
        #expect(again.map(\.offset.value) == [1, 2])
        self.world.ledger = try self.world.successor()
        #expect(try self.world.popOrdered(3, at: 10_001).map(\.deliveredBefore) == [1, 1])
    }

    @Test("a group that stops popping in order loses nothing: the batch returns like others")
    mutating func mixedModes() throws {
        _ = try self.world.popOrdered(2, at: 0, invisible: 10_000)
        #expect(try self.world.pop(1, at: 1) == [2])
        #expect(try self.world.successor().snapshotRecords() == self.world.ledger.snapshotRecords())
        #expect(self.world.acknowledge(0, poppedAt: 0) == .counted(mayPop: false))
        #expect(self.world.due(at: 10_000).map(\.offset.value) == [1])
        #expect(self.world.committed == 1)
    }

    @Test("somebody waiting is told only when there is something to take")
    mutating func hasMore() throws {
        let key = PopWorld.key
        self.world.max = 2
        _ = try self.world.popOrdered(2, at: 0, invisible: 10, attempt: "a")
        let bounds = self.world.bounds()
        for (time, attempt, has) in [(5, "", false), (5, "a", true), (10, "", true)] {
            let more = self.world.ledger.hasMore(
                key, start: .min, bounds, isOrdered: true, attemptID: attempt,
                at: PopWorld.now(Int64(time)))
            #expect(more == has)
        }
    }

    private mutating func offsets(_ count: Int64, at time: Int64) throws -> [Int64] {
        try self.world.popOrdered(count, at: time).map(\.offset.value)
    }
}
