import DeliveryCore
import MessageFormat
import Testing

/// A ledger, the records it planned, and a few words to tell stories with.
struct PopWorld {
    static let key = PopKey(group: "G", topic: "T", queueID: 0)

    var ledger: PopLedger
    var log: [StateRecord] = []
    var max = Int64(1_000)

    init(settings: PopSettings = PopSettings()) { self.ledger = PopLedger(settings: settings) }

    static func now(_ milliseconds: Int64, tick: Int64? = nil) -> Now {
        Now(
            tick: Tick(.milliseconds(tick ?? milliseconds)),
            wall: Timestamp(milliseconds: milliseconds))
    }

    func bounds(stored: Int64? = nil, min: Int64 = 0, isNew: Bool = false) -> PopBounds {
        PopBounds(
            min: QueueOffset(min), max: QueueOffset(self.max),
            stored: stored.map(QueueOffset.init(_:)), isNew: isNew)
    }

    /// Pops the next `count` messages. Returns the offsets.
    mutating func pop(
        in key: PopKey = Self.key, _ count: Int64, at time: Int64, invisible: Int64 = 60_000
    ) throws -> [Int64] {
        let from = try self.ledger.begin(key, start: .min, self.bounds(), at: Self.now(time))
        let end = Swift.min(from.value + count, self.max)
        let offsets = (from.value..<end).map { QueueOffset($0) }
        try self.ledger.take(
            key, from: from, offsets: offsets, next: QueueOffset(end),
            popTime: self.ledger.popTime(at: Self.now(time)),
            invisibleTime: .milliseconds(invisible))
        self.keep()
        return offsets.map(\.value)
    }

    mutating func acknowledge(
        in key: PopKey = Self.key, _ offset: Int64, poppedAt: Int64
    ) -> PopAcknowledgement {
        defer { self.keep() }
        return self.ledger.acknowledge(
            key, offset: QueueOffset(offset), popTime: Timestamp(milliseconds: poppedAt))
    }

    mutating func change(
        in key: PopKey = Self.key, _ offset: Int64, poppedAt: Int64, to invisible: Int64,
        at time: Int64, isOrdered: Bool = false
    ) throws(PopRefusal) -> PopChange {
        defer { self.keep() }
        return try self.ledger.change(
            key, offset: QueueOffset(offset), popTime: Timestamp(milliseconds: poppedAt),
            invisibleTime: .milliseconds(invisible), isOrdered: isOrdered, at: Self.now(time))
    }

    mutating func due(at time: Int64, tick: Int64? = nil, countMax: Int = 1_000) -> [PopDue] {
        self.ledger.advance(to: Self.now(time, tick: tick), countMax: countMax).due
    }

    /// Records go to the log; nothing may be wrong with the state.
    mutating func keep() {
        self.log += self.ledger.takeRecords()
        self.ledger.checkInvariants()
    }

    var committed: Int64? { self.ledger.committedOffset(Self.key)?.value }

    /// What another master has after reading the log.
    func successor() throws -> PopLedger { try Self.replay(self.log) }

    static func replay(_ records: [StateRecord]) throws -> PopLedger {
        var ledger = PopLedger()
        for record in records { #expect(try ledger.apply(record) == true) }
        #expect(ledger.takeRecords().isEmpty, "replaying plans nothing")
        ledger.checkInvariants()
        return ledger
    }
}

extension PopLedger {
    mutating func apply(_ record: StateRecord) throws -> Bool {
        try record.payload.withUnsafeBytes { try self.apply(kind: record.kind, payload: $0) }
    }
}

@Suite("Popped messages")
struct PopLedgerTests {
    private var world = PopWorld()

