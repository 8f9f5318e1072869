import Foundation
import MessageFormat
import Testing

@testable import Storage

/// Method: one of each file, one damage at a time.
@Suite("Verifying a stopped broker's directory")
struct StoreCheckTests {
    private let store: WholeStore

    init() throws { self.store = try WholeStore() }

    @Test("an undamaged directory is sound, and its contents are told")
    func sound() throws {
        let report = try self.store.check(messagesMin: self.store.messages)
        #expect(report.damages == [])
        #expect(report.notes == [])
        let log = try #require(report.log)
        #expect(log.logID == self.store.logID)
        #expect(log.start == .zero)
        #expect(log.end == self.store.end)
        #expect(log.tail == .clean)
        #expect(log.segments.map(\.state) == [.sealed, .sealed, .active, .spare])
        #expect(log.segments.map(\.hasIndex) == [true, true, false, false])
        #expect(log.batches == 21 + 21 + 9)
        #expect(log.messages == 96)
        #expect(log.epochs == [EpochStart(epoch: Epoch(3), start: .zero)])
        #expect(log.queues.map(\.key.queueID) == [0, 1])
        #expect(log.queues.map(\.messages) == [48, 48])
        #expect(log.queues.map(\.end.value) == [48, 48])
        #expect(log.confirmed == self.store.end)
    }

