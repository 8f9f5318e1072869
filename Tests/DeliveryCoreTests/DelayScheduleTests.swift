import DeliveryCore
import MessageFormat
import Testing

@Suite("Delayed messages")
struct DelayScheduleTests {
    private var world = DelayWorld()

    @Test("messages fire in the order of their times, each once, and not before")
    mutating func firesInOrder() {
        for due in [30, 10, 20, 10] as [Int64] { self.world.park(due: due) }
        self.world.confirmAll()
        self.world.scanAll()
        #expect(self.world.fire(at: 9) == [])
        #expect(self.world.fire(at: 20) == [1, 3, 2])
        #expect(self.world.fire(at: 20) == [])
        #expect(self.world.fire(at: 1_000) == [0])
        #expect(self.world.schedule.pendingCount == 0)
    }

    @Test("an unconfirmed message holds back those behind it, even when they are due")
    mutating func unconfirmedHoldsBack() {
        self.world.scanAll()
        self.world.park(due: 20)
        self.world.confirmAll()
        self.world.park(due: 10)
        #expect(self.world.fire(at: 50) == [], "passing it now would lose it")
        self.world.confirmAll()
        #expect(self.world.fire(at: 50) == [1, 0])
    }

    @Test("what comes too late to be parked is delivered at once")
    mutating func accepts() {
        let schedule = self.world.schedule
        #expect(schedule.accept(due: at(10), now: at(10)) == .deliverNow)
        #expect(schedule.accept(due: at(9), now: at(10)) == .deliverNow)
        #expect(schedule.accept(due: at(11), now: at(10)) == .park(due: at(11)))
        let max = DelaySettings().delayMax
        #expect(schedule.accept(due: at(10 + max), now: at(10)) == .park(due: at(10 + max)))
        #expect(
            schedule.accept(due: at(11 + max), now: at(10))
                == .refused(.tooFar(milliseconds: max + 1, delayMax: max)))
        #expect(
            schedule.accept(due: at(.max), now: at(-10))
                == .refused(.tooFar(milliseconds: .max, delayMax: max)))
    }

    @Test("a clock that was set back parks nothing before what is firing")
    mutating func clockGoesBack() throws {
        self.world.park(due: 50)
        self.world.confirmAll()
        self.world.scanAll()
        #expect(self.world.schedule.takeDue(at: at(50)) != nil)
        #expect(
            self.world.schedule.accept(due: at(45), now: at(5)) == .deliverNow,
            "parked it would be passed when the other one has fired")
        #expect(self.world.schedule.accept(due: at(51), now: at(5)) == .park(due: at(51)))
    }

    @Test("the number of waiting messages is bounded")
    mutating func pendingIsBounded() {
        var settings = DelaySettings()
        settings.pendingMax = 2
        self.world = DelayWorld(settings)
        self.world.park(due: 10)
        self.world.park(due: 10)
        let decision = self.world.schedule.accept(due: at(10), now: at(0))
        #expect(decision == .refused(.tooManyPending(pendingMax: 2)))
    }

    @Test("what was taken is not taken again until it was given back or has fired")
    mutating func takenOnce() throws {
        for due in [10, 11, 12] as [Int64] { self.world.park(due: due) }
        self.world.confirmAll()
        self.world.scanAll()
        let taken = self.world.schedule.takeDue(at: at(20), limit: 2)
        let lot = try #require(taken)
        #expect(lot.messages.map(\.offset.value) == [0, 1])
        #expect(self.world.schedule.takeDue(at: at(20)) == nil)
        self.world.schedule.giveBack()
        #expect(self.world.schedule.takeDue(at: at(20), limit: 2) == lot)
        self.world.schedule.fired(through: lot.messages[0].key)
        #expect(self.world.schedule.pendingCount == 2)
        #expect(self.world.fire(at: 20) == [1, 2], "the one that was left behind comes again")
    }

    @Test("a lot is bounded in bytes, but one message always goes")
    mutating func lotBytes() throws {
        for _ in 0..<5 { self.world.park(due: 10, size: 1_000) }
        self.world.confirmAll()
        self.world.scanAll()
        let taken = self.world.schedule.takeDue(at: at(10), bytesMax: 2_500)
        let lot = try #require(taken)
        #expect(lot.messages.count == 2)
        self.world.schedule.giveBack()
        #expect(self.world.schedule.takeDue(at: at(10), bytesMax: 1)?.messages.count == 1)
    }

    @Test("a recalled message does not fire, and is forgotten when its time has passed")
    mutating func recalls() throws {
        for due in [10, 20, 30] as [Int64] { self.world.park(due: due) }
        self.world.confirmAll()
        self.world.scanAll()
        #expect(self.world.recall(0) == nil)
        #expect(self.world.recall(1) == nil)
        #expect(self.world.recall(1) == .alreadyRecalled)
        #expect(self.world.recall(7) == .notPending)
        #expect(self.world.schedule.pendingCount == 1)
        #expect(self.world.schedule.list(due: at(0)..<at(99), limit: 9).messages.count == 1)
        #expect(self.world.fire(at: 15) == [], "nothing to put again, but the cursor moves")
        #expect(self.world.schedule.recalledCount == 1)
        #expect(self.world.recall(0) == .tooLate)
        #expect(self.world.fire(at: 40) == [2])
        #expect(self.world.schedule.recalledCount == 0)
    }

    @Test("recalled messages are bounded")
    mutating func recallsAreBounded() {
        var settings = DelaySettings()
        settings.recalledMax = 1
        self.world = DelayWorld(settings)
        self.world.park(due: 10)
        self.world.park(due: 10)
        #expect(self.world.recall(0) == nil, "one that is not confirmed can be recalled, too")
        #expect(self.world.recall(1) == .tooMany(recalledMax: 1))
        self.world.confirmAll()
        self.world.scanAll()
        #expect(self.world.fire(at: 10) == [1])
    }

    @Test("memory is bounded: the window takes the earliest, scans find the rest")
    mutating func windowIsBounded() {
        var settings = DelaySettings()
        settings.windowMax = 100
        settings.stretchWidth = 64
        settings.scanChunk = 50
        self.world = DelayWorld(settings)
        self.world.scanAll()
        var dues = (1...1_500).map { Int64($0) }
        var random = SplitMix(seed: 3)
        dues.shuffle(using: &random)
        for due in dues {
            self.world.park(due: due)
            self.world.confirmAll()
            #expect(self.world.schedule.windowCount <= 100)
        }
        var fired: [Int64] = []
        for now in stride(from: Int64(0), through: 1_500, by: 20) {
            fired += self.world.fire(at: now).map { dues[Int($0)] }
            self.world.scanAll { #expect($0.windowCount <= 200) }
            self.world.schedule.checkInvariants()
        }
        #expect(fired == (1...1_500).map { Int64($0) })
        #expect(self.world.scans < 1_500 / 75 + 3, "one scan for what three quarters hold")
    }

    @Test("a scan leaves out stretches in which all has fired or all is later")
    mutating func scansLittle() {
        var settings = DelaySettings()
        settings.windowMax = 100
        settings.stretchWidth = 64
        settings.scanChunk = 64
        self.world = DelayWorld(settings)
        self.world.scanAll()
        for due in 1...6_400 as ClosedRange<Int64> { self.world.park(due: due) }
        self.world.confirmAll()
        var fired = 0
        for now in stride(from: Int64(0), through: 6_400, by: 20) {
            fired += self.world.fire(at: now).count
            self.world.scanAll()
        }
        #expect(fired == 6_400)
        #expect(self.world.entriesScanned < 4 * 6_400, "\(self.world.entriesScanned)")
    }

    @Test("what is pending in the oldest segment moves to the queue's end")
    mutating func rolls() throws {
        for due in [50, 10, 60, 70] as [Int64] { self.world.park(due: due) }
        self.world.confirmAll()
        self.world.scanAll()
        #expect(self.world.fire(at: 10) == [1])
        #expect(self.world.beginRoll(through: 2) == [0, 2])
        #expect(self.world.beginRoll(through: 2) == nil, "one at a time")
        #expect(self.world.recall(2) == nil)
        #expect(self.world.fire(at: 55) == [], "what is being rolled is not passed")
        self.world.finishRoll()  // offset 0 is now offset 4; 2 was recalled meanwhile
        #expect(self.world.schedule.rolledThrough == QueueOffset(2))
        #expect(self.world.schedule.pendingCount == 2)
        #expect(self.world.fire(at: 55) == [])
        self.world.confirmAll()
        #expect(self.world.fire(at: 99) == [4, 3])
        #expect(self.world.schedule.pendingCount == 0)
    }

    @Test("what is firing is not rolled")
    mutating func firingIsNotRolled() throws {
        for due in [10, 20] as [Int64] { self.world.park(due: due) }
        self.world.confirmAll()
        self.world.scanAll()
        let taken = self.world.schedule.takeDue(at: at(10))
        let lot = try #require(taken)
        #expect(self.world.beginRoll(through: 0) == nil)
        self.world.schedule.fired(through: lot.through)
        #expect(self.world.beginRoll(through: 0) == [])
    }

    @Test("a list says whether it is complete")
    mutating func lists() {
        var settings = DelaySettings()
        settings.windowMax = 4
        self.world = DelayWorld(settings)
        let before = self.world.schedule.list(due: at(0)..<at(9), limit: 9)
        #expect(before.messages == [])
        #expect(!before.isComplete, "nothing was scanned yet")
        self.world.scanAll()
        for due in 1...9 as ClosedRange<Int64> { self.world.park(due: due) }
        self.world.confirmAll()
        let early = self.world.schedule.list(due: at(2)..<at(5), limit: 9)
        #expect(early.messages.map(\.offset.value) == [1, 2, 3])
        #expect(early.isComplete)
        #expect(!self.world.schedule.list(due: at(2)..<at(6), limit: 9).isComplete)
        #expect(!self.world.schedule.list(due: at(2)..<at(5), limit: 2).isComplete)
    }

    @Test("a master that stands down keeps nothing that it had planned")
    mutating func standsDown() throws {
        self.world.park(due: 10)
        self.world.confirmAll()
        self.world.scanAll()
        #expect(self.world.schedule.takeDue(at: at(10)) != nil)
        self.world.schedule.stoodDown()
        #expect(self.world.fire(at: 10) == [0])
    }
}

