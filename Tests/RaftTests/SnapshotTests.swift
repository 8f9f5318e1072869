import MessageFormat
import Testing

@testable import Raft

@Suite("snapshots")
struct SnapshotTests {
    private func group(seed: UInt64 = 4) throws -> (SimulatedGroup, slow: NodeID) {
        let group = SimulatedGroup(3, seed: seed) { settings in
            settings.snapshotChunkBytes = 10
            settings.entriesKeptBehindSnapshot = 0
        }
        group.run(2_000) { group.leader != nil }
        group.run(100)
        let slow = try #require(group.names.first { $0 != group.leader })
        group.isolate(slow)
        for number in 0..<100 { group.propose([UInt8(number)]) }
        group.run(100)
        group.compact(try #require(group.leader))
        group.propose([100])
        group.run(10)
        return (group, slow)
    }

    @Test("§5.3 a follower whose entries are gone gets the state in chunks, then the rest")
    func chunks() throws {
        let (group, slow) = try self.group()
        group.keepsMessages = true
        group.heal()
        group.run(1_000) { group.members[slow]?.machine.count == 101 }
        #expect(group.members[slow]?.machine == Array(0...100))
        let chunks = group.messagesDelivered.filter {
            if case .snapshotChunk = $0.content { true } else { false }
        }
        #expect(chunks.count == 10)
        #expect(group.checks.problems == [])
    }

    @Test("§5.3 chunks that are lost, doubled or reordered are sent again")
    func lossyChunks() throws {
        let (group, slow) = try self.group()
        group.faults = Faults(drop: 0.3, duplicate: 0.3, delay: 1...20)
        group.heal()
        group.run(30_000) { group.members[slow]?.machine.count == 101 }
        #expect(group.members[slow]?.machine == Array(0...100))
    }

    @Test("§5.1 a member starts from its snapshot and the entries behind it")
    func restart() throws {
        let (group, _) = try self.group()
        let leader = try #require(group.leader)
        group.crash(leader)
        group.start(leader)
        #expect(group.members[leader]?.machine == Array(0..<100))
        group.heal()
        group.run(3_000) { group.members[leader]?.machine.count == 101 }
        #expect(group.members[leader]?.machine == Array(0...100))
    }

    @Test("§5.3 a snapshot of what the log holds already changes nothing")
    func knownAlready() {
        var lone = LoneNode(restored: restored(terms: [1, 1, 1], term: 1))
        lone.hear(
            .snapshotChunk(self.chunk(of: [9], at: 2, checksum: 0)), from: "b", term: 1)
        let said = lone.settle()
        #expect(lone.node.lastIndex == LogIndex(3))
        #expect(said.verdicts == [.accepted(LogIndex(2))])
    }

    @Test("a snapshot that lies about its content is refused, with a reason")
    func damaged() {
        var lone = LoneNode()
        lone.hear(
            .snapshotChunk(self.chunk(of: [1, 2, 3], at: 7, checksum: 12_345)), from: "b",
            term: 1)
        lone.turn()
        #expect(lone.node.committed == .zero)
        #expect(lone.ready.refusals.map(\.from) == ["b"])
        #expect(lone.ready.restoredSnapshot == nil)
    }

    @Test("a snapshot that claims an absurd size costs nothing")
    func absurdSize() {
        var lone = LoneNode()
        let chunk = RaftMessage.SnapshotChunk(
            position: LogPosition(index: LogIndex(5), term: Term(1)),
            membership: Membership(voters: ["a", "b"]), total: .max, checksum: 0, offset: 0,
            bytes: [1], round: 0)
        lone.hear(.snapshotChunk(chunk), from: "b", term: 1)
        lone.turn()
        #expect(lone.ready.refusals.count == 1)
    }

    @Test("a snapshot is acknowledged when it is on disk")
    func durable() {
        var lone = LoneNode()
        let bytes: [UInt8] = [1, 2, 3]
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        lone.hear(
            .snapshotChunk(self.chunk(of: bytes, at: 7, checksum: checksum)), from: "b", term: 1)
        lone.turn()
        #expect(lone.ready.restoredSnapshot?.bytes == bytes)
        #expect(lone.ready.persist?.snapshot?.position.index == LogIndex(7))
        #expect(lone.ready.persist?.truncateFrom == LogIndex(1))
        #expect(lone.saidNow.verdicts == [])
        #expect(lone.saidAfterPersist.verdicts == [.accepted(LogIndex(7))])
    }

    private func chunk(
        of bytes: [UInt8], at index: UInt64, checksum: UInt32
    ) -> RaftMessage.SnapshotChunk {
        RaftMessage.SnapshotChunk(
            position: LogPosition(index: LogIndex(index), term: Term(1)),
            membership: Membership(voters: ["a", "b", "c"]), total: UInt64(bytes.count),
            checksum: checksum, offset: 0, bytes: bytes, round: 0)
    }
}