    @Test("a directory that a server uses is refused, and one that is no store")
    func refused() throws {
        try self.store.log.withStore { _ in
            _ = #expect(throws: StoreCheckFailure.self) { try self.store.check() }
        }
        let empty = TemporaryDirectory()
        #expect(throws: StoreCheckFailure.notAStore(empty.path)) {
            try StoreCheck(empty.path, rules: WholeStore.rules)
        }
        #expect(try self.store.check().isSound, "nothing was changed")
    }

    @Test("every bit of every file matters, or is told to be harmless")
    func bits() throws {
        // A byte of each part: headers, messages, padding, space behind the last batch.
        let spots = [
            (WholeStore.segment(0), 5), (WholeStore.segment(0), 100),
            (WholeStore.segment(1), 3_000),
            (WholeStore.segment(1), 8_190), (WholeStore.segment(2), 30), (WholeStore.index(0), 20),
            (WholeStore.index(0), 80), (WholeStore.index(1), 200), (WholeStore.index(1), 1_290),
            ("log-identity", 9), ("log-identity", 20), ("confirmed", 17), ("identity", 1),
        ]
        for (file, offset) in spots {
            let store = try WholeStore()
            try store.change(file) { $0[offset] ^= 0x10 }
            let report = try store.check()
            #expect(report.damages.contains { $0.file == file }, "\(file) at \(offset)")
        }
    }

    @Test("padding between batches is no message's, and is looked at")
    func padding() throws {
        // The snapshot's batch has 84 bytes, and the next one begins at 96.
        let end = try #require(self.store.batches[1]?.dropFirst().first)
        try self.store.change(WholeStore.segment(1)) { $0[end - 1] ^= 1 }
        let damage = try #require(try self.store.check().damages.first)
        #expect(damage.what.contains("not zero"))
        #expect(damage.means.contains("nothing is lost"))
    }

    @Test("a batch that rotted in a full segment is named with the messages that are gone")
    func rottenBatch() throws {
        let at = try #require(self.store.batches[0]?[4])
        try self.store.change(WholeStore.segment(0)) { $0[at + 60] ^= 1 }
        let report = try self.store.check()
        let first = try #require(report.damages.first)
        #expect(first.file == WholeStore.segment(0))
        #expect(first.offset == Int64(at))
        #expect(first.what.contains("wrongChecksum"))
        let missing = report.damages.dropFirst().map(\.what)
        #expect(missing.count == 2, "one message of each queue")
        #expect(missing.allSatisfy { $0.contains("offsets 3 to 3") })
        #expect(report.log?.messages == 94)
    }

    @Test("zeroes in place of batches are damage, in the middle and at the end of a full segment")
    func zeroes() throws {
        let starts = self.store.batches[1] ?? []
        for range in [starts[5]..<starts[8], starts[18]..<WholeStore.segmentBytes] {
            let store = try WholeStore()
            try store.change(WholeStore.segment(1)) { bytes in
                for at in range where at < bytes.count { bytes[at] = 0 }
            }
            let report = try store.check()
            #expect(report.damages.first?.offset == Int64(range.lowerBound))
            #expect(report.damages.first?.file == WholeStore.segment(1))
        }
    }

    @Test(
        "without its index file a full segment that lost its last batches is told by what follows")
    func lostEnd() throws {
        let starts = self.store.batches[1] ?? []
        try self.store.change(WholeStore.segment(1)) { $0.removeLast($0.count - starts[18]) }
        try self.store.delete(WholeStore.index(1))
        let report = try self.store.check()
        #expect(report.damages.map(\.file) == [WholeStore.segment(2), WholeStore.segment(2)])
        #expect(report.damages.allSatisfy { $0.what.contains("3 messages of orders/") })
    }

    @Test(
        "files that became shorter are told", arguments: ["log-identity", "confirmed", "identity"])
    func shortFiles(name: String) throws {
        try self.store.change(name) { $0.removeLast() }
        #expect(try self.store.check().damages.map(\.file) == [name])
    }

    @Test("a segment and an index file that became shorter are told")
    func shorterLog() throws {
        let at = try #require(self.store.batches[0]?[10])
        try self.store.change(WholeStore.segment(0)) { $0.removeLast($0.count - at - 20) }
        try self.store.change(WholeStore.index(1)) { $0.removeLast(10) }
        let files = try self.store.check().damages.map(\.file)
        #expect(files.contains(WholeStore.segment(0)))
        #expect(files.contains(WholeStore.index(1)))
    }

    @Test("files that are gone are told, with what that means")
    func gone() throws {
        for (file, means) in [
            (WholeStore.segment(0), "the broker does not start"),
            (WholeStore.segment(1), "the broker does not start"),
            (WholeStore.index(0), "nothing is lost"), ("log-identity", "the broker does not start"),
        ] {
            let store = try WholeStore()
            try store.delete(file)
            let damage = try store.check().damages.first { $0.file == file }
            #expect(damage?.what == "the file is missing")
            #expect(damage?.means.contains(means) == true, "\(file): \(damage?.means ?? "-")")
        }
    }

    @Test("the youngest full segment's index file may not be there yet: that is no damage")
    func youngestIndex() throws {
        try self.store.delete(WholeStore.index(1))
        let report = try self.store.check()
        #expect(report.isSound)
        #expect(report.notes.first?.contains(WholeStore.index(1)) == true)
    }

    @Test("the segment that was written last being gone is told by what was confirmed")
    func lastSegmentGone() throws {
        try self.store.delete(WholeStore.segment(3))
        try self.store.delete(WholeStore.segment(2))
        let report = try self.store.check()
        #expect(report.damages.contains { $0.what.contains("known to be confirmed") })
    }

    @Test("a broker that is alone does not start when its log ends before what it wrote down")
    func lastSegmentOfLoneBrokerGone() throws {
        try self.store.log.withStore { store in
            try store.writeCheckpoint(
                LogCheckpoint(
                    logID: store.logID, confirmed: self.store.end, masterEpoch: Epoch(0)))
        }
        #expect(try self.store.check().log?.confirmed == self.store.end)
        try self.store.delete(WholeStore.segment(3))
        try self.store.delete(WholeStore.segment(2))
        let damage = try #require(try self.store.check().damages.first)
        #expect(damage.what.contains("known to be confirmed up to \(self.store.end.bytes)"))
        #expect(damage.means.contains("the broker does not start"))
    }

    @Test("without its oldest segment and that one's index file a log looks shortened, and says so")
    func oldestGone() throws {
        try self.store.delete(WholeStore.segment(0))
        try self.store.delete(WholeStore.index(0))
        let report = try self.store.check()
        #expect(report.isSound)
        #expect(report.log?.start.bytes == Int64(WholeStore.segmentBytes))
        #expect(
            report.notes == [
                "the log begins at \(WholeStore.segmentBytes): what was before it got old, or is lost"
            ])
        #expect(try !self.store.check(messagesMin: self.store.messages).isSound)
    }

    @Test("a torn last write is no damage, unless it was confirmed")
    func torn() throws {
        let at = try #require(self.store.batches[2]?.last)
        try self.store.change(WholeStore.segment(2)) { bytes in
            for torn in (at + 60)..<bytes.count { bytes[torn] = 0 }
        }
        let confirmed = try self.store.check()
        #expect(confirmed.damages.map(\.file) == ["commitlog"])
        try self.store.delete("confirmed")
        let report = try self.store.check()
        #expect(report.isSound)
        guard case .torn(let position, _) = report.log?.tail else {
            Issue.record("\(String(describing: report.log?.tail))")
            return
        }
        #expect(position.bytes == Int64(2 * WholeStore.segmentBytes + at))
    }

    @Test("an index file that names other messages than its segment holds is told")
    func otherIndex() throws {
        try self.store.log.withStore { store in
            let reader = try #require(try store.openIndex(.zero))
            var entries = try reader.entries(0..<20)
            entries[3].checksum ^= 1
            let runs = [
                SegmentIndexRun(
                    key: QueueKey(topic: "orders", queueID: 0), first: .zero, entries: entries),
                SegmentIndexRun(
                    key: QueueKey(topic: "orders", queueID: 1), first: .zero,
                    entries: try reader.entries(20..<40)),
            ]
            let image = SegmentIndexImage.encode(
                logID: store.logID, base: .zero, end: reader.header.end, runs: runs, keys: [])
            try store.writeIndex(.zero, image: image)
        }
        let damage = try #require(try self.store.check().damages.first)
        #expect(damage.file == WholeStore.index(0))
        #expect(damage.what.contains("other messages"))
    }

    @Test("what must be there and is not is told like damage")
    func bounds() throws {
        var acknowledged = AcknowledgedMessages()
        for line in ["# acked", "", "orders 0 47", "orders 1 48", "id-1-3", "id-1-300"] {
            let isUnderstood = acknowledged.add(line: line[...])
            #expect(isUnderstood)
        }
        let isUnderstood = acknowledged.add(line: "orders 1")
        #expect(!isUnderstood)
        #expect(acknowledged.count == 4)
        let report = try self.store.check(acknowledged, messagesMin: 97)
        #expect(
            report.damages.map(\.what) == [
                "96 messages, at least 97 were expected",
                "the message at offset 48 of orders/1 is not in the log",
                "the message with the id id-1-300 is not in the log",
            ])
    }
}

