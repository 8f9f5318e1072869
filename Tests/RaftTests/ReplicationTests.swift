import MessageFormat
import Testing

@testable import Raft

@Suite("log replication")
struct ReplicationTests {
    @Test("§3.5 what is proposed is applied by everybody, in order")
    func replicates() {
        let group = SimulatedGroup(3, seed: 2)
        group.run(2_000) { group.leader != nil }
        for number in 1...50 { group.propose([UInt8(number)]) }
        group.run(200)
        #expect(group.names.allSatisfy { group.members[$0]?.machine == Array(1...50) })
        #expect(group.checks.problems == [])
    }

    @Test("§3.5 a follower refuses entries whose predecessor it lacks")
    func consistencyCheck() {
        var lone = LoneNode(restored: restored(terms: [1, 1], term: 2))
        lone.append(after: 5, term: 2, terms: [2], in: 2)
        let hint = LogPosition(index: LogIndex(2), term: Term(1))
        let previous = LogPosition(index: LogIndex(5), term: Term(2))
        #expect(lone.settle().verdicts == [.refused(previous: previous, hint: hint)])
    }

    @Test("§3.5 one hint skips all entries of a term that the leader does not have")
    func hintSkipsTerm() {
        var lone = LoneNode(restored: restored(terms: [1, 1, 3, 3, 3], term: 4))
        lone.append(after: 5, term: 2, in: 4)
        let hint = LogPosition(index: LogIndex(2), term: Term(1))
        let previous = LogPosition(index: LogIndex(5), term: Term(2))
        #expect(lone.settle().verdicts == [.refused(previous: previous, hint: hint)])
    }

    @Test("§3.5 a leader's entries take the place of others, on disk too")
    func replacesConflicts() throws {
        var lone = LoneNode(restored: restored(terms: [1, 2, 2], term: 3))
        lone.append(after: 1, term: 1, terms: [3], in: 3)
        lone.turn()
        let batch = try #require(lone.ready.persist)
        #expect(batch.truncateFrom == LogIndex(2))
        #expect(batch.entries.map(\.term) == [Term(3)])
        #expect(lone.node.log.last == LogPosition(index: LogIndex(2), term: Term(3)))
    }

    @Test("§3.5 an old message takes nothing away from a log that has grown since")
    func oldMessage() {
        var lone = LoneNode()
        lone.append(terms: [1, 1, 1])
        lone.append(terms: [1])
        lone.settle()
        #expect(lone.node.lastIndex == LogIndex(3))
    }

    @Test("§3.8 an acknowledgement leaves after the flush")
    func acknowledgementIsDurable() {
        var lone = LoneNode()
        lone.append(terms: [1])
        lone.turn()
        #expect(lone.saidNow.verdicts == [])
        #expect(lone.saidAfterPersist.verdicts == [.accepted(LogIndex(1))])
        lone.append(after: 1, term: 1, terms: [1])
        lone.turn()
        #expect(lone.ready.persist == nil, "one batch is at the disk at a time")
        #expect(lone.saidNow.verdicts == [])
    }

    @Test("§3.6.2 a leader commits only entries of its own term")
    func commitsOwnTerm() {
        var lone = LoneNode(restored: restored(terms: [1, 2], term: 3))
        lone.lead()
        #expect(lone.node.lastIndex == LogIndex(3))
        lone.acknowledge(2, by: "b")
        #expect(lone.node.committed == .zero, "entry 2 is on a majority, but of an earlier term")
        lone.acknowledge(3, by: "b")
        #expect(lone.node.committed == LogIndex(3))
    }

    @Test("§10.2.1 a leader sends before its own flush, and counts itself after it")
    func leaderWritesInParallel() throws {
        var lone = LoneNode()
        lone.lead()
        lone.acknowledge(1, by: "b")
        lone.settle()
        _ = lone.node.propose([1], at: lone.now)
        lone.turn()
        #expect(lone.saidNow.appends.contains { $0.entries.count == 1 })
        let batch = try #require(lone.ready.persist)
        lone.acknowledge(2, by: "b")
        #expect(lone.node.committed == LogIndex(1))
        lone.node.persisted(batch.token, at: lone.now)
        #expect(lone.node.committed == LogIndex(2))
    }

    @Test("a follower acknowledges and commits no further than what it was shown to share")
    func sharedBound() {
        var lone = LoneNode(restored: restored(terms: [1, 1, 1], term: 1))
        lone.append(after: 1, term: 1, committed: 3, in: 2)
        #expect(lone.node.committed == LogIndex(1))
        #expect(lone.settle().verdicts == [.accepted(LogIndex(1))])
    }

    @Test("a follower that lags far behind catches up in messages of bounded size")
    func flowControl() {
        let group = SimulatedGroup(3, seed: 4) { settings in
            settings.messageBytesMax = 200
            settings.messagesInFlightMax = 2
        }
        group.run(2_000) { group.leader != nil }
        group.run(100)
        let slow = group.names.first { $0 != group.leader }!
        group.isolate(slow)
        for number in 0..<200 { group.propose([UInt8(number)]) }
        group.run(100)
        group.heal()
        group.keepsMessages = true
        group.run(3_000) { group.members[slow]?.machine.count == 200 }
        #expect(group.members[slow]?.machine.count == 200)
        let largest = group.messagesDelivered.appends.map(\.entries.count).max() ?? 0
        #expect((2...7).contains(largest))
    }

    @Test("a window of messages is all that is on its way to one follower")
    func window() {
        var lone = LoneNode { settings in
            settings.messageBytesMax = 1
            settings.messagesInFlightMax = 3
        }
        lone.lead()
        lone.acknowledge(1, by: "b")
        lone.settle()
        for number in 0..<10 { _ = lone.node.propose([UInt8(number)], at: lone.now) }
        let said = lone.settle().filter { $0.to == "b" }
        #expect(said.appends.filter { !$0.entries.isEmpty }.count == 3)
    }

    @Test("proposals beyond what may wait for a majority are refused")
    func tooMuchUncommitted() {
        var lone = LoneNode { $0.uncommittedEntriesMax = 3 }
        lone.lead()
        let results = (0..<4).map { _ in lone.node.propose([1], at: lone.now) }
        #expect(results.last == .failure(.busy(uncommitted: 3)))
    }

    @Test("a follower that is asked to take proposals names the leader")
    func notLeader() {
        var lone = LoneNode()
        lone.append(terms: [1])
        #expect(lone.node.propose([1], at: lone.now) == .failure(.notLeader(leader: "b")))
    }

    @Test("a follower that has lost its disk gets everything again")
    func lostDisk() throws {
        let group = SimulatedGroup(3, seed: 9)
        group.run(2_000) { group.leader != nil }
        for number in 1...9 { group.propose([UInt8(number)]) }
        group.run(100)
        let name = try #require(group.names.first { $0 != group.leader })
        group.crash(name)
        group.members[name]?.disk = SimulatedDisk()
        group.start(name)
        group.run(1_000)
        #expect(group.members[name]?.machine == Array(1...9))
    }
}
