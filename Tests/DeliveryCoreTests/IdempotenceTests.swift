import DeliveryCore
import MessageFormat
import Testing

@Suite("Idempotent producers")
struct IdempotenceTests {
    private var table = IdempotenceTable(settings: Self.settings)
    private let queue = QueueKey(topic: "orders", queueID: 2)

    private static var settings: IdempotenceSettings {
        var settings = IdempotenceSettings()
        settings.windowMax = 10
        settings.sessionsMax = 3
        settings.storedMax = 12
        return settings
    }

    init() { self.table.becameMaster(at: .zero) }

    private func stamp(_ sequence: Int64, done: Int64 = 0, _ producer: String = "p")
        -> IdempotentStamp
    {
        IdempotentStamp(producer: producer, sequence: sequence, done: done)
    }

    private func place(_ offset: Int64) -> StoredPlace {
        StoredPlace(offset: QueueOffset(offset), position: PhysicalOffset(offset * 300 + 7))
    }

    private mutating func decide(_ stamps: IdempotentStamp..., queue: QueueKey? = nil)
        -> IdempotenceDecision
    {
        self.table.decide(stamps, on: queue ?? self.queue, at: .zero)
    }

    private mutating func store(_ stamp: IdempotentStamp, at offset: Int64, now: Tick = .zero) {
        self.table.stored(stamp, on: self.queue, at: self.place(offset), now: now)
        self.table.checkInvariants()
    }

    @Test("a resend gets the first message's place; whatever is new, old or too far has its answer")
    func decisions() {
        var known = self
        for (sequence, offset) in [(3, 50), (4, 51), (6, 70)] {
            known.store(self.stamp(Int64(sequence), done: 2), at: Int64(offset))
        }
        let tooFar = { (sequence: Int64, done: Int64) -> IdempotenceDecision in
            .refused(.tooManyInFlight(sequence: sequence, done: done, windowMax: 10))
        }
        let rows: [(String, [IdempotentStamp], IdempotenceDecision)] = [
            ("next", [stamp(7, done: 2)], .new),
            ("in a gap", [stamp(5, done: 2)], .new),
            ("again", [stamp(3, done: 2)], .duplicate([place(50)])),
            ("again, out of order", [stamp(6, done: 2)], .duplicate([place(70)])),
            ("again, with an older promise", [stamp(4, done: 0)], .duplicate([place(51)])),
            ("done with", [stamp(2, done: 1)], .refused(.tooOld(sequence: 2, done: 2))),
            ("at the window's end", [stamp(12, done: 2)], .new),
            ("beyond the window", [stamp(13, done: 2)], tooFar(13, 2)),
            ("the promise moves the window", [stamp(13, done: 3)], .new),
            ("another producer", [stamp(3, done: 2, "q")], .new),
            ("a batch", [stamp(7, done: 2), stamp(8, done: 2)], .new),
            (
                "a batch again", [stamp(3, done: 2), stamp(4, done: 2)],
                .duplicate([place(50), place(51)])
            ),
            (
                "a batch put together anew", [stamp(4, done: 2), stamp(5, done: 2)],
                .refused(.partlyStored)
            ),
            (
                "a batch that begins too early", [stamp(2, done: 1), stamp(3, done: 1)],
                .refused(.tooOld(sequence: 2, done: 2))
            ),
            (
                "a batch beyond the window", [stamp(12, done: 2), stamp(13, done: 2)],
                tooFar(13, 2)
            ),
            ("a gap in a batch", [stamp(7), stamp(9)], .refused(.notInARow)),
            ("two promises", [stamp(7), stamp(8, done: 1)], .refused(.notInARow)),
            ("two producers", [stamp(7), stamp(8, "q")], .refused(.notInARow)),
            ("nothing", [], .refused(.notInARow)),
        ]
        for (name, stamps, expected) in rows {
            var fresh = known
            #expect(fresh.table.decide(stamps, on: known.queue, at: .zero) == expected, "\(name)")
        }
        #expect(known.decide(self.stamp(3), queue: QueueKey(topic: "orders", queueID: 3)) == .new)
    }

