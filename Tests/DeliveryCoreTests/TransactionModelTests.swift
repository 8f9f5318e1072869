import DeliveryCore
import MessageFormat
import Testing

@Suite("Transactions: any course of events")
struct TransactionModelTests {
    @Test("each transaction has one outcome, and the log alone tells it", arguments: 0..<20)
    func story(seed: UInt64) throws {
        var world = TransactionWorld(seed: seed)
        for _ in 0..<400 { try world.step() }
        try world.checkReplay()
        #expect(world.outcomesSeen >= 2, "the story is not trivial")
    }

    @Test("a snapshot of many transactions comes in short records, within the promised bytes")
    func bigSnapshot() throws {
        var settings = TransactionSettings()
        settings.openMax = 20_000
        settings.groupsMax = 2_000
        var transactions = Transactions(settings: settings)
        var random = Seeded(seed: 7)
        for offset in 0..<20_000 {
            let name = "\(offset % 2_000)" + String(repeating: "g", count: 250)
            let position = Int64(offset) * 5_000 + Int64(random.below(4_000))
            transactions.opened(
                HalfMessage(
                    offset: QueueOffset(Int64(offset)), position: PhysicalOffset(position),
                    size: 900, producerGroup: name,
                    stored: Timestamp(milliseconds: 1_700_000_000_000 + Int64(offset)),
                    immunitySeconds: random.below(2) == 0 ? nil : .max), at: .zero)
        }
        let records = transactions.snapshotRecords()
        #expect(records.allSatisfy { $0.payload.count <= 256 * 1024 })
        let bytes = records.reduce(0) { $0 + $1.payload.count }
        #expect(bytes <= settings.snapshotBytesMax)
        #expect(bytes < 20_000 * 20 + 2_000 * 260, "some twenty bytes each, besides the names")
        var copy = Transactions()
        for record in records { try copy.take(record) }
        #expect(copy.table == transactions.table)
        #expect(transactions.snapshotRecords() == records, "no order of a hash table shows")
    }

    @Test("a record that is cut short or altered is refused or applied, and never traps")
    func damage() throws {
        var world = TransactionWorld(seed: 3)
        for _ in 0..<400 { try world.step() }
        var random = Seeded(seed: 5)
        let records = world.live.snapshotRecords() + world.records.suffix(50)
        for record in records {
            for _ in 0..<200 {
                var damaged = record
                let at = Int(random.below(UInt64(max(1, damaged.payload.count))))
                if random.below(3) == 0 {
                    damaged.payload.removeLast(damaged.payload.count - at)
                } else {
                    damaged.payload[at] ^= UInt8(1 + random.below(255))
                }
                var state = Transactions()
                let before = state.table
                do { try state.take(damaged) } catch { #expect(state.table == before) }
                _ = state.snapshotRecords()
                state.becameMaster(
                    at: Now(tick: .zero, wall: Timestamp(milliseconds: .max)))
                _ = state.advance(
                    to: Now(tick: Tick(.seconds(500_000)), wall: Timestamp(milliseconds: .min)),
                    confirmed: PhysicalOffset(.max))
            }
        }
    }
}

/// A master whose log is a list, and a model that knows what was decided.
private struct TransactionWorld {
    enum Entry {
        case half(HalfMessage)
        case record(StateRecord)
        /// The batch of an end: its record and, at a commit, the message that consumers see.
        case end(StateRecord, QueueOffset, TransactionOutcome)
        case snapshot([StateRecord])
    }

    var live: Transactions
    private var log: [Entry] = []
    /// Entries that no failover takes away.
    private var confirmedCount = 0
    private var halves: [HalfMessage] = []
    private var planned: [(QueueOffset, TransactionOutcome)] = []
    private var seconds = 0
    private var random: Seeded

    init(seed: UInt64) {
        self.random = Seeded(seed: seed)
        self.live = Transactions(settings: Self.settings)
        self.live.becameMaster(at: Now(tick: .zero, wall: Timestamp(milliseconds: 0)))
    }

    private static var settings: TransactionSettings {
        var settings = TransactionSettings()
        settings.checksMax = 3
        settings.effectsMax = 5
        return settings
    }

    private var now: Now {
        Now(
            tick: Tick(.seconds(self.seconds)),
            wall: Timestamp(milliseconds: Int64(self.seconds) * 1_000))
    }

    private var confirmed: PhysicalOffset { PhysicalOffset(Int64(self.confirmedCount) * 1_000) }

    var records: [StateRecord] {
        self.log.compactMap {
            switch $0 {
            case .record(let record), .end(let record, _, _): record
            default: nil
            }
        }
    }

    var outcomesSeen: Int {
        var outcomes: Set<TransactionOutcome> = []
        for case .end(_, _, let outcome) in self.log { outcomes.insert(outcome) }
        return outcomes.count
    }

    mutating func step() throws {
        switch self.random.below(20) {
        case 0..<5: self.open()
        case 5..<10: self.askForEnd()
        case 10..<13: self.carryOut()
        case 13..<16: self.passTime()
        case 16, 17: self.confirmedCount += Int(self.random.below(UInt64(self.unconfirmed + 1)))
        case 18: self.log.append(.snapshot(self.live.snapshotRecords()))
        default: if self.random.below(4) == 0 { try self.failOver() }
        }
        self.log += self.live.takeCheckRecords().map { .record($0) }
        self.live.checkInvariants()
        self.checkOutcomes()
    }