@Suite("Delayed messages in the log")
struct DelayRecordTests {
    @Test("a record that cannot be read changes nothing, and nothing traps")
    func hostileRecords() throws {
        var random = SplitMix(seed: 11)
        var world = DelayWorld()
        for due in 1...20 as ClosedRange<Int64> { world.park(due: due) }
        world.confirmAll()
        for _ in 0..<4_000 {
            let kind = UInt16.random(in: 10...14, using: &random)
            let count = Int.random(in: 0...45, using: &random)
            var payload = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            if count > 0 { payload[0] = 1 }
            if Bool.random(using: &random) {
                for index in payload.indices.dropFirst() where index % 8 != 0 { payload[index] = 0 }
            }
            let before = world.schedule.snapshotRecords()
            do {
                #expect(try world.schedule.apply(StateRecord(kind: kind, payload: payload)) == true)
            } catch {
                #expect(world.schedule.snapshotRecords() == before)
            }
            world.schedule.checkInvariants()
            _ = world.schedule.nextScan()
            world.schedule.scanned([], through: QueueOffset(.max))
            _ = world.schedule.takeDue(at: at(.max))
            world.schedule.giveBack()
        }
    }

    @Test("kinds of others are left to them", arguments: [UInt16(0), 9, 15, 100])
    func foreignKinds(kind: UInt16) throws {
        var schedule = DelaySchedule()
        #expect(try schedule.apply(StateRecord(kind: kind, payload: [1])) == false)
    }