@Suite("Verifying a stopped controller's directory")
struct RaftCheckTests {
    private let log = TestRaftLog()

    init() throws {
        let entries = (1...9).map { StoredRaftEntry(index: $0, term: 2, content: [1, 2, 3]) }
        try self.log.persist(
            RaftBatch(hardState: StoredHardState(term: 2, vote: "n1")),
            RaftBatch(entries: Array(entries[..<5])),
            RaftBatch(
                snapshot: StoredSnapshot(index: 4, term: 2, membership: [1], bytes: [9, 9, 9])),
            RaftBatch(entries: Array(entries[5...])), RaftBatch(hardState: StoredHardState(term: 3))
        )
    }

    @Test("an undamaged directory is sound, and its contents are told")
    func sound() throws {
        let report = try RaftCheck.run(self.log.path)
        #expect(report.isSound, "\(report.damages)")
        let raft = try #require(report.raft)
        #expect((raft.group, raft.node) == ("controllers", "n0"))
        #expect((raft.term, raft.snapshotIndex, raft.lastIndex, raft.entries) == (3, 4, 9, 5))
        #expect(raft.tornBytes == 0)
    }

    @Test("a directory that a controller uses is refused")
    func refused() throws {
        let (store, _) = try self.log.open()
        #expect(throws: StoreCheckFailure.self) { try RaftCheck.run(self.log.path) }
        withExtendedLifetime(store) {}
    }

    @Test(
        "a flipped bit, zeroes and a cut are told in every file",
        arguments: ["raft-identity", "raft-snapshot", "raft-log"])
    func damage(name: String) throws {
        let path = "\(self.log.path)/\(name)"
        let good = try self.log.bytes(of: path)
        var flipped = good
        flipped[20] ^= 4
        var zeroed = good
        for at in 8..<24 { zeroed[at] = 0 }
        let cut = name == "raft-log" ? Array(good[..<20]) : Array(good.dropLast(3))
        for bytes in [flipped, zeroed, cut] {
            try self.log.replace(path, with: bytes)
            #expect(try RaftCheck.run(self.log.path).damages.map(\.file).contains(name))
        }
        try FileManager.default.removeItem(atPath: path)
        let damages = try RaftCheck.run(self.log.path).damages
        // Without its snapshot the log continues nothing.
        #expect(damages.map(\.file) == [name == "raft-snapshot" ? "raft-log" : name])
    }

    @Test("a broken frame before the last is damage; a torn last one is not, and stays as it is")
    func frames() throws {
        let good = try self.log.bytes(of: self.log.logPath)
        try self.log.replace(self.log.logPath, with: Array(good.dropLast(8)))
        let torn = try RaftCheck.run(self.log.path)
        #expect(torn.isSound)
        #expect(torn.raft.map { $0.tornBytes > 0 } == true)
        #expect(try self.log.bytes(of: self.log.logPath).count == good.count - 8)
        var broken = good
        broken[60] ^= 1
        try self.log.replace(self.log.logPath, with: broken)
        #expect(try RaftCheck.run(self.log.path).damages.map(\.file) == ["raft-log"])
    }
}