    private var unconfirmed: Int { self.log.count - self.confirmedCount }

    private mutating func open() {
        let half = HalfMessage(
            offset: QueueOffset(Int64(self.halves.count)),
            position: PhysicalOffset(Int64(self.log.count) * 1_000), size: 100,
            producerGroup: "g\(self.random.below(3))", stored: self.now.wall,
            immunitySeconds: ([nil, 0, 30] as [UInt32?])[Int(self.random.below(3))])
        self.halves.append(half)
        self.log.append(.half(half))
        self.live.opened(half, at: self.now.tick)
    }

    private mutating func askForEnd() {
        guard !self.halves.isEmpty else { return }
        let half = self.halves[Int(self.random.below(UInt64(self.halves.count)))]
        let wanted: TransactionOutcome = self.random.below(3) == 0 ? .rolledBack : .committed
        let request = TransactionEnd(
            halfOffset: half.offset, position: half.position, producerGroup: half.producerGroup,
            outcome: wanted, isFromCheck: self.random.below(2) == 0)
        let known = self.logged(half.offset)
        switch self.live.end(request, confirmed: self.confirmed, at: self.now.wall) {
        case .carryOut(let outcome, let named):
            #expect(known == nil && named == half && outcome == wanted)
            #expect(!self.planned.contains { $0.0 == half.offset }, "planned once")
            self.planned.append((half.offset, outcome))
        case .alreadyEnded:
            #expect(known == wanted || (known == .givenUp && wanted == .rolledBack))
        case .refused(.endedOtherwise(let outcome)):
            let plan = self.planned.first { $0.0 == half.offset }?.1
            #expect(outcome == known || outcome == plan)
        case .inProgress:
            #expect(self.planned.contains { $0.0 == half.offset })
        case .wait: #expect(half.position >= self.confirmed)
        case .refused(.late): #expect(!request.isFromCheck && half.immunitySeconds != nil)
        case let other: Issue.record("unexpected: \(other)")
        }
    }

    /// The engine has read a half message and appends its end, or could not.
    private mutating func carryOut() {
        guard !self.planned.isEmpty else { return }
        let (offset, outcome) = self.planned.remove(
            at: Int(self.random.below(UInt64(self.planned.count))))
        guard self.random.below(4) > 0 else { return self.live.endFailed(offset) }
        self.log.append(.end(self.live.ended(offset, outcome), offset, outcome))
    }

    private mutating func passTime() {
        self.seconds += Int(self.random.below(20))
        for effect in self.live.advance(to: self.now, confirmed: self.confirmed) {
            switch effect {
            case .ask(let offset, group: let group):
                #expect(self.halves[Int(offset.value)].producerGroup == group)
                #expect(self.logged(offset) == nil, "nobody is asked about what has ended")
                if self.random.below(3) > 0 { self.live.asked(offset, at: self.now.wall) }
            case .giveUp(let half):
                self.planned.append((half.offset, .givenUp))
            }
        }
    }

    /// Another broker takes over, with what is confirmed and perhaps more.
    private mutating func failOver() throws {
        try self.checkReplay()
        let kept = self.confirmedCount + Int(self.random.below(UInt64(self.unconfirmed + 1)))
        self.log.removeLast(self.log.count - kept)
        self.halves = self.log.compactMap {
            guard case .half(let half) = $0 else { return nil }
            return half
        }
        self.planned = []
        self.live = try self.replayed()
        self.live.becameMaster(at: self.now)
    }

    func checkReplay() throws {
        #expect(try self.replayed().table == self.live.table, "the whole log")
        guard
            let start = self.log.lastIndex(where: {
                guard case .snapshot = $0 else { return false }
                return true
            })
        else { return }
        #expect(try self.replayed(from: start).table == self.live.table, "from a snapshot on")
    }

    private func replayed(from start: Int = 0) throws -> Transactions {
        var state = Transactions(settings: Self.settings)
        for entry in self.log[start...] {
            switch entry {
            case .half(let half): state.opened(half, at: .zero)
            case .record(let record), .end(let record, _, _): try state.take(record)
            case .snapshot(let records): for record in records { try state.take(record) }
            }
        }
        state.checkInvariants()
        return state
    }

    private func logged(_ offset: QueueOffset) -> TransactionOutcome? {
        for case .end(_, offset, let outcome) in self.log { return outcome }
        return nil
    }

    private func checkOutcomes() {
        var ended: Set<QueueOffset> = []
        for case .end(_, let offset, _) in self.log {
            #expect(ended.insert(offset).inserted, "ended twice: \(offset)")
        }
        let open = self.halves.filter { !ended.contains($0.offset) }
        #expect(self.live.table.list(countMax: .max).map(\.half) == open)
        #expect(self.live.oldestOpenPosition == open.first?.position)
    }
}

extension Transactions {
    fileprivate mutating func take(_ record: StateRecord) throws {
        #expect(
            try record.payload.withUnsafeBytes { try self.apply(kind: record.kind, payload: $0) })
    }
}

/// SplitMix64.
private struct Seeded {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func below(_ limit: UInt64) -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ (mixed >> 31)) % limit
    }
}
