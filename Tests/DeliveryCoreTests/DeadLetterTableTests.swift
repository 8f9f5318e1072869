import DeliveryCore
import MessageFormat
import Testing

@Suite("What became of dead letters")
struct DeadLetterTableTests {
    private let queue = QueueKey(topic: "%DLQ%G", queueID: 0)
    private let now = Timestamp(milliseconds: 1_700_000_000_000)

    private func apply(_ records: [StateRecord], to table: inout DeadLetterTable) throws {
        for record in records {
            let isKnown = try record.payload.withUnsafeBytes {
                try table.apply(kind: record.kind, payload: $0)
            }
            #expect(isKnown)
            table.checkInvariants()
        }
    }

    private func replay(
        _ offset: Int64, from first: Int64 = 0, in table: inout DeadLetterTable
    ) throws {
        try self.apply(
            [
                DeadLetterTable.recordOfReplay(
                    of: QueueOffset(offset), in: self.queue, from: QueueOffset(first), at: self.now)
            ], to: &table)
    }

    @Test("a letter that was sent again waits no more, however often the record is applied")
    func replays() throws {
        var table = DeadLetterTable()
        for offset in [3, 5, 4, 4, 0] as [Int64] { try self.replay(offset, in: &table) }
        let marks = table.marks(of: self.queue)
        #expect(
            marks.replayed == [QueueOffset(0)..<QueueOffset(1), QueueOffset(3)..<QueueOffset(6)])
        #expect(marks.replayedCount == 4)
        #expect(marks.replayedAt == self.now)
        #expect(marks.waiting(in: .zero..<QueueOffset(10)) == 6)
        #expect(marks.waiting(in: QueueOffset(4)..<QueueOffset(7)) == 1)
    }

    @Test("what is purged, or gone from the log, waits no more and needs no marks")
    func purges() throws {
        var table = DeadLetterTable()
        for offset in [1, 2, 6] as [Int64] { try self.replay(offset, in: &table) }
        try self.apply(
            [DeadLetterTable.recordOfPurge(of: self.queue, below: QueueOffset(2), at: self.now)],
            to: &table)
        var marks = table.marks(of: self.queue)
        #expect(marks.waiting(in: .zero..<QueueOffset(10)) == 6)
        #expect(marks.purgedAt == self.now)
        try self.replay(8, from: 7, in: &table)
        marks = table.marks(of: self.queue)
        #expect(marks.replayed == [QueueOffset(8)..<QueueOffset(9)])
        #expect(marks.replayedCount == 4)
        #expect(marks.waiting(in: QueueOffset(7)..<QueueOffset(10)) == 2)
    }

    @Test("separate stretches are bounded")
    func bounded() throws {
        var table = DeadLetterTable()
        for number in 0..<Int64(DeadLetterMarks.stretchesMax) {
            try self.replay(number * 2, in: &table)
        }
        let marks = table.marks(of: self.queue)
        #expect(!marks.hasRoom(for: QueueOffset(1 << 40)))
        #expect(marks.hasRoom(for: QueueOffset(1)))
        #expect(table.snapshotRecords().allSatisfy { $0.payload.count <= 256 * 1024 })
    }

    @Test("it agrees with a set of offsets, and with its own snapshot", arguments: 1...8)
    func model(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var table = DeadLetterTable()
        var model: Set<Int64> = []
        var floor: Int64 = 0
        for _ in 0..<200 {
            if Int.random(in: 0..<20, using: &random) == 0 {
                floor += Int64.random(in: 0..<6, using: &random)
                try self.apply(
                    [
                        DeadLetterTable.recordOfPurge(
                            of: self.queue, below: QueueOffset(floor), at: self.now)
                    ], to: &table)
            } else {
                let offset = Int64.random(in: 0..<60, using: &random)
                try self.replay(offset, in: &table)
                if offset >= floor { model.insert(offset) }
            }
            model = model.filter { $0 >= floor }
            let marks = table.marks(of: self.queue)
            let waiting = (0..<Int64(60)).filter { $0 >= floor && !model.contains($0) }
            #expect(marks.waiting(in: .zero..<QueueOffset(60)) == waiting.count)
            #expect((0..<60).allSatisfy { marks.isReplayed(QueueOffset($0)) == model.contains($0) })
            var copy = DeadLetterTable()
            try self.apply(table.snapshotRecords(), to: &copy)
            #expect(copy.marks(of: self.queue) == marks)
        }
    }

    @Test("spoilt records change nothing")
    func spoilt() throws {
        var table = DeadLetterTable()
        try self.replay(7, in: &table)
        let before = table.marks(of: self.queue)
        for record in table.snapshotRecords() {
            for length in 0..<record.payload.count {
                #expect(throws: StateRecordError.self) {
                    try record.payload.prefix(length).withUnsafeBytes {
                        _ = try table.apply(kind: record.kind, payload: $0)
                    }
                }
            }
        }
        #expect(table.marks(of: self.queue) == before)
    }
}

@Suite("A dead letter as it is sent again")
struct DeadLetterReplayTests {
    @Test("with its producer's properties, without what retries left, under its first id")
    func properties() throws {
        var letter = MessageProperties()
        for (name, value) in [
            ("KEYS", "k1 k2"), ("TAGS", "paid"), ("UNIQ_KEY", "U1"), ("colour", "red"),
            ("RETRY_TOPIC", "%RETRY%G"), ("ORIGIN_MESSAGE_ID", "ID1"), ("DELAY", "18"),
            ("RECONSUME_TIME", "16"), ("MAX_RECONSUME_TIMES", "16"), ("WAIT", "false"),
            ("REAL_TOPIC", "%RETRY%G"), ("REAL_QID", "0"), ("TIMER_OUT_MS", "1"),
            ("APUS_SEQ", "7"), ("APUS_SEQ_PRODUCER", "s"), ("APUS_SEQ_DECIDED", "6"),
            ("APUS_DLQ_ATTEMPTS", "17"), ("APUS_DLQ_TIME", "5"),
            ("APUS_DLQ_ORIGIN_TOPIC", "orders"), ("APUS_DLQ_ERROR", "no luck"),
        ] { letter[name] = value }
        let replay = try #require(
            DeadLetterReplay(letter, messageID: "own", at: Timestamp(milliseconds: 99)))
        #expect(replay.topic == "orders")
        let kept = Dictionary(uniqueKeysWithValues: replay.properties.pairs.map { ($0, $1) })
        #expect(
            kept == [
                "KEYS": "k1 k2", "TAGS": "paid", "UNIQ_KEY": "U1", "colour": "red",
                "ORIGIN_MESSAGE_ID": "ID1", "APUS_DLQ_REPLAYED_AT": "99",
            ])
    }

    @Test("one that another server let die says it in other words, or not at all")
    func foreign() {
        var letter = MessageProperties()
        letter["DLQ_ORIGIN_TOPIC"] = "orders"
        let now = Timestamp(milliseconds: 99)
        let replay = DeadLetterReplay(letter, messageID: "own", at: now)
        #expect(replay?.topic == "orders")
        #expect(replay?.properties["ORIGIN_MESSAGE_ID"] == "own")
        #expect(DeadLetterReplay(MessageProperties(), messageID: "own", at: now) == nil)
    }
}
