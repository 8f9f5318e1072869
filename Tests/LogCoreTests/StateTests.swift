import LogCore
import MessageFormat
import Testing

@Suite("Snapshots, keys and retention")
struct StateTests {
    @Test("a snapshot brings every queue's end and floor to a fresh table")
    func queueSnapshot() throws {
        var table = QueueTable()
        for number in 0..<10_000 {
            let queue = table.findOrMake(
                QueueKey(topic: "T\(number % 100)", queueID: Int32(number)))
            for _ in 0..<(number % 3) { _ = table[queue].assign() }
        }
        _ = table.clear(topic: "T2")
        var restored = QueueTable()
        for record in QueueSnapshot.records(of: table) {
            try record.payload.withUnsafeBytes { try QueueSnapshot.apply($0, to: &restored) }
        }
        #expect(restored.count == table.count)
        for queue in table.all {
            let twin = try #require(restored.queue(queue.key))
            #expect(twin.assignedEnd == queue.assignedEnd)
            #expect(twin.floor == queue.floor)
        }
    }

    @Test("a snapshot cut anywhere is an error, never a trap")
    func truncatedSnapshot() throws {
        var table = QueueTable()
        _ = table.findOrMake(QueueKey(topic: "Topic", queueID: 3))
        let payload = QueueSnapshot.records(of: table)[0].payload
        for count in 0..<payload.count {
            var restored = QueueTable()
            #expect(throws: QueueSnapshot.DecodingError.self) {
                try payload[..<count].withUnsafeBytes {
                    try QueueSnapshot.apply($0, to: &restored)
                }
            }
        }
    }

    @Test("properties are found in one pass, whatever their order and however they end")
    func messageKeys() {
        let text = "A\u{1}1\u{2}KEYS\u{1}k1 k2\u{2}TAGS\u{1}TagA\u{2}UNIQ_KEY\u{1}u"
        Array(text.utf8).withUnsafeBytes { bytes in
            let keys = MessageKeys(bytes)
            #expect(keys.tagHash == 2_598_919)
            #expect(
                keys.hashes(topic: "T") == [
                    KeyIndex.hash(topic: "T", key: "u"), KeyIndex.hash(topic: "T", key: "k1"),
                    KeyIndex.hash(topic: "T", key: "k2"),
                ])
        }
    }

    @Test("of thousands of keys a few are filed: each costs more than its message")
    func tooManyKeys() {
        let words = (0..<5_000).map(String.init)
        let text = "KEYS\u{1}\(words.joined(separator: " "))\u{2}UNIQ_KEY\u{1}u\u{2}"
        Array(text.utf8).withUnsafeBytes { bytes in
            let hashes = MessageKeys(bytes).hashes(topic: "T")
            #expect(
                hashes
                    == (["u"] + words.prefix(MessageKeys.wordsMax)).map {
                        KeyIndex.hash(topic: "T", key: $0)
                    })
        }
    }

    @Test(
        "only a sealed segment goes, when it is old or the disk is full",
        arguments: [
            (SegmentMap.State.sealed, 73.0, 0.1, true), (.sealed, 71.0, 0.1, false),
            (.sealed, 1.0, 0.9, true), (.active, 100.0, 0.9, false),
            (.sealing, 100.0, 0.9, false),
        ])
    func retention(state: SegmentMap.State, hours: Double, used: Double, goes: Bool) {
        let segment = SegmentMap.Segment(
            base: .zero, state: state, youngest: Timestamp(milliseconds: 0), snapshotEnd: .zero)
        let now = Timestamp(milliseconds: Int64(hours * 3_600_000))
        #expect(Retention().mayDelete(segment, at: now, diskUsedRatio: used) == goes)
    }

    @Test("where a segment's last batch ended is known once the log has left it")
    func segmentEnds() {
        var map = SegmentMap()
        map.left(at: .zero)
        for base in [Int64(0), 100] {
            map.append(
                .init(
                    base: PhysicalOffset(base), state: .active,
                    youngest: Timestamp(milliseconds: 0), snapshotEnd: PhysicalOffset(base + 10)))
            if base == 0 { map.left(at: PhysicalOffset(80)) }
        }
        #expect(map.end(of: .zero) == PhysicalOffset(80))
        #expect(map.end(of: PhysicalOffset(100)) == nil)
        #expect(map.end(of: PhysicalOffset(200)) == nil)
    }

    @Test("segments are sealed one after the other, and not before the next snapshot is durable")
    func sealingOrder() {
        var map = SegmentMap()
        for (base, state) in [
            (0, SegmentMap.State.sealed), (100, .active), (200, .active), (300, .active),
        ] {
            map.append(
                .init(
                    base: PhysicalOffset(Int64(base)), state: state,
                    youngest: Timestamp(milliseconds: 0),
                    snapshotEnd: PhysicalOffset(Int64(base + 10))))
        }
        #expect(map.nextToSeal(durable: PhysicalOffset(209)) == nil)
        #expect(map.nextToSeal(durable: PhysicalOffset(210)) == PhysicalOffset(100))
        map.setState(.sealing, of: PhysicalOffset(100))
        #expect(map.nextToSeal(durable: PhysicalOffset(400)) == nil)
        map.setState(.active, of: PhysicalOffset(100))
        #expect(map.nextToSeal(durable: PhysicalOffset(400)) == PhysicalOffset(100))
        map.setState(.sealed, of: PhysicalOffset(100))
        #expect(map.nextToSeal(durable: PhysicalOffset(400)) == PhysicalOffset(200))
        map.setState(.sealed, of: PhysicalOffset(200))
        #expect(map.nextToSeal(durable: PhysicalOffset(400)) == nil)
    }
}
