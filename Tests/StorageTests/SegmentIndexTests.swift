import MessageFormat
import Testing

@testable import Storage

@Suite("Index files of segments")
struct SegmentIndexTests {
    private static let logID = UInt64(0xABCD)
    private static let base = PhysicalOffset(1 << 20)

    @Test("every queue's entries come back, in order", arguments: [0, 1, 63, 64, 65, 1_000])
    func roundTrip(count: Int) throws {
        let runs = Self.runs(queues: 3, entries: count)
        let reader = try Self.reader(Self.image(runs))
        #expect(reader.directory.count == 3)
        #expect(reader.header.entryCount == 3 * count)
        for run in runs {
            let places = reader.places(of: run.key)
            #expect(places.count == 1)
            let place = try #require(places.first)
            #expect(place.first == run.first)
            #expect(try reader.entries(place.ordinals) == run.entries)
            guard count > 5 else { continue }
            let ordinal = try #require(place.ordinal(of: run.first.advanced(by: 3)))
            #expect(try reader.entries(ordinal..<(ordinal + 2)) == Array(run.entries[3..<5]))
            #expect(place.ordinal(of: run.first.advanced(by: count)) == nil)
        }
    }

    @Test("a queue with missing offsets has several runs")
    func severalRuns() throws {
        let key = QueueKey(topic: "orders", queueID: 1)
        let runs = [40, 10].map { first in
            SegmentIndexRun(
                key: key, first: QueueOffset(first),
                entries: Self.entries(count: 5, from: Int(first) * 1_000))
        }
        let reader = try Self.reader(Self.image(runs))
        #expect(reader.places(of: key).map(\.first.value) == [10, 40])
        #expect(reader.places(of: QueueKey(topic: "orders", queueID: 2)).isEmpty)
        #expect(reader.places(of: QueueKey(topic: "order", queueID: 1)).isEmpty)
    }

