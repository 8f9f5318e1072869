import DeliveryCore
import MessageFormat
import Testing

/// Method: a log of messages and records is written as a master would, with small windows and
/// stretches, so that every path is taken often. A model knows what must happen to each message. A
/// replica applies the same log, and at times the master is lost and made anew from the log.
@Suite("Delayed messages against a model")
struct DelayModelTests {
    @Test(
        "each message fires once, on time, whatever happens",
        arguments: 1...16 as ClosedRange<UInt64>)
    func againstModel(seed: UInt64) throws {
        var run = DelayRun(seed: seed)
        for _ in 0..<800 { try run.step() }
        try run.finish()
        #expect(run.problems == [], "replay with seed \(seed)")
        #expect(run.firings > 30, "seed \(seed) shows little")
    }
}

private struct DelayRun {
    enum Item {
        case message(IndexEntry, QueueOffset)
        case record(StateRecord)
    }

    private var random: SplitMix
    private let settings: DelaySettings
    private var master: DelaySchedule
    private var replica: DelaySchedule
    private var log: [Item] = []
    /// Where a segment starts, with its snapshot.
    private var segments: [(at: Int, snapshot: [StateRecord])] = []
    private var index: [IndexEntry] = []
    private var confirmed = 0
    private var replicaConfirmed = 0
    private var wall = Int64(0)
    private var isFinishing = false

    /// What each queue offset is a copy of.
    private var identities: [Int] = []
    private var due: [Int64] = []
    private var isOver: [Bool] = []
    private(set) var firings = 0
    private(set) var problems: [String] = []

    init(seed: UInt64) {
        self.random = SplitMix(seed: seed)
        var settings = DelaySettings()
        settings.windowMax = Int.random(in: 1...12, using: &self.random)
        settings.stretchWidth = Int.random(in: 1...16, using: &self.random)
        settings.scanChunk = Int.random(in: 1...9, using: &self.random)
        settings.recalledMax = 10
        self.settings = settings
        self.master = DelaySchedule(settings: settings)
        self.master.ready(offsets: .zero ..< .zero)
        self.replica = DelaySchedule(settings: settings)
        self.replica.ready(offsets: .zero ..< .zero)
        self.beginSegment()
    }

    private mutating func draw(_ count: Int) -> Int {
        Int.random(in: 0..<count, using: &self.random)
    }

    mutating func step() throws {
        switch self.draw(20) {
        case 0...5: self.send()
        case 6...9: self.confirm(self.draw(5))
        case 10...11: self.wall += Int64(self.draw(12))
        case 12...14: self.fire()
        case 15: self.master = self.scanned(self.master)
        case 16: self.recall()
        case 17: if self.draw(3) == 0 { self.roll() }
        case 18: if self.draw(4) == 0 { self.beginSegment() }
        default: try self.rarely()
        }
        self.master.checkInvariants()
        self.replica.checkInvariants()
    }

    private mutating func rarely() throws {
        switch self.draw(20) {
        case 0: try self.restart()
        case 1: self.wall -= Int64(self.draw(30))  // the clock is set back
        case 2: self.failOver()
        default: self.replica = self.scanned(self.replica)
        }
    }

    private mutating func send() {
        guard !self.isFinishing else { return }
        let asked = self.wall + Int64(self.draw(60))
        guard
            case .park(let due) = self.master.accept(
                due: at(asked), now: at(self.wall))
        else { return }
        self.park(due: due.milliseconds, identity: self.due.count)
        self.due.append(due.milliseconds)
        self.isOver.append(false)
    }

    private mutating func park(due: Int64, identity: Int) {
        let offset = QueueOffset(Int64(self.index.count))
        let entry = DelayWorld.entry(due: due, offset: self.index.count)
        self.index.append(entry)
        self.identities.append(identity)
        self.master.appended(due: at(due), at: offset)
        self.replica.appended(due: at(due), at: offset)
        self.log.append(.message(entry, offset))
    }

    private mutating func append(_ record: StateRecord) {
        self.log.append(.record(record))
        if ((try? self.replica.apply(record)) ?? false) == false {
            self.problems.append("\(record)")
        }
    }

    private mutating func confirm(_ count: Int) {
        for offset in self.confirmed..<min(self.confirmed + count, self.index.count) {
            self.master.confirmed(self.index[offset], at: QueueOffset(Int64(offset)))
            self.confirmed += 1
        }
        guard self.draw(2) == 0 else { return }
        for offset in self.replicaConfirmed..<self.confirmed {
            self.replica.confirmed(self.index[offset], at: QueueOffset(Int64(offset)))
        }
        self.replicaConfirmed = self.confirmed
    }

    private mutating func fire() {
        guard let lot = self.master.takeDue(at: at(self.wall), limit: 1 + self.draw(6)) else {
            return
        }
        if self.draw(3) == 0 { self.send() }
        if self.draw(5) == 0 { return self.master.giveBack() }
        var through = lot.through
        if self.draw(4) == 0, let some = lot.messages.randomElement(using: &self.random) {
            through = some.key
        }
        for message in lot.messages where message.key <= through { self.fired(message) }
        self.append(self.master.firedRecord(through: through))
        self.master.fired(through: through)
    }