    @Test("what the producer is done with is forgotten")
    mutating func promises() {
        for sequence in 1...5 { self.store(self.stamp(Int64(sequence)), at: Int64(sequence)) }
        #expect(self.table.storedCount == 5)
        self.store(self.stamp(6, done: 4), at: 6)
        #expect(self.table.storedCount == 2)
        #expect(self.decide(self.stamp(5, done: 4)) == .duplicate([self.place(5)]))
        #expect(self.decide(self.stamp(4, done: 0)) == .refused(.tooOld(sequence: 4, done: 4)))
    }

    @Test("the first message with a number counts: a copy that is stored later changes nothing")
    mutating func copies() {
        self.store(self.stamp(1), at: 10)
        self.store(self.stamp(1), at: 99)
        #expect(self.decide(self.stamp(1)) == .duplicate([self.place(10)]))
        self.store(self.stamp(2, done: 1), at: 11)
        self.store(self.stamp(1), at: 100)
        #expect(self.table.storedCount == 1)
    }

    @Test("sessions and remembered messages are limited")
    mutating func limits() {
        for producer in ["a", "b", "c"] { self.store(self.stamp(1, producer), at: 1) }
        #expect(self.decide(self.stamp(1, "d")) == .refused(.tooManySessions(limit: 3)))
        #expect(self.decide(self.stamp(2, "c")) == .new, "known ones go on")
        for sequence in 2...10 { self.store(self.stamp(Int64(sequence), "a"), at: 9) }
        #expect(self.table.storedCount == 12)
        #expect(self.decide(self.stamp(2, "c")) == .refused(.tooManyStored(limit: 12)))
        #expect(self.decide(self.stamp(1, "c")) == .duplicate([self.place(1)]))
    }

    @Test("a log with more than the window holds costs no more than the window")
    mutating func hugeWindow() {
        for sequence in 1...100 { self.store(self.stamp(Int64(sequence)), at: Int64(sequence)) }
        #expect(self.table.storedCount == 10)
    }

    @Test("a session is forgotten when it was silent for an hour, never before")
    mutating func silence() throws {
        self.store(self.stamp(1, "a"), at: 1)
        self.store(self.stamp(1, "b"), at: 2)
        self.store(self.stamp(1, "c"), at: 3)
        let hour = 3600
        self.store(self.stamp(2, "b"), at: 4, now: Tick(.seconds(hour - 1)))
        _ = self.table.decide([self.stamp(1, "c")], on: self.queue, at: Tick(.seconds(hour - 1)))
        #expect(self.table.advance(to: Tick(.seconds(hour - 1))) == [])
        let before = self.table
        let records = self.table.advance(to: Tick(.seconds(hour)))
        #expect(records.count == 1)
        #expect(self.table.sessionCount == 2, "b stored something, c sent something again")
        #expect(self.decide(self.stamp(1, "b")) == .duplicate([self.place(2)]))
        #expect(self.table.advance(to: Tick(.seconds(hour + 1))) == [])
        var replica = before
        for record in records { try replica.take(record) }
        #expect(replica == self.table)
        #expect(self.table.advance(to: Tick(.seconds(3 * hour))).count == 1)
        #expect(self.table.sessionCount == 0 && self.table.storedCount == 0)
        self.table.checkInvariants()
    }

    @Test("silence begins anew under a new master, and only masters forget")
    mutating func promotion() {
        self.store(self.stamp(1), at: 1)
        self.table.ceasedToBeMaster()
        #expect(self.table.advance(to: Tick(.seconds(100_000))) == [])
        self.table.becameMaster(at: Tick(.seconds(50)))
        #expect(self.table.advance(to: Tick(.seconds(3649))) == [])
        #expect(self.table.advance(to: Tick(.seconds(3650))).count == 1)
    }

