import DeliveryCore
import MessageFormat
import Testing

@Suite("Transactions: how they end")
struct TransactionRulesTests {
    private var transactions = Transactions()
    private let half = HalfMessage(
        offset: QueueOffset(3), position: PhysicalOffset(1_000), size: 200, producerGroup: "orders",
        stored: Timestamp(milliseconds: 10_000), immunitySeconds: 20)

    init() {
        self.transactions.becameMaster(at: Self.now(10))
        self.transactions.opened(self.half, at: Self.now(10).tick)
    }

    private static func now(_ seconds: Int) -> Now {
        Now(
            tick: Tick(.seconds(seconds)),
            wall: Timestamp(milliseconds: Int64(seconds) * 1000))
    }

    private func request(
        _ outcome: TransactionOutcome?, offset: Int64 = 3, position: Int64 = 1_000,
        group: String = "orders", isFromCheck: Bool = false
    ) -> TransactionEnd {
        TransactionEnd(
            halfOffset: QueueOffset(offset), position: PhysicalOffset(position),
            producerGroup: group, outcome: outcome, isFromCheck: isFromCheck)
    }

    private mutating func end(
        _ request: TransactionEnd, confirmed: Int64 = 5_000, at seconds: Int = 11
    ) -> EndDecision {
        self.transactions.end(
            request, confirmed: PhysicalOffset(confirmed), at: Self.now(seconds).wall)
    }

    @Test("an END is judged by what it names, and by when it comes")
    func decisions() {
        let wrongPlace = { (offset: Int64, position: Int64) -> EndDecision in
            .refused(
                .wrongPlace(halfOffset: QueueOffset(offset), position: PhysicalOffset(position)))
        }
        let late = EndDecision.refused(.late(age: .seconds(21), immunity: .seconds(20)))
        let table: [(String, TransactionEnd, Int64, Int, EndDecision)] = [
            ("commit", request(.committed), 5_000, 11, .carryOut(.committed, half)),
            ("rollback", request(.rolledBack), 5_000, 11, .carryOut(.rolledBack, half)),
            ("unknown", request(nil), 5_000, 11, .ignore),
            ("unknown of nothing", request(nil, offset: 9), 5_000, 11, .ignore),
            (
                "another group", request(.committed, group: "pay"), 5_000, 11,
                .refused(.wrongGroup(named: "pay"))
            ),
            ("another position", request(.committed, position: 9), 5_000, 11, wrongPlace(3, 9)),
            (
                "another offset", request(.committed, offset: 4), 5_000, 11,
                .lookUp(PhysicalOffset(1_000))
            ),
            (
                "not confirmed", request(.committed), 1_000, 11,
                .wait(until: PhysicalOffset(1_200))
            ),
            ("just in time", request(.committed), 5_000, 30, .carryOut(.committed, half)),
            ("late", request(.committed), 5_000, 31, late),
            ("late rollback", request(.rolledBack), 5_000, 31, late),
            (
                "late, but asked for", request(.committed, isFromCheck: true), 5_000, 31,
                .carryOut(.committed, half)
            ),
        ]
        for (name, request, confirmed, seconds, expected) in table {
            var fresh = self
            #expect(fresh.end(request, confirmed: confirmed, at: seconds) == expected, "\(name)")
        }
    }

    @Test("without CHECK_IMMUNITY_TIME_IN_SECONDS a direct answer is never late")
    mutating func neverLate() {
        var half = self.half
        half.immunitySeconds = nil
        self.transactions.opened(half, at: .zero)
        #expect(self.end(self.request(.committed), at: 100_000) == .carryOut(.committed, half))
    }

