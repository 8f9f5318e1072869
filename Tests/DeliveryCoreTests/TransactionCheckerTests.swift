import DeliveryCore
import MessageFormat
import Testing

@Suite("Transactions: asking producers")
struct TransactionCheckerTests {
    private typealias Effect = TransactionChecker.Effect
    private var transactions = Transactions()
    private let confirmed = PhysicalOffset(1 << 40)

    init() { self.transactions.becameMaster(at: Self.now(0)) }

    private static func now(_ seconds: Int, wall: Int? = nil) -> Now {
        Now(
            tick: Tick(.seconds(seconds)),
            wall: Timestamp(milliseconds: Int64(wall ?? seconds) * 1000))
    }

    private static func half(_ offset: Int64, at seconds: Int, immunity: UInt32? = nil)
        -> HalfMessage
    {
        HalfMessage(
            offset: QueueOffset(offset), position: PhysicalOffset(offset * 1_000), size: 100,
            producerGroup: "orders", stored: now(seconds).wall, immunitySeconds: immunity)
    }

    private mutating func open(_ offset: Int64, at seconds: Int, immunity: UInt32? = nil) {
        self.transactions.opened(
            Self.half(offset, at: seconds, immunity: immunity), at: Self.now(seconds).tick)
    }

    /// Which half messages are asked about; each question reaches a producer.
    private mutating func asked(at seconds: Int, wall: Int? = nil, answers: Bool = true) -> [Int64]
    {
        let now = Self.now(seconds, wall: wall)
        let effects = self.transactions.advance(to: now, confirmed: self.confirmed)
        self.transactions.checkInvariants()
        return effects.compactMap { effect in
            guard case .ask(let offset, group: "orders") = effect else { return nil }
            if answers { self.transactions.asked(offset, at: now.wall) }
            return offset.value
        }
    }