    @Test("a snapshot with very many recalled messages comes in bounded pieces")
    func snapshotInPieces() throws {
        var world = DelayWorld()
        for offset in 0..<40_000 {
            world.park(due: 1_000)
            #expect(world.recall(Int64(offset)) == nil)
        }
        let snapshot = world.schedule.snapshotRecords()
        #expect(snapshot.count == 4)
        #expect(snapshot.allSatisfy { $0.payload.count <= 256 * 1024 })
        var copy = DelaySchedule()
        for record in snapshot { #expect(try copy.apply(record) == true) }
        #expect(copy.snapshotRecords() == snapshot)
    }

    @Test("a queue that claims an absurd length is not scanned, and says so")
    func absurdQueue() {
        var schedule = DelaySchedule()
        schedule.ready(offsets: .zero..<QueueOffset(1 << 55))
        #expect(schedule.nextScan() == nil)
        #expect(schedule.problem != nil)
    }
}

func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

extension DelaySchedule {
    mutating func apply(_ record: StateRecord) throws -> Bool {
        let payload = record.payload
        return try payload.withUnsafeBytes { try self.apply(kind: record.kind, payload: $0) }
    }
}

/// A queue of parked messages, and what an engine does with a schedule.
struct DelayWorld {
    var schedule: DelaySchedule
    private(set) var index: [IndexEntry] = []
    private(set) var confirmed = 0
    private(set) var scans = 0
    private(set) var entriesScanned = 0
    private var rolling: [PendingDelay] = []