    @Test("pops go on where the last one ended; the group has consumed up to the first in flight")
    mutating func popping() throws {
        #expect(try self.world.pop(3, at: 1_000) == [0, 1, 2])
        #expect(try self.world.pop(2, at: 1_001) == [3, 4])
        #expect(self.world.committed == 0)
        #expect(self.world.acknowledge(1, poppedAt: 1_000) == .counted(mayPop: false))
        #expect(self.world.committed == 0)
        #expect(self.world.acknowledge(0, poppedAt: 1_000) == .counted(mayPop: false))
        #expect(self.world.committed == 2)
        #expect(self.world.ledger.inFlight(PopWorld.key) == 3)
        for offset in 2...4 as ClosedRange<Int64> {
            _ = self.world.acknowledge(offset, poppedAt: offset > 2 ? 1_001 : 1_000)
        }
        #expect(self.world.committed == 5)
        #expect(self.world.ledger.inFlight == 0)
    }

    @Test("late, repeated and unknown acknowledgements count for nothing and do no harm")
    mutating func lateAcknowledgements() throws {
        _ = try self.world.pop(2, at: 1_000)
        #expect(self.world.acknowledge(0, poppedAt: 1_000) == .counted(mayPop: false))
        #expect(self.world.acknowledge(0, poppedAt: 1_000) == .late)
        #expect(self.world.acknowledge(1, poppedAt: 999) == .late, "the handle of another pop")
        #expect(self.world.acknowledge(7, poppedAt: 1_000) == .late)
        #expect(self.world.acknowledge(.max, poppedAt: .min) == .late)
        #expect(self.world.acknowledge(.min, poppedAt: .max) == .late)
        let other = PopKey(group: "H", topic: "T", queueID: 0)
        #expect(self.world.acknowledge(in: other, 1, poppedAt: 1_000) == .late)
        #expect(self.world.committed == 1)
    }

