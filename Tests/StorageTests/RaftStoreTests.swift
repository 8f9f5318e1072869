import Foundation
import Glibc
import Logging
import Testing

@testable import Storage

/// The Raft log in a temporary directory, opened and closed as a controller's life goes.
struct TestRaftLog {
    let directory = TemporaryDirectory()
    var identity = RaftIdentity(group: "controllers", node: "n0")

    var path: String { self.directory.path }
    var logPath: String { self.path + "/raft-log" }

    func open() throws -> (store: RaftStore, stored: StoredRaft) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try RaftStore.open(directory: self.path, identity: self.identity, logger: logger)
    }

    func persist(_ batches: RaftBatch...) throws {
        let (store, _) = try self.open()
        for batch in batches { try store.persist(batch) }
    }

    func stored() throws -> StoredRaft { try self.open().stored }

    func bytes(of path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    func replace(_ path: String, with bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}

private func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1) -> [StoredRaftEntry] {
    range.map { StoredRaftEntry(index: $0, term: term, content: [UInt8($0), UInt8(term)]) }
}

private func snapshot(at index: UInt64, term: UInt64 = 1) -> StoredSnapshot {
    StoredSnapshot(index: index, term: term, membership: [1, 2], bytes: [9, 9, 9])
}

@Suite("Raft log on disk")
struct RaftStoreTests {
    private let log = TestRaftLog()

    @Test("what was persisted is there after a restart")
    func roundTrip() throws {
        try self.log.persist(
            RaftBatch(hardState: StoredHardState(term: 3, vote: "n1")),
            RaftBatch(entries: entries(1...3)), RaftBatch(entries: entries(4...5, term: 2)))
        let stored = try self.log.stored()
        #expect(stored.hardState == StoredHardState(term: 3, vote: "n1"))
        #expect(stored.entries == entries(1...3) + entries(4...5, term: 2))
        #expect(stored.snapshot == nil)
    }

    @Test("a new directory may be a lost one, until it is told that nothing is forgotten")
    func forgetting() throws {
        #expect(try self.log.stored().hardState.mayHaveForgotten)
        try self.log.persist(
            RaftBatch(hardState: StoredHardState(term: 1)), RaftBatch(entries: entries(1...3)))
        #expect(try self.log.stored().hardState.mayHaveForgotten)
        let settled = StoredHardState(term: 1, mayHaveForgotten: false)
        try self.log.persist(
            RaftBatch(hardState: settled), RaftBatch(snapshot: snapshot(at: 3)))
        #expect(try self.log.stored().hardState == settled)
    }