    private mutating func fired(_ message: PendingDelay) {
        let identity = self.identities[Int(message.offset.value)]
        if self.isOver[identity] { self.problems.append("\(identity) fires though it is over") }
        if self.due[identity] > self.wall { self.problems.append("\(identity) fires early") }
        if message.offset.value >= Int64(self.confirmed) {
            self.problems.append("\(identity) fires unconfirmed")
        }
        self.isOver[identity] = true
        self.firings += 1
    }

    private mutating func recall() {
        guard !self.index.isEmpty else { return }
        let offset = self.draw(self.index.count)
        let identity = self.identities[offset]
        switch self.master.recall(self.index[offset], at: QueueOffset(Int64(offset))) {
        case .success(let record):
            if self.isOver[identity] { self.problems.append("\(identity) recalled, but over") }
            self.isOver[identity] = true
            self.append(record)
        case .failure: break
        }
    }

    private mutating func roll() {
        let start = self.master.rolledThrough.value + 1
        let end = min(start + Int64(self.draw(20)), Int64(self.confirmed))
        guard start < end else { return }
        let roll = self.master.beginRoll(
            self.entries(QueueOffset(start)..<QueueOffset(end)), through: QueueOffset(end - 1))
        guard roll != nil else { return }
        if self.draw(2) == 0 { self.recall() }
        if self.draw(2) == 0 { self.fire() }
        guard self.draw(4) > 0, let plan = self.master.rollToAppend() else {
            return self.master.abandonRoll()
        }
        self.append(plan.record)
        self.master.rolled()
        for message in plan.messages {
            self.park(
                due: message.key.due.milliseconds,
                identity: self.identities[Int(message.offset.value)])
        }
    }

    private func entries(_ range: Range<QueueOffset>) -> [(IndexEntry, QueueOffset)] {
        (range.lowerBound.value..<range.upperBound.value).map {
            (self.index[Int($0)], QueueOffset($0))
        }
    }

    private mutating func scanned(_ schedule: DelaySchedule) -> DelaySchedule {
        var other = schedule
        for _ in 0..<self.draw(6) {
            guard let range = other.nextScan() else { break }
            switch self.draw(6) {
            case 0: other.scanFailed()
            default:
                let count = self.draw(range.upperBound.distance(from: range.lowerBound) + 1)
                let end = range.lowerBound.advanced(by: count)
                other.scanned(self.entries(range.lowerBound..<end), through: end)
            }
        }
        return other
    }

    private mutating func beginSegment() {
        let snapshot = self.master.snapshotRecords()
        self.segments.append((self.log.count, snapshot))
        for record in snapshot { self.append(record) }
    }

    /// The master is lost and made anew from one of the last segments and what follows.
    private mutating func restart() throws {
        let segment = self.segments[max(0, self.segments.count - 1 - self.draw(2))]
        var fresh = DelaySchedule(settings: self.settings)
        for record in segment.snapshot where try !fresh.apply(record) {
            self.problems.append("a snapshot with a foreign kind")
        }
        for item in self.log[segment.at...] {
            switch item {
            case .record(let record): _ = try fresh.apply(record)
            case .message(let entry, let offset):
                fresh.appended(due: DelayField.due(of: entry), at: offset)
                if offset.value < Int64(self.confirmed) { fresh.confirmed(entry, at: offset) }
            }
        }
        self.compare(fresh, "made anew")
        fresh.ready(
            offsets: QueueOffset(
                max(0, fresh.rolledThrough.value))..<QueueOffset(Int64(self.confirmed)))
        self.master = fresh
    }

    /// The replica takes over, and the old master follows it.
    private mutating func failOver() {
        self.master.stoodDown()
        self.compare(self.replica, "the replica")
        swap(&self.master, &self.replica)
        swap(&self.confirmed, &self.replicaConfirmed)
        self.confirm(self.replicaConfirmed - self.confirmed)
        self.replicaConfirmed = max(self.replicaConfirmed, self.confirmed)
        self.confirmed = self.replicaConfirmed
    }

    private mutating func compare(_ other: DelaySchedule, _ who: String) {
        if other.cursor != self.master.cursor { self.problems.append("\(who): cursor") }
        if other.rolledThrough != self.master.rolledThrough {
            self.problems.append("\(who): rolled")
        }
        if other.pendingCount != self.master.pendingCount { self.problems.append("\(who): count") }
        let recalled = self.master.snapshotRecords().dropFirst()
        if Array(other.snapshotRecords().dropFirst()) != Array(recalled) {
            self.problems.append("\(who): recalled")
        }
    }

    /// Time passes until nothing is left.
    mutating func finish() throws {
        self.isFinishing = true
        self.confirm(self.index.count)
        self.wall = max(self.wall, self.due.max() ?? 0) + 1
        for _ in 0..<20_000 where self.isOver.contains(false) {
            self.master = self.scanned(self.master)
            self.fire()
            self.confirm(self.index.count)
        }
        let left = self.isOver.count { !$0 }
        if left > 0 { self.problems.append("\(left) never fired") }
        self.confirm(self.index.count)
        if self.master.pendingCount != 0 {
            self.problems.append("\(self.master.pendingCount) are said to wait")
        }
        self.compare(self.replica, "the replica in the end")
    }
}