    @Test("messages are found by queue and offset, also in a file that was made anew without some")
    func madeAnewWithoutSome() throws {
        let runs = Self.runs(queues: 3, entries: 10)
        let lost = runs[0]
        let kept = [
            SegmentIndexRun(key: lost.key, first: lost.first, entries: Array(lost.entries[..<4])),
            SegmentIndexRun(
                key: lost.key, first: lost.first.advanced(by: 6),
                entries: Array(lost.entries[6...])),
        ]
        for file in [runs, kept + runs[1...]] {
            let reader = try Self.reader(Self.image(file))
            for run in file {
                let whole = QueueStretch(of: run.key, from: run.first, count: 100)
                #expect(try reader.entries(whole) == run.entries)
                let some = QueueStretch(of: run.key, from: run.first.advanced(by: 1), count: 2)
                #expect(try reader.entries(some) == Array(run.entries[1..<3]))
                let time = run.entries[2].storeTimestamp
                let first = run.entries.firstIndex { $0.storeTimestamp >= time } ?? 0
                #expect(
                    try reader.firstOffset(in: whole, storedAtOrAfter: time)
                        == run.first.advanced(by: first))
            }
        }
        let reader = try Self.reader(Self.image(kept))
        let gone = lost.first.advanced(by: 4)
        #expect(throws: SegmentIndexError.noSuchMessage(lost.key, gone)) {
            try reader.entries(QueueStretch(of: lost.key, from: gone, count: 1))
        }
        #expect(throws: SegmentIndexError.noSuchMessage(runs[1].key, runs[1].first)) {
            try reader.entries(QueueStretch(of: runs[1].key, from: runs[1].first, count: 1))
        }
    }

    @Test("a moment leads to the first entry that was stored then or later")
    func findsByTime() throws {
        let runs = Self.runs(queues: 2, entries: 300)
        let reader = try Self.reader(Self.image(runs))
        let place = reader.directory[1]
        let entries = try reader.entries(place.ordinals)
        for milliseconds in Int64(990)...1_320 {
            let time = Timestamp(milliseconds: milliseconds)
            let expected = entries.firstIndex { $0.storeTimestamp >= time } ?? entries.count
            let found = try reader.firstOrdinal(in: place.ordinals, storedAtOrAfter: time)
            #expect(found - place.ordinals.lowerBound == expected)
        }
    }

    @Test("a key leads to its entries, a stranger to none", arguments: [1, 127, 128, 129, 2_000])
    func findsByKey(count: Int) throws {
        let run = SegmentIndexRun(
            key: QueueKey(topic: "t", queueID: 0), first: .zero,
            entries: Self.entries(count: count, from: 0))
        // Every seventh entry shares one hash, over many blocks.
        let keys = run.entries.enumerated().map { index, entry in
            SegmentIndexKey(
                hash: index % 7 == 0 ? 500_000 : UInt64(index) &* 0x9E37_79B9_7F4A_7C15,
                position: entry.position)
        }
        let reader = try Self.reader(Self.image([run], keys: keys.shuffled()))
        let shared = try reader.entries(keyHash: 500_000)
        #expect(shared == run.entries.enumerated().filter { $0.offset % 7 == 0 }.map(\.element))
        #expect(try reader.entries(keyHash: 500_000, limit: 1).count == 1)
        for index in 0..<count where index % 7 != 0 {
            #expect(try reader.entries(keyHash: keys[index].hash) == [run.entries[index]])
        }
        for hash in [0, 1, 499_999, 500_001, UInt64.max] {
            #expect(try reader.entries(keyHash: hash) == [])
        }
    }

    @Test("a key that leads nowhere is left out")
    func dropsLostKeys() throws {
        let keys = [SegmentIndexKey(hash: 1, position: PhysicalOffset(7))]
        let reader = try Self.reader(Self.image(Self.runs(queues: 1, entries: 3), keys: keys))
        #expect(reader.header.keyCount == 0)
    }

    @Test("a flipped bit in any byte is an error for who needs that byte, never a wrong answer")
    func noticesEveryFlip() throws {
        let runs = Self.runs(queues: 2, entries: 70)
        let keys = runs[0].entries.map { SegmentIndexKey(hash: 9, position: $0.position) }
        let good = Self.image(runs, keys: keys)
        for at in good.indices {
            var bad = good
            bad[at] ^= 0x20
            #expect(throws: SegmentIndexError.self, "byte \(at)") {
                let reader = try Self.reader(bad)
                for place in reader.directory { _ = try reader.entries(place.ordinals) }
                _ = try reader.entries(keyHash: 9)
            }
        }
    }

    @Test("a cut file is an error at every length")
    func noticesEveryCut() {
        let good = Self.image(Self.runs(queues: 2, entries: 70))
        for count in 0..<good.count {
            #expect(throws: SegmentIndexError.self) { try Self.reader(Array(good[..<count])) }
        }
    }

    @Test("blocks that changed places, and files of other segments and logs, are noticed")
    func noticesMisplacedParts() throws {
        let run = SegmentIndexRun(
            key: QueueKey(topic: "t", queueID: 0), first: .zero,
            entries: Self.entries(count: 192, from: 0))
        let good = Self.image([run])
        let start = good.count - 3 * (64 * 28 + 4)
        var swapped = good
        for at in 0..<(64 * 28 + 4) { swapped.swapAt(start + at, start + 64 * 28 + 4 + at) }
        let reader = try Self.reader(swapped)
        #expect(throws: SegmentIndexError.wrongChecksum(part: "entries block 0")) {
            try reader.entries(0..<1)
        }
        #expect(
            throws: SegmentIndexError.wrongSegment(found: Self.base, expected: .zero)
        ) { try Self.reader(good, base: .zero) }
        #expect(
            throws: SegmentIndexError.wrongLog(found: Self.logID, expected: 1)
        ) { try Self.reader(good, logID: 1) }
    }

    @Test("an index file is put in place whole, opened, replaced and deleted")
    func livesOnDisk() throws {
        let log = TestLog(segmentBytes: 4096)
        try log.withStore { store in
            #expect(try store.openIndex(.zero) == nil)
            let runs = Self.runs(queues: 2, entries: 100)
            let image = SegmentIndexImage.encode(
                logID: store.logID, base: .zero, end: PhysicalOffset(4096), runs: runs, keys: [])
            try store.writeIndex(.zero, image: image)
            let reader = try #require(try store.openIndex(.zero))
            #expect(reader.header.end == PhysicalOffset(4096))
            #expect(try reader.entries(0..<100) == runs[0].entries)
            #expect(try store.segments[0].hasIndex)

            try store.writeIndex(.zero, image: Array(image.dropLast()))
            #expect(throws: StorageError.self) { try store.openIndex(.zero) }
            try store.deleteIndex(.zero)
            #expect(try store.openIndex(.zero) == nil)
            // A reader outlives its file.
            #expect(try reader.entries(100..<200) == runs[1].entries)
        }
    }

    @Test("a hundred thousand messages are indexed in a moment")
    func isFastEnough() throws {
        let runs = (0..<16).map { queue in
            SegmentIndexRun(
                key: QueueKey(topic: "t", queueID: Int32(queue)), first: .zero,
                entries: Self.entries(count: 6_250, from: queue << 20))
        }
        let keys = runs.flatMap(\.entries).map {
            SegmentIndexKey(hash: UInt64($0.checksum), position: $0.position)
        }
        let started = MonotonicClock.now()
        let image = Self.image(runs, keys: keys)
        // Debug code on a busy machine; a release build takes a hundredth of it.
        #expect(MonotonicClock.now() - started < 20_000_000_000)
        let reader = try Self.reader(image)
        #expect(try reader.entries(keyHash: keys[77_777].hash).count >= 1)
    }

    private static func entries(count: Int, from position: Int) -> [IndexEntry] {
        (0..<count).map { index in
            IndexEntry(
                position: PhysicalOffset(Int64(position + index * 100)),
                size: UInt32(90 + index % 10),
                checksum: UInt32(truncatingIfNeeded: (position + index) &* 2_654_435_761),
                tagHash: Int32(index % 5) - 2,
                storeTimestamp: Timestamp(milliseconds: Int64(1_000 + index)))
        }
    }

    private static func runs(queues: Int, entries count: Int) -> [SegmentIndexRun] {
        (0..<queues).map { queue in
            SegmentIndexRun(
                key: QueueKey(topic: "topic-\(queue / 2)", queueID: Int32(queue % 2)),
                first: QueueOffset(Int64(queue * 10)),
                entries: Self.entries(count: count, from: queue * 1_000_000))
        }
    }

    private static func image(
        _ runs: [SegmentIndexRun], keys: [SegmentIndexKey] = []
    ) -> [UInt8] {
        SegmentIndexImage.encode(
            logID: Self.logID, base: Self.base, end: Self.base.advanced(by: 1_000), runs: runs,
            keys: keys)
    }

    private static func reader(
        _ bytes: [UInt8], base: PhysicalOffset = Self.base, logID: UInt64 = Self.logID
    ) throws -> SegmentIndexReader {
        try SegmentIndexReader(base: base, logID: logID, fileBytes: bytes.count) {
            (offset, buffer) throws(SegmentIndexError) in
            guard offset + buffer.count <= bytes.count else {
                throw .unreadable("behind the end")
            }
            buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
        }
    }
}
