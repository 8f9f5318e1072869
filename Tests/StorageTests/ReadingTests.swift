import MessageFormat
import Testing

@testable import Storage

@Suite("Reading messages")
struct ReadingTests {
    private let log = TestLog()

    @Test("messages come one behind the other, whatever lies between them on disk")
    func readsSeveral() throws {
        try self.log.fill([3_000, 3_000])
        try self.log.withStore { store in
            let entries = try Self.entries(
                in: store, [(100, 50), (150, 70), (220, 10), (4_000, 99)])
            let (read, bytes) = Self.read(entries, from: store)
            #expect(read.count == 4)
            #expect(read.bytes == 229)
            #expect(read.damage == nil)
            var expected: [UInt8] = []
            for entry in entries {
                expected += try store.bytes(at: entry.position, count: Int(entry.size))
            }
            #expect(bytes == expected)
        }
    }

    @Test("a damaged message is named, and those before it are good", arguments: 0..<4)
    func stopsAtDamage(damaged: Int) throws {
        try self.log.fill([3_000, 3_000])
        try self.log.withStore { store in
            var entries = try Self.entries(
                in: store, [(100, 50), (150, 70), (220, 10), (4_000, 99)])
            let good = entries[damaged].checksum
            entries[damaged].checksum ^= 1
            let (read, _) = Self.read(entries, from: store)
            #expect(read.count == damaged)
            #expect(read.bytes == entries.prefix(damaged).reduce(0) { $0 + Int($1.size) })
            #expect(
                read.damage
                    == MessageDamage(
                        entry: entries[damaged],
                        cause: .checksum(expected: entries[damaged].checksum, found: good)))
        }
    }

    @Test(
        "a whole message of another place is not served",
        arguments: [("T", Int32(0), Int64(3)), ("T", 1, 7), ("U", 0, 7), ("T", 0, 12)])
    func refusesAnotherMessage(topic: String, queueID: Int32, offset: Int64) throws {
        let expected = QueueKey(topic: "T", queueID: 0)
        var entries: [IndexEntry] = []
        var bytes: [UInt8] = []
        for (key, offset) in [
            (expected, Int64(5)), (expected, 6),
            (QueueKey(topic: topic, queueID: queueID), offset), (expected, 8),
        ] {
            let start = bytes.count
            Self.append(key, offset, to: &bytes)
            entries.append(Self.entry(of: bytes[start...], at: start))
        }
        try self.log.fill([bytes.count])
        try self.log.replaceSegment(with: bytes)
        try self.log.withStore { store in
            var buffer = [UInt8](repeating: 0, count: bytes.count)
            let stretch = QueueStretch(of: expected, from: QueueOffset(5), count: 5)
            let read = buffer.withUnsafeMutableBytes {
                store.readMessages(entries, of: stretch, into: $0)
            }
            #expect(read.count == 2)
            #expect(read.bytes == Int(entries[0].size + entries[1].size))
            #expect(read.damage == MessageDamage(entry: entries[2], cause: .anotherMessage))
            entries.remove(at: 2)
            let rest = buffer.withUnsafeMutableBytes {
                store.readMessages(entries, of: stretch, into: $0)
            }
            #expect(rest.damage == nil)
            #expect(rest.count == 3)
        }
    }

    private static func append(_ key: QueueKey, _ offset: Int64, to bytes: inout [UInt8]) {
        let draft = MessageDraft(
            topic: key.topic, queueID: key.queueID, bornTimestamp: Timestamp(milliseconds: 1),
            bornHost: .unknown, storeHost: .unknown)
        let position = PhysicalOffset(Int64(bytes.count))
        [UInt8]("body".utf8).withUnsafeBytes { body in
            draft.append(
                to: &bytes, body: body, properties: UnsafeRawBufferPointer(start: nil, count: 0),
                queueOffset: QueueOffset(offset), physicalOffset: position,
                storeTimestamp: Timestamp(milliseconds: 1))
        }
    }

    private static func entry(of bytes: ArraySlice<UInt8>, at position: Int) -> IndexEntry {
        IndexEntry(
            position: PhysicalOffset(Int64(position)), size: UInt32(bytes.count),
            checksum: Array(bytes).withUnsafeBytes { Checksum.crc32c($0) }, tagHash: 0,
            storeTimestamp: Timestamp(milliseconds: 1))
    }

    @Test("a bit that flipped on disk is noticed wherever it is")
    func noticesFlips() throws {
        try self.log.fill([200])
        let good = try self.log.segmentBytes()
        let store = try self.log.open()
        let entry = try Self.entries(in: store, [(60, 40)])[0]
        for at in 60..<100 {
            var bad = good
            bad[at] ^= 0x80
            try self.log.replaceSegment(with: bad)
            store.openSegments.removeAll()
            #expect(throws: MessageDamage.self, "byte \(at)") { try store.readMessage(entry) }
        }
        try self.log.replaceSegment(with: good)
        store.openSegments.removeAll()
        #expect(try store.readMessage(entry).count == 40)
        store.close()
    }

    @Test("a file that became shorter costs only what it lost")
    func survivesAShortFile() throws {
        try self.log.fill([1_000])
        let store = try self.log.open()
        let entries = try Self.entries(in: store, [(100, 100), (200, 100), (300, 100)])
        try self.log.replaceSegment(with: Array(try self.log.segmentBytes().prefix(350)))
        store.openSegments.removeAll()
        let (read, _) = Self.read(entries, from: store)
        #expect(read.count == 2)
        #expect(read.damage?.entry == entries[2])
        store.close()
    }

    @Test("an entry from nowhere is an error, not a crash")
    func refusesNonsense() throws {
        let store = try self.log.open()
        for (position, size) in [
            (Int64(-16), UInt32(10)), (65_530, 10), (0, 0), (0, .max), (.max, 1), (1 << 40, 100),
        ] {
            let entry = IndexEntry(
                position: PhysicalOffset(position), size: size, checksum: 0, tagHash: 0,
                storeTimestamp: Timestamp(milliseconds: 0))
            #expect(throws: MessageDamage.self) { try store.readMessage(entry) }
        }
        store.close()
    }

    @Test("no more than the allowed number of segments is open at once")
    func boundsOpenFiles() throws {
        var log = TestLog(segmentBytes: 4096)
        log.options.openSegmentsMax = 3
        let store = try log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        for number in 0..<10 {
            let base = PhysicalOffset(Int64(number * 4096))
            try write([100], from: base, with: writer, logID: store.logID)
        }
        writer.stop()
        for round in 0..<3 {
            for number in 0..<10 {
                let base = PhysicalOffset(Int64(number * 4096))
                let bytes = try store.bytes(at: base.advanced(by: round), count: 8)
                #expect(bytes.count == 8)
                #expect(store.openSegments.count <= 3)
            }
        }
        store.close()
    }

    private static func entries(
        in store: LogStore, _ ranges: [(at: Int, count: Int)]
    ) throws -> [IndexEntry] {
        try ranges.map { range in
            let position = PhysicalOffset(Int64(range.at))
            let bytes = try store.bytes(at: position, count: range.count)
            return IndexEntry(
                position: position, size: UInt32(range.count),
                checksum: bytes.withUnsafeBytes { Checksum.crc32c($0) }, tagHash: 0,
                storeTimestamp: Timestamp(milliseconds: 0))
        }
    }

    private static func read(
        _ entries: [IndexEntry], from store: LogStore
    ) -> (MessagesRead, [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: entries.reduce(0) { $0 + Int($1.size) })
        let read = bytes.withUnsafeMutableBytes { store.readMessages(entries, into: $0) }
        return (read, bytes)
    }
}