    @Test("a second END succeeds if it wants what is, and is refused if it does not")
    func secondEnds() {
        let table: [(TransactionOutcome, TransactionOutcome, Bool)] = [
            (.committed, .committed, true), (.committed, .rolledBack, false),
            (.rolledBack, .rolledBack, true), (.rolledBack, .committed, false),
            (.givenUp, .rolledBack, true), (.givenUp, .committed, false),
        ]
        for (first, second, isSuccess) in table {
            var fresh = self
            _ = fresh.transactions.ended(self.half.offset, first)
            let expected: EndDecision =
                isSuccess ? .alreadyEnded : .refused(.endedOtherwise(first))
            #expect(fresh.end(self.request(second)) == expected, "\(second) after \(first)")
            #expect(
                fresh.end(self.request(second, position: 8))
                    == .refused(
                        .wrongPlace(halfOffset: QueueOffset(3), position: PhysicalOffset(8))))
        }
    }

    @Test("an END is carried out once, also while the half message is still being read")
    mutating func inProgress() {
        #expect(self.end(self.request(.committed)) == .carryOut(.committed, self.half))
        #expect(self.end(self.request(.committed)) == .inProgress)
        #expect(self.end(self.request(.rolledBack)) == .refused(.endedOtherwise(.committed)))
        self.transactions.endFailed(self.half.offset)
        #expect(
            self.end(self.request(.rolledBack)) == .carryOut(.rolledBack, self.half),
            "nothing was appended: it is open as before")
        _ = self.transactions.ended(self.half.offset, .rolledBack)
        #expect(self.end(self.request(.rolledBack)) == .alreadyEnded)
    }

    @Test("what nobody remembers has ended if its half message is in the log")
    func forgotten() {
        let request = self.request(.committed)
        let other = self.request(.committed, group: "pay")
        #expect(self.transactions.endForgotten(request, found: self.half) == .alreadyEnded)
        #expect(
            self.transactions.endForgotten(request, found: nil)
                == .refused(.noSuchHalf(request.position)))
        #expect(
            self.transactions.endForgotten(other, found: self.half)
                == .refused(.wrongGroup(named: "pay")))
    }

    @Test("refusals have the wire's codes")
    func codes() {
        #expect(EndRefusal.notMaster.responseCode == 11)
        #expect(EndRefusal.late(age: .zero, immunity: .zero).responseCode == 604)
        #expect(EndRefusal.noSuchHalf(.zero).responseCode == 1)
        #expect(EndRefusal.endedOtherwise(.committed).responseCode == 1)
        let outcomes = [8, 12, 0, 4, -1].map { TransactionEnd.outcome(commitOrRollback: $0) }
        #expect(outcomes == [.committed, .rolledBack, nil, nil, nil])
    }

    @Test("who is not the master ends nothing")
    mutating func replica() {
        self.transactions.ceasedToBeMaster()
        #expect(self.end(self.request(.committed)) == .refused(.notMaster))
        #expect(self.transactions.advance(to: Self.now(500), confirmed: .init(9_999)) == [])
    }

    @Test("open transactions, and the groups that have some, are limited")
    func limits() throws {
        var settings = TransactionSettings()
        settings.openMax = 3
        settings.groupsMax = 2
        var limited = Transactions(settings: settings)
        func open(_ offset: Int64, _ group: String) {
            var half = self.half
            half.offset = QueueOffset(offset)
            half.producerGroup = group
            limited.opened(half, at: .zero)
        }
        #expect(throws: OpenRefusal.illegalGroup(bytes: 0)) {
            try limited.admit(producerGroup: "")
        }
        #expect(throws: OpenRefusal.illegalGroup(bytes: 256)) {
            try limited.admit(producerGroup: String(repeating: "g", count: 256))
        }
        open(1, "a")
        open(2, "b")
        try limited.admit(producerGroup: "a")
        #expect(throws: OpenRefusal.tooManyGroups(limit: 2)) {
            try limited.admit(producerGroup: "c")
        }
        open(3, "b")
        #expect(throws: OpenRefusal.tooManyOpen(limit: 3)) { try limited.admit(producerGroup: "a") }
        open(4, "c")
        #expect(limited.table.count == 4, "what is in the log counts, whatever the limits say")
        _ = limited.ended(QueueOffset(2), .committed)
        _ = limited.ended(QueueOffset(3), .committed)
        try limited.admit(producerGroup: "c")
        limited.checkInvariants()
    }

    @Test("a half message tells all about its transaction, and no other message opens one")
    func parsing() throws {
        func parse(_ topic: String, _ immunity: String?) throws -> HalfMessage? {
            var properties = MessageProperties()
            properties[PropertyName.producerGroup] = "orders"
            properties[PropertyName.checkImmunitySeconds] = immunity
            let draft = MessageDraft(
                topic: topic, queueID: 0, bornTimestamp: Timestamp(milliseconds: 1),
                bornHost: HostAddress(ip: [1, 2, 3, 4], port: 5),
                storeHost: HostAddress(ip: [1, 2, 3, 4], port: 5))
            var bytes: [UInt8] = []
            let encoded = Array(properties.encoded.utf8)
            encoded.withUnsafeBytes { properties in
                [UInt8](repeating: 7, count: 9).withUnsafeBytes { body in
                    draft.append(
                        to: &bytes, body: body, properties: properties,
                        queueOffset: QueueOffset(3), physicalOffset: PhysicalOffset(1_000),
                        storeTimestamp: Timestamp(milliseconds: 77))
                }
            }
            return try bytes.withUnsafeBytes {
                HalfMessage(try StoredMessageView($0), at: PhysicalOffset(1_000))
            }
        }
        #expect(try parse("orders", "20") == nil)
        let half = try #require(try parse(SystemTopic.half, "20"))
        #expect(half.offset == QueueOffset(3) && half.position == PhysicalOffset(1_000))
        #expect(half.producerGroup == "orders" && half.stored.milliseconds == 77)
        let texts: [(String?, UInt32?)] = [
            (nil, nil), ("20", 20), ("-1", 0), ("soon", 0), ("99999999999", .max),
        ]
        for (text, seconds) in texts {
            #expect(try parse(SystemTopic.half, text)?.immunitySeconds == seconds)
        }
    }
}