    @Test("forgetting many takes many short turns")
    func manySilent() {
        var table = IdempotenceTable()
        table.becameMaster(at: .zero)
        for number in 0..<1_200 {
            table.stored(self.stamp(1, "p\(number)"), on: self.queue, at: self.place(1), now: .zero)
        }
        for left in [700, 200, 0] {
            let records = table.advance(to: Tick(.seconds(9_999)))
            #expect(records.allSatisfy { $0.payload.count <= 256 * 1024 })
            #expect(table.sessionCount == left)
            table.checkInvariants()
        }
    }

    @Test("with its topic goes what was stored there")
    mutating func deletedTopics() {
        self.store(self.stamp(1), at: 1)
        let other = QueueKey(topic: "pay", queueID: 0)
        self.table.stored(self.stamp(1), on: other, at: self.place(5), now: .zero)
        self.table.removeTopic("orders")
        self.table.checkInvariants()
        #expect(self.decide(self.stamp(1)) == .new)
        #expect(self.decide(self.stamp(1), queue: other) == .duplicate([self.place(5)]))
        for round in 0..<300 {
            self.store(self.stamp(1), at: Int64(round))
            self.table.removeTopic("orders")
        }
        self.table.checkInvariants()
    }

    @Test("a stamp is read from the properties; without the promise there is none")
    func reading() {
        func read(_ pairs: (String, String)...) -> IdempotentStamp.Reading {
            let text = pairs.map { "\($0.0)\u{1}\($0.1)" }.joined(separator: "\u{2}")
            return Array(text.utf8).withUnsafeBytes { IdempotentStamp.read($0) }
        }
        func isIllegal(_ reading: IdempotentStamp.Reading) -> Bool {
            if case .illegal = reading { true } else { false }
        }
        let producer = ("APUS_SEQ_PRODUCER", "p")
        let done = ("APUS_SEQ_DONE", "4")
        #expect(read() == .none)
        #expect(read(("KEYS", "k"), producer, ("APUS_SEQ", "5")) == .none)
        let stamp = IdempotentStamp.Reading.stamp(self.stamp(5, done: 4))
        #expect(read(("A", "b"), producer, ("APUS_SEQ", "5"), done, ("TAGS", "t")) == stamp)
        #expect(read(done, ("APUS_SEQ", "5/9"), producer) == stamp, "a retry names the highest")
        #expect(read(("APUS_SEQ", "77"), done, ("APUS_SEQ", "5"), producer) == stamp, "last wins")
        #expect(isIllegal(read(done)))
        #expect(isIllegal(read(producer, done)))
        #expect(isIllegal(read(("APUS_SEQ", "5"), done)))
        for text in ["0", "-1", "4", "x", "", "/", "9223372036854775807", "5000000000000000000"] {
            #expect(isIllegal(read(producer, ("APUS_SEQ", text), done)), "\(text)")
        }
        for text in ["5", "6", "-1", "x"] {
            #expect(
                isIllegal(read(producer, ("APUS_SEQ", "5"), ("APUS_SEQ_DONE", text))), "\(text)")
        }
        let long = String(repeating: "p", count: 65)
        #expect(isIllegal(read(("APUS_SEQ_PRODUCER", long), ("APUS_SEQ", "5"), done)))
    }

    @Test("numbers belong to the queue that the producer named, wherever the message waits")
    func realQueues() {
        var properties = MessageProperties()
        properties[PropertyName.realTopic] = "orders"
        properties[PropertyName.realQueueID] = "2"
        for topic in [SystemTopic.half, SystemTopic.schedule] {
            #expect(
                IdempotentStamp.queue(storedIn: topic, queueID: 0, properties: properties)
                    == self.queue)
        }
        #expect(
            IdempotentStamp.queue(storedIn: "pay", queueID: 1, properties: properties)
                == QueueKey(topic: "pay", queueID: 1), "anybody may write that property")
        #expect(
            IdempotentStamp.queue(
                storedIn: SystemTopic.half, queueID: 0, properties: MessageProperties())
                == QueueKey(topic: SystemTopic.half, queueID: 0))
    }
}

extension IdempotenceTable {
    fileprivate mutating func take(_ record: StateRecord) throws {
        #expect(
            try record.payload.withUnsafeBytes { try self.apply(kind: record.kind, payload: $0) })
    }
}