    @Test("a silent producer is asked every 30 s, then the half message is given up")
    mutating func asksThenGivesUp() {
        self.open(1, at: 0)
        #expect(self.asked(at: 5) == [], "still immune")
        for check in 0..<15 {
            #expect(self.asked(at: 6 + 30 * check) == [1], "check \(check)")
            #expect(self.asked(at: 6 + 30 * check + 29) == [])
        }
        let end = Self.now(6 + 30 * 15)
        #expect(
            self.transactions.advance(to: end, confirmed: self.confirmed)
                == [.giveUp(Self.half(1, at: 0))])
        #expect(self.asked(at: 6 + 30 * 17) == [], "it is being given up already")
        _ = self.transactions.ended(QueueOffset(1), .givenUp)
        #expect(self.transactions.advance(to: Self.now(9_999), confirmed: self.confirmed) == [])
        self.transactions.checkInvariants()
    }

    @Test("a half message that could not be given up is tried again an interval later")
    mutating func giveUpFails() {
        self.open(1, at: 0)
        for check in 0..<15 { _ = self.asked(at: 6 + 30 * check) }
        let half = Self.half(1, at: 0)
        #expect(self.giveUps(at: 500) == [.giveUp(half)])
        self.transactions.endFailed(half.offset)
        #expect(self.giveUps(at: 529) == [])
        #expect(self.giveUps(at: 530) == [.giveUp(half)])
    }

    @Test("what stands in the way of a full disk is given up at once, each once")
    mutating func givesWay() {
        for offset in Int64(1)...5 { self.open(offset, at: 0) }
        _ = self.transactions.end(
            TransactionEnd(
                halfOffset: QueueOffset(2), position: PhysicalOffset(2_000),
                producerGroup: "orders", outcome: .committed, isFromCheck: false),
            confirmed: self.confirmed, at: Self.now(1).wall)
        let end = PhysicalOffset(4_000)
        #expect(
            self.transactions.giveUp(before: end, countMax: 1).map(\.offset) == [QueueOffset(1)])
        #expect(
            self.transactions.giveUp(before: end, countMax: 9).map(\.offset) == [QueueOffset(3)],
            "one is being given up, and one committed")
        self.transactions.endFailed(QueueOffset(1))
        #expect(
            self.transactions.giveUp(before: end, countMax: 9).map(\.offset) == [QueueOffset(1)])
        self.transactions.checkInvariants()
    }

    private mutating func giveUps(at seconds: Int, wall: Int? = nil) -> [Effect] {
        self.transactions.advance(to: Self.now(seconds, wall: wall), confirmed: self.confirmed)
    }

    @Test("immunity lasts as long as the producer asked for, and never less than 6 s")
    mutating func immunity() {
        let table: [(Int64, UInt32?, Int)] = [
            (1, nil, 6), (2, 0, 6), (3, 3, 6), (4, 7, 7), (5, 100, 100),
            (6, .max, 72 * 3600),
        ]
        for (offset, immunity, _) in table { self.open(offset, at: 0, immunity: immunity) }
        for (offset, _, seconds) in table {
            var early = self
            #expect(!early.asked(at: seconds - 1).contains(offset))
            var due = self
            #expect(due.asked(at: seconds).contains(offset))
        }
    }

    @Test("questions that reach nobody do not count")
    mutating func nobodyThere() {
        self.open(1, at: 0)
        for round in 0..<100 { #expect(self.asked(at: 6 + 30 * round, answers: false) == [1]) }
        #expect(self.transactions.table[QueueOffset(1)]?.checks == 0)
        #expect(self.transactions.takeCheckRecords() == [])
    }

    @Test("what outlives the log's retention is given up, even if nobody can be asked")
    mutating func retention() {
        self.open(1, at: 0)
        let old = 72 * 3600
        #expect(self.asked(at: old, answers: false) == [1], "it was never due before")
        #expect(self.giveUps(at: old + 29) == [])
        #expect(self.giveUps(at: old + 30) == [.giveUp(Self.half(1, at: 0))])
    }

    @Test("a wall clock that jumps for a moment neither asks nor gives up nor silences")
    mutating func clockJumps() {
        self.open(1, at: 0)
        #expect(self.asked(at: 3, wall: 1_000_000) == [])
        #expect(self.asked(at: 6, wall: 1_000_000) == [1], "asked, although it looks too old")
        #expect(self.asked(at: 36, wall: -1_000_000) == [1])
        #expect(self.asked(at: 66) == [1])
    }

    @Test("what is not confirmed is not asked about")
    mutating func unconfirmed() {
        self.open(1, at: 0)
        let before = self.transactions.advance(to: Self.now(6), confirmed: PhysicalOffset(1_000))
        #expect(before == [])
        #expect(self.asked(at: 36) == [1])
    }

    @Test("what is being ended is not asked about")
    mutating func beingEnded() {
        self.open(1, at: 0)
        let end = TransactionEnd(
            halfOffset: QueueOffset(1), position: PhysicalOffset(1_000), producerGroup: "orders",
            outcome: .committed, isFromCheck: false)
        _ = self.transactions.end(end, confirmed: self.confirmed, at: Self.now(1).wall)
        #expect(self.asked(at: 6) == [])
        self.transactions.endFailed(QueueOffset(1))
        #expect(self.asked(at: 36) == [1])
    }

    @Test("one call asks about a bounded number, the earliest first")
    mutating func paced() {
        for offset in 1...600 { self.open(Int64(offset), at: 0) }
        #expect(self.asked(at: 6) == Array(1...256))
        #expect(self.asked(at: 6) == Array(257...512))
        #expect(self.asked(at: 6) == Array(513...600))
        #expect(self.asked(at: 6) == [])
    }

    @Test("a new master asks soon, goes on counting, and keeps intervals that have begun")
    mutating func promotion() throws {
        self.open(1, at: 0)
        self.open(2, at: 95)
        self.open(3, at: 0, immunity: 1_000)
        for check in 0..<4 { #expect(self.asked(at: 6 + 30 * check).contains(1)) }
        var next = try replayed(self.transactions.takeCheckRecords())
        for offset in [1, 2, 3] {
            #expect(
                next.table[QueueOffset(Int64(offset))]
                    == self.transactions.table[QueueOffset(Int64(offset))])
        }
        // Another machine: its monotonic clock has nothing to do with the first one's.
        next.becameMaster(at: Self.now(7_000, wall: 100))
        self.transactions = next
        #expect(self.asked(at: 7_000, wall: 100) == [])
        #expect(self.asked(at: 7_001, wall: 101) == [2], "96 s after the start")
        #expect(self.asked(at: 7_026, wall: 126) == [1], "asked at 96 s for the last time")
        #expect(self.asked(at: 7_899, wall: 999).contains(3) == false)
        #expect(self.asked(at: 7_900, wall: 1_000).contains(3))
        #expect(self.transactions.table[QueueOffset(1)]?.checks == 6)
    }

    private func replayed(_ records: [StateRecord]) throws -> Transactions {
        var next = Transactions()
        next.opened(Self.half(1, at: 0), at: .zero)
        next.opened(Self.half(2, at: 95), at: .zero)
        next.opened(Self.half(3, at: 0, immunity: 1_000), at: .zero)
        for record in records {
            #expect(
                try record.payload.withUnsafeBytes {
                    try next.apply(kind: record.kind, payload: $0)
                })
        }
        return next
    }
}