    @Test("what nobody acknowledges returns once its time has passed, not before, and once")
    mutating func expiry() throws {
        _ = try self.world.pop(3, at: 1_000, invisible: 5_000)
        _ = self.world.acknowledge(1, poppedAt: 1_000)
        #expect(self.world.due(at: 5_999) == [])
        let due = self.world.due(at: 6_000)
        #expect(due.map(\.offset.value) == [0, 2])
        #expect(due.map(\.retryTopic) == ["%RETRY%G_T", "%RETRY%G_T"])
        #expect(due.first?.popTime == Timestamp(milliseconds: 1_000))
        #expect(self.world.due(at: 6_001) == [], "they are on their way")
        for message in due { #expect(self.world.ledger.returned(message) == true) }
        self.world.keep()
        #expect(self.world.ledger.returned(due[0]) == false, "it has returned already")
        #expect(self.world.ledger.inFlight == 0)
        #expect(self.world.committed == 3)
        #expect(self.world.due(at: 99_000) == [])
        #expect(self.world.acknowledge(0, poppedAt: 1_000) == .late)
    }

    @Test("a return that does not come about is tried again")
    mutating func returnsAgain() throws {
        _ = try self.world.pop(1, at: 1_000, invisible: 5_000)
        let first = self.world.due(at: 6_000)
        #expect(self.world.due(at: 15_999) == [])
        #expect(self.world.due(at: 16_000) == first)
        self.world.keep()
        #expect(try self.world.successor().snapshotRecords() == self.world.ledger.snapshotRecords())
    }

    @Test("an acknowledgement or more time that comes while a message returns holds it back")
    mutating func lateIsNotTooLate() throws {
        _ = try self.world.pop(2, at: 1_000, invisible: 5_000)
        let due = self.world.due(at: 6_000)
        #expect(self.world.acknowledge(0, poppedAt: 1_000) == .counted(mayPop: false))
        _ = try self.world.change(1, poppedAt: 1_000, to: 5_000, at: 6_000)
        #expect(due.map { self.world.ledger.isDue($0) } == [false, false])
        #expect(due.map { self.world.ledger.returned($0) } == [false, false])
        #expect(self.world.due(at: 11_000).map(\.offset.value) == [1])
    }

    @Test("more time means a new handle; the old one is over but for asking again")
    mutating func changing() throws {
        _ = try self.world.pop(2, at: 1_000, invisible: 5_000)
        let change = try self.world.change(1, poppedAt: 1_000, to: 30_000, at: 4_000)
        #expect(
            change
                == PopChange(
                    popTime: Timestamp(milliseconds: 4_000), invisibleTime: 30_000, reviveQueue: 0))
        #expect(self.world.acknowledge(1, poppedAt: 1_000) == .late)
        #expect(self.world.due(at: 6_000).map(\.offset.value) == [0])
        let again = try self.world.change(1, poppedAt: 1_000, to: 30_000, at: 7_000)
        #expect(again.popTime == Timestamp(milliseconds: 7_000), "its answer was lost")
        #expect(self.world.due(at: 36_999).map(\.offset.value) == [0])
        #expect(self.world.acknowledge(1, poppedAt: 7_000) == .counted(mayPop: false))
        #expect(throws: PopRefusal.notInFlight) {
            try self.world.change(1, poppedAt: 7_000, to: 1, at: 8_000)
        }
        #expect(throws: PopRefusal.notInFlight) {
            try self.world.change(0, poppedAt: 5, to: 1, at: 8_000)
        }
    }

    @Test("a shorter time counts, too, and absurd ones are bounded")
    mutating func shortAndAbsurdTimes() throws {
        _ = try self.world.pop(2, at: 1_000, invisible: 60_000)
        let now = try self.world.change(0, poppedAt: 1_000, to: 0, at: 1_000)
        #expect(now.popTime == Timestamp(milliseconds: 1_001), "handles of two deliveries differ")
        #expect(self.world.due(at: 1_001).map(\.offset.value) == [0])
        #expect(self.world.ledger.granted(.milliseconds(Int64.max)) == 7 * 24 * 3_600_000)
        #expect(self.world.ledger.granted(.milliseconds(Int64.min)) == 0)
    }

    @Test("after a failover everything is as it was: handles, times, positions")
    mutating func failover() throws {
        _ = try self.world.pop(4, at: 1_000, invisible: 5_000)
        _ = self.world.acknowledge(0, poppedAt: 1_000)
        _ = try self.world.change(3, poppedAt: 1_000, to: 60_000, at: 2_000)
        self.world.ledger = try self.world.successor()
        #expect(try self.world.pop(1, at: 2_001) == [4], "nothing is given out twice")
        #expect(self.world.acknowledge(1, poppedAt: 1_000) == .counted(mayPop: false))
        #expect(self.world.acknowledge(0, poppedAt: 1_000) == .late)
        #expect(
            self.world.due(at: 6_000).map(\.offset.value) == [2], "nothing acknowledged returns")
        #expect(self.world.acknowledge(3, poppedAt: 2_000) == .counted(mayPop: false))
        #expect(self.world.committed == 2)
    }

    @Test("a clock that was set back keeps nothing invisible for long", arguments: [false, true])
    mutating func clockSetBack(restarts: Bool) throws {
        _ = try self.world.pop(1, at: 1_000_000, invisible: 5_000)
        if restarts { self.world.ledger = try self.world.successor() }
        #expect(self.world.due(at: 0, tick: 1_001_000) == [])
        let due = self.world.due(at: 5_000, tick: 1_006_001)
        #expect(due.map(\.offset.value) == [0])
        #expect(try self.world.pop(1, at: 6_000) == [1], "pop times do not go back")
        #expect(self.world.acknowledge(1, poppedAt: 6_000) == .late)
    }

    /// Start, ordinary offset, min, max, whether the queue is new, and where the pop begins.
    @Test(
        "a group begins where its offset, its pops, or its start says",
        arguments: [
            (.min, nil, 0, 10, true, 0), (.min, nil, 4, 10, false, 4), (.max, nil, 0, 10, true, 0),
            (.max, nil, 0, 10, false, 9), (.max, nil, 0, 0, false, 0), (.max, nil, 7, 7, false, 7),
            (.max, 3, 0, 10, false, 3), (.min, 3, 5, 10, false, 5), (.min, 10, 0, 10, false, 10),
            (.min, 11, 0, 10, false, 10), (.min, .max, 0, 10, false, 10),
            (.min, .min, 0, 10, false, 0),
        ] as [(PopStart, Int64?, Int64, Int64, Bool, Int64)])
    mutating func positions(
        start: PopStart, stored: Int64?, min: Int64, max: Int64, isNew: Bool, from: Int64
    ) throws {
        self.world.max = max
        let bounds = self.world.bounds(stored: stored, min: min, isNew: isNew)
        let key = PopWorld.key
        #expect(self.world.ledger.position(key, start: start, bounds).value == from)
        let begun = try self.world.ledger.begin(key, start: start, bounds, at: PopWorld.now(0))
        #expect(begun.value == from)
        self.world.keep()
        #expect(self.world.committed == from, "committed at once")
        #expect(try self.world.successor().committedOffset(key)?.value == from)
        #expect(
            self.world.ledger.hasMore(key, start: start, bounds, at: PopWorld.now(0))
                == (from < max))
    }

    @Test("a new group at the end of an empty queue gets what comes after")
    mutating func startsAtTheEnd() throws {
        self.world.max = 5
        let empty = PopBounds(min: QueueOffset(5), max: QueueOffset(5))
        let key = PopWorld.key
        _ = try self.world.ledger.begin(key, start: .max, empty, at: PopWorld.now(0))
        self.world.ledger.release(key)
        let later = PopBounds(min: QueueOffset(5), max: QueueOffset(9))
        #expect(
            try self.world.ledger.begin(key, start: .max, later, at: PopWorld.now(0)).value == 5)
    }

    @Test("messages that the group does not select are passed over")
    mutating func filtered() throws {
        let key = PopWorld.key
        let bounds = self.world.bounds()
        var from = try self.world.ledger.begin(key, start: .min, bounds, at: PopWorld.now(0))
        try self.world.ledger.skip(key, from: from, to: QueueOffset(100))
        from = try self.world.ledger.begin(key, start: .min, bounds, at: PopWorld.now(0))
        #expect(from.value == 100)
        let offsets = [100, 163, 164, 500].map { QueueOffset($0) }
        try self.world.ledger.take(
            key, from: from, offsets: offsets, next: QueueOffset(600),
            popTime: Timestamp(milliseconds: 1), invisibleTime: .seconds(5))
        self.world.keep()
        #expect(self.world.committed == 100)
        #expect(self.world.ledger.inFlight == 4)
        #expect(try self.world.successor().snapshotRecords() == self.world.ledger.snapshotRecords())
        #expect(self.world.due(at: 5_001).map(\.offset) == offsets)
    }

    @Test("one pop at a time reads a queue, for a bounded time")
    mutating func busy() throws {
        let key = PopWorld.key
        let bounds = self.world.bounds()
        let from = try self.world.ledger.begin(key, start: .min, bounds, at: PopWorld.now(0))
        #expect(throws: PopRefusal.busy) {
            try self.world.ledger.begin(key, start: .min, bounds, at: PopWorld.now(4_999))
        }
        #expect(try self.world.pop(2, at: 5_000) == [0, 1])
        #expect(throws: PopRefusal.positionMoved, "the slow one comes too late") {
            try self.world.ledger.take(
                key, from: from, offsets: [from], next: QueueOffset(1),
                popTime: Timestamp(milliseconds: 0), invisibleTime: .seconds(1))
        }
        _ = try self.world.ledger.begin(key, start: .min, bounds, at: PopWorld.now(5_001))
        self.world.ledger.release(key)
        _ = try self.world.ledger.begin(key, start: .min, bounds, at: PopWorld.now(5_001))
    }

    @Test(
        "offsets that make no sense are not taken",
        arguments: [
            ([1, 0], 2), ([0, 0], 2), ([-1], 2), ([2], 2), ([], -1), ([], .max),
        ] as [([Int64], Int64)])
    mutating func wrongOffsets(offsets: [Int64], next: Int64) throws {
        let key = PopWorld.key
        let from = try self.world.ledger.begin(
            key, start: .min, self.world.bounds(), at: PopWorld.now(0))
        #expect(throws: PopRefusal.wrongOffsets) {
            try self.world.ledger.take(
                key, from: from, offsets: offsets.map { QueueOffset($0) }, next: QueueOffset(next),
                popTime: Timestamp(milliseconds: 1), invisibleTime: .seconds(5))
        }
        #expect(self.world.ledger.inFlight == 0)
    }

    @Test("in-flight messages are bounded for a queue, for all, and by their runs")
    mutating func limits() throws {
        var settings = PopSettings()
        settings.inFlightPerQueueMax = 10
        settings.inFlightMax = 15
        settings.piecesMax = 4
        settings.queuesMax = 3
        self.world = PopWorld(settings: settings)
        _ = try self.world.pop(10, at: 0)
        #expect(throws: PopRefusal.queueFull(inFlight: 10, inFlightMax: 10)) {
            try self.world.pop(1, at: 0)
        }
        #expect(self.world.acknowledge(3, poppedAt: 0) == .counted(mayPop: true))
        #expect(self.world.acknowledge(4, poppedAt: 0) == .counted(mayPop: false))
        let others = (1...3).map { PopKey(group: "G", topic: "T", queueID: $0) }
        _ = try self.world.pop(in: others[0], 7, at: 0)
        #expect(throws: PopRefusal.ledgerFull(inFlight: 15, pieces: 2)) {
            try self.world.pop(in: others[1], 1, at: 0)
        }
        #expect(throws: PopRefusal.tooManyQueues(queuesMax: 3)) {
            try self.world.pop(in: others[2], 1, at: 0)
        }
        for offset in 0..<6 as Range<Int64> {
            _ = try self.world.change(in: others[0], offset, poppedAt: 0, to: 9, at: 1 + offset)
        }
        #expect(throws: PopRefusal.ledgerFull(inFlight: 15, pieces: 8)) {
            try self.world.change(0, poppedAt: 0, to: 9, at: 20)
        }
        _ = try self.world.change(in: others[0], 0, poppedAt: 1, to: 9, at: 20)
        #expect(throws: PopRefusal.illegalName) {
            try self.world.pop(in: PopKey(group: "a/b", topic: "T", queueID: 0), 1, at: 0)
        }
    }

    @Test("expiry does a bounded amount of work at a time and leaves nothing out")
    mutating func boundedExpiry() throws {
        self.world.max = 10_000
        for pop in 0..<100 as Range<Int64> { _ = try self.world.pop(32, at: pop, invisible: 1_000) }
        var seen: [Int64] = []
        for _ in 0..<100 {
            let due = self.world.due(at: 2_000, countMax: 50)
            #expect(due.count < 50 + 64)
            for message in due { #expect(self.world.ledger.returned(message) == true) }
            seen += due.map(\.offset.value)
        }
        self.world.keep()
        #expect(seen.sorted() == Array(0..<3_200))
    }

    @Test("acknowledged messages leave nothing behind, however long their time")
    mutating func memory() throws {
        self.world.max = 1_000_000
        for pop in 0..<4_000 as Range<Int64> {
            let offsets = try self.world.ledger.popAll(8, at: pop)
            for offset in offsets {
                _ = self.world.ledger.acknowledge(
                    PopWorld.key, offset: offset, popTime: Timestamp(milliseconds: pop))
            }
        }
        #expect(self.world.ledger.watchedCount < 1_500)
        #expect(self.world.ledger.inFlight == 0)
    }

    @Test("acknowledgements of one turn share a record")
    mutating func sharedRecord() throws {
        _ = try self.world.pop(64, at: 5)
        for offset in 0..<64 as Range<Int64> {
            _ = self.world.ledger.acknowledge(
                PopWorld.key, offset: QueueOffset(offset), popTime: Timestamp(milliseconds: 5))
        }
        let records = self.world.ledger.takeRecords()
        #expect(records.count == 1)
        #expect(records.first.map { $0.payload.count < 64 } == true)
    }

    @Test("progress is told once for each change, sorted")
    mutating func commits() throws {
        let other = PopKey(group: "F", topic: "T", queueID: 3)
        _ = try self.world.pop(2, at: 5)
        _ = try self.world.pop(in: other, 2, at: 5)
        let first = self.world.ledger.takeCommits()
        #expect(first.map { [$0.group, "\($0.offset.value)"] } == [["F", "0"], ["G", "0"]])
        _ = self.world.acknowledge(1, poppedAt: 5)
        #expect(self.world.ledger.takeCommits() == [])
        _ = self.world.acknowledge(0, poppedAt: 5)
        #expect(self.world.ledger.takeCommits().map(\.offset.value) == [2])
        var successor = try self.world.successor()
        #expect(successor.takeCommits().map(\.offset.value) == [0, 2], "a new master tells all")
    }

    @Test("a reset ends what is in flight and begins anew")
    mutating func reset() throws {
        _ = try self.world.pop(5, at: 1_000, invisible: 5_000)
        self.world.ledger.reset(PopWorld.key, to: QueueOffset(2))
        self.world.keep()
        #expect(self.world.committed == 2)
        #expect(try self.world.pop(1, at: 1_000, invisible: 9_000) == [2])
        #expect(self.world.acknowledge(2, poppedAt: 1_000) == .late, "a handle of the time before")
        #expect(self.world.due(at: 6_000) == [])
        #expect(try self.world.successor().snapshotRecords() == self.world.ledger.snapshotRecords())
        self.world.ledger.reset(PopWorld.key, to: QueueOffset(-1))
        self.world.ledger.reset(PopKey(group: "X", topic: "T", queueID: 0), to: QueueOffset(1))
        #expect(self.world.ledger.takeRecords() == [])
    }

    @Test("what belongs to a deleted topic or group is forgotten, nothing else")
    mutating func removal() throws {
        let keys = [("G", "T"), ("G", "U"), ("H", "T")].map {
            PopKey(group: $0, topic: $1, queueID: 0)
        }
        for key in keys { _ = try self.world.pop(in: key, 2, at: 0) }
        _ = self.world.ledger.acknowledge(
            keys[0], offset: QueueOffset(0), popTime: Timestamp(milliseconds: 0))
        self.world.ledger.removed(topic: "T")
        self.world.keep()
        #expect(keys.map { self.world.ledger.inFlight($0) } == [0, 2, 0])
        #expect(self.world.due(at: 99_000).map(\.key) == [keys[1], keys[1]])
        #expect(try self.world.pop(in: keys[2], 1, at: 0) == [0])
        self.world.ledger.removed(group: "G")
        self.world.ledger.removed(group: "nobody")
        self.world.keep()
        #expect(self.world.ledger.queueCount == 1)
        #expect(try self.world.successor().snapshotRecords() == self.world.ledger.snapshotRecords())
    }
}

extension PopLedger {
    mutating func popAll(_ count: Int, at time: Int64) throws -> [QueueOffset] {
        let bounds = PopBounds(min: .zero, max: QueueOffset(1_000_000))
        let now = PopWorld.now(time)
        let from = try self.begin(PopWorld.key, start: .min, bounds, at: now)
        let offsets = (0..<count).map { from.advanced(by: $0) }
        try self.take(
            PopWorld.key, from: from, offsets: offsets, next: from.advanced(by: count),
            popTime: self.popTime(at: now), invisibleTime: .seconds(3_600))
        _ = self.takeRecords()
        return offsets
    }
}