    init(_ settings: DelaySettings = DelaySettings()) {
        self.schedule = DelaySchedule(settings: settings)
        self.schedule.ready(offsets: .zero ..< .zero)
    }

    static func entry(due: Int64, offset: Int, size: UInt32 = 100) -> IndexEntry {
        IndexEntry(
            position: PhysicalOffset(Int64(offset) * 128), size: size, checksum: 0,
            tagHash: DelayField.tagHash(due: at(due), storedAt: at(0)), storeTimestamp: at(0))
    }

    mutating func park(due: Int64, size: UInt32 = 100) {
        let offset = self.index.count
        self.index.append(Self.entry(due: due, offset: offset, size: size))
        self.schedule.appended(due: at(due), at: QueueOffset(Int64(offset)))
    }

    mutating func confirmAll() {
        for offset in self.confirmed..<self.index.count {
            self.schedule.confirmed(self.index[offset], at: QueueOffset(Int64(offset)))
        }
        self.confirmed = self.index.count
    }

    func entries(_ range: Range<QueueOffset>) -> [(IndexEntry, QueueOffset)] {
        (range.lowerBound.value..<range.upperBound.value).map {
            (self.index[Int($0)], QueueOffset($0))
        }
    }

    mutating func scanAll(_ watch: (DelaySchedule) -> Void = { _ in }) {
        if !self.schedule.isScanning, self.schedule.nextScan() != nil {
            self.scans += 1
            self.schedule.scanFailed()
        }
        while let range = self.schedule.nextScan() {
            self.entriesScanned += range.upperBound.distance(from: range.lowerBound)
            self.schedule.scanned(self.entries(range), through: range.upperBound)
            watch(self.schedule)
        }
    }

    /// Fires all that is due; gives back the offsets.
    mutating func fire(at now: Int64) -> [Int64] {
        var fired: [Int64] = []
        while let lot = self.schedule.takeDue(at: at(now), limit: 7) {
            fired += lot.messages.map(\.offset.value)
            self.schedule.fired(through: lot.through)
        }
        return fired
    }

    /// Why it cannot be recalled.
    mutating func recall(_ offset: Int64) -> DelaySchedule.RecallRefusal? {
        let entry =
            offset < self.index.count ? self.index[Int(offset)] : Self.entry(due: 10, offset: 0)
        switch self.schedule.recall(entry, at: QueueOffset(offset)) {
        case .success: return nil
        case .failure(let refusal): return refusal
        }
    }

    mutating func beginRoll(through offset: Int64) -> [Int64]? {
        let start = self.schedule.rolledThrough.advanced(by: 1)
        guard
            let roll = self.schedule.beginRoll(
                self.entries(start..<QueueOffset(offset + 1)), through: QueueOffset(offset))
        else { return nil }
        return roll.messages.map(\.offset.value)
    }

    mutating func finishRoll() {
        guard let roll = self.schedule.rollToAppend() else { return }
        let dues = roll.messages.map(\.key.due.milliseconds)
        self.schedule.rolled()
        for due in dues { self.park(due: due) }
    }
}