    @Test("a log that does not say whether it may have forgotten has not, if it has any entry")
    func bareHardState() throws {
        _ = try self.log.open()
        let header = Array(try self.log.bytes(of: self.log.logPath).prefix(32))
        let bare = RaftRecord.bareHardState(term: 4, vote: "n2")
        let entry = RaftRecord.entry(StoredRaftEntry(index: 1, term: 4, content: [0]))
        for (records, mayHaveForgotten) in [([bare], true), ([bare, entry], false)] {
            let bytes = header + RaftFrame.encode(records, at: header.count)
            try self.log.replace(self.log.logPath, with: bytes)
            #expect(
                try self.log.stored().hardState
                    == StoredHardState(term: 4, vote: "n2", mayHaveForgotten: mayHaveForgotten))
        }
    }

    @Test("an entry with a known index drops that one and all behind it")
    func truncation() throws {
        try self.log.persist(
            RaftBatch(entries: entries(1...5)),
            RaftBatch(truncateFrom: 3, entries: entries(3...3, term: 2)))
        #expect(try self.log.stored().entries == entries(1...2) + entries(3...3, term: 2))
    }

    @Test("a snapshot takes the place of what it stands for; entries behind it stay")
    func compaction() throws {
        try self.log.persist(
            RaftBatch(hardState: StoredHardState(term: 1)), RaftBatch(entries: entries(1...5)),
            RaftBatch(snapshot: snapshot(at: 3)), RaftBatch(entries: entries(6...6)))
        let stored = try self.log.stored()
        #expect(stored.snapshot == snapshot(at: 3))
        #expect(stored.entries == entries(4...6))
        #expect(stored.hardState == StoredHardState(term: 1))
    }

    @Test("a leader's snapshot takes the place of a log that went another way")
    func install() throws {
        try self.log.persist(
            RaftBatch(entries: entries(1...9)),
            RaftBatch(truncateFrom: 1, snapshot: snapshot(at: 5, term: 4)))
        let stored = try self.log.stored()
        #expect(stored.snapshot == snapshot(at: 5, term: 4))
        #expect(stored.entries == [])
    }

    @Test("a crash between snapshot and log leaves what the two agree on")
    func crashBetweenFiles() throws {
        try self.log.persist(RaftBatch(entries: entries(1...9)))
        try RaftSnapshotFile.replace(in: self.log.path, with: snapshot(at: 5))
        #expect(try self.log.stored().entries == entries(6...9))
        try RaftSnapshotFile.replace(in: self.log.path, with: snapshot(at: 6, term: 4))
        #expect(try self.log.stored().entries == [], "entries of another history are no sequel")
    }

    @Test("a torn last batch is cut off, wherever it was torn")
    func tornTail() throws {
        try self.log.persist(RaftBatch(entries: entries(1...2)))
        let whole = try self.log.bytes(of: self.log.logPath)
        try self.log.persist(RaftBatch(entries: entries(3...4)))
        let longer = try self.log.bytes(of: self.log.logPath)
        for end in whole.count..<longer.count {
            try self.log.replace(self.log.logPath, with: Array(longer[..<end]))
            #expect(try self.log.stored().entries == entries(1...2))
            #expect(try self.log.bytes(of: self.log.logPath) == whole)
        }
    }

    @Test("pages of the last batch may be missing in any order")
    func holesInTail() throws {
        try self.log.persist(RaftBatch(entries: entries(1...2)))
        let start = try self.log.bytes(of: self.log.logPath).count
        try self.log.persist(RaftBatch(entries: entries(3...9)))
        let longer = try self.log.bytes(of: self.log.logPath)
        for hole in stride(from: start, to: longer.count - 8, by: 8) {
            var torn = longer
            for place in hole..<(hole + 8) { torn[place] = 0 }
            guard torn != longer else { continue }
            try self.log.replace(self.log.logPath, with: torn)
            #expect(try self.log.stored().entries == entries(1...2))
        }
    }

    @Test("what follows a cut-off tail is read again")
    func writesAfterCut() throws {
        try self.log.persist(RaftBatch(entries: entries(1...4)))
        let bytes = try self.log.bytes(of: self.log.logPath)
        try self.log.replace(self.log.logPath, with: bytes + [1, 2, 3])
        try self.log.persist(RaftBatch(entries: entries(5...5)))
        #expect(try self.log.stored().entries == entries(1...5))
    }

    @Test("damage before the last batch is refused: it was promised")
    func damageInTheMiddle() throws {
        try self.log.persist(
            RaftBatch(entries: entries(1...2)), RaftBatch(entries: entries(3...4)))
        let whole = try self.log.bytes(of: self.log.logPath)
        for place in stride(from: 32, to: whole.count / 2, by: 3) {
            var damaged = whole
            damaged[place] ^= 0x10
            try self.log.replace(self.log.logPath, with: damaged)
            #expect(throws: RaftStoreError.self) { try self.log.stored() }
            #expect(try self.log.bytes(of: self.log.logPath) == damaged, "nothing is cut off")
        }
    }

    @Test(
        "a damaged header, snapshot or identity is refused",
        arguments: [
            "raft-log", "raft-snapshot", "raft-identity",
        ])
    func damagedFiles(name: String) throws {
        try self.log.persist(
            RaftBatch(entries: entries(1...2)), RaftBatch(snapshot: snapshot(at: 1)))
        let path = "\(self.log.path)/\(name)"
        let whole = try self.log.bytes(of: path)
        for place in 0..<min(whole.count, 28) {
            var damaged = whole
            damaged[place] ^= 0x01
            try self.log.replace(path, with: damaged)
            #expect(throws: RaftStoreError.self) { try self.log.stored() }
        }
    }

    @Test("a missing log or snapshot is refused: it was there")
    func missingFiles() throws {
        try self.log.persist(
            RaftBatch(entries: entries(1...2)), RaftBatch(snapshot: snapshot(at: 1)))
        let snapshotPath = self.log.path + "/raft-snapshot"
        let bytes = try self.log.bytes(of: snapshotPath)
        unlink(snapshotPath)
        #expect(throws: RaftStoreError.self) { try self.log.stored() }
        try self.log.replace(snapshotPath, with: bytes)
        unlink(self.log.logPath)
        #expect(throws: RaftStoreError.self) { try self.log.stored() }
    }

    @Test("a directory of another member or another group is refused")
    func foreignDirectory() throws {
        try self.log.persist(RaftBatch(entries: entries(1...1)))
        for identity in [
            RaftIdentity(group: "controllers", node: "n1"), RaftIdentity(group: "x", node: "n0"),
        ] {
            var other = self.log
            other.identity = identity
            let error = #expect(throws: RaftStoreError.self) { try other.stored() }
            guard case .foreign = error else {
                Issue.record("not refused as foreign: \(String(describing: error))")
                return
            }
        }
        unlink(self.log.path + "/raft-identity")
        #expect(throws: RaftStoreError.self) { try self.log.stored() }
    }

    @Test("a start that was cut off before its identity is finished by the next one")
    func interruptedFirstStart() throws {
        _ = try self.log.open()
        unlink(self.log.path + "/raft-identity")
        #expect(try self.log.stored() == StoredRaft())
    }

    @Test("one process per directory")
    func locked() throws {
        let (store, _) = try self.log.open()
        defer { extendLifetime(store) }
        #expect(throws: RaftStoreError.locked(path: self.log.path + "/raft-lock")) {
            try self.log.open()
        }
    }

    @Test("a failed flush is final")
    func failedFlush() throws {
        let (store, _) = try self.log.open()
        try store.persist(RaftBatch(entries: entries(1...1)))
        try swapDescriptors(of: self.log.logPath, for: "/dev/null")
        #expect(throws: RaftStoreError.self) {
            try store.persist(RaftBatch(entries: entries(2...2)))
        }
        #expect(throws: RaftStoreError.failed) {
            try store.persist(RaftBatch(entries: entries(2...2)))
        }
    }

    @Test("a gap between entries is damage, whatever the checksums say")
    func gap() throws {
        try self.log.persist(RaftBatch(entries: entries(1...1)), RaftBatch(entries: entries(3...3)))
        #expect(throws: RaftStoreError.self) { try self.log.stored() }
    }
}
