import MessageFormat
import Testing

@testable import Raft

@Suite("elections")
struct ElectionTests {
    @Test("§3.4 without a leader one is elected, and one only")
    func elects() {
        let group = SimulatedGroup(5, seed: 3)
        group.run(2_000) { group.leader != nil }
        group.run(100)
        #expect(group.leaders.count == 1)
        #expect(group.names.allSatisfy { group.node($0)?.leader == group.leader })
    }

    @Test("§3.4 nobody votes for two candidates in one term")
    func oneVotePerTerm() {
        var lone = LoneNode()
        lone.hear(.askVote(log: .start, isTransfer: false), from: "b", term: 1)
        #expect(lone.settle().voteAnswers == [true])
        lone.hear(.askVote(log: .start, isTransfer: false), from: "c", term: 1)
        #expect(lone.settle().voteAnswers == [false])
        lone.hear(.askVote(log: .start, isTransfer: false), from: "b", term: 1)
        #expect(lone.settle().voteAnswers == [true], "the same candidate may ask again")
    }

    @Test("§3.8 a vote is on disk before anybody hears of it, and binds after a restart")
    func voteIsDurable() throws {
        var lone = LoneNode()
        lone.hear(.askVote(log: .start, isTransfer: false), from: "b", term: 1)
        lone.turn()
        #expect(lone.saidNow.voteAnswers == [])
        #expect(lone.saidAfterPersist.voteAnswers == [true])
        let hardState = try #require(lone.ready.persist?.hardState)
        #expect(hardState == HardState(term: Term(1), vote: "b"))

        var again = LoneNode(restored: RaftRestored(hardState: hardState))
        again.hear(.askVote(log: .start, isTransfer: false), from: "c", term: 1)
        #expect(again.settle().voteAnswers == [false])
    }

    @Test("§3.8 a candidate counts its own vote when it is on disk, not before")
    func ownVoteIsDurable() throws {
        var lone = LoneNode()
        lone.pass(1_001)
        lone.settle()
        lone.hear(.answerPreVote(isGranted: true), from: "b", term: 0)
        lone.turn()
        let batch = try #require(lone.ready.persist)
        #expect(lone.saidNow.votesAsked == [], "the request shows the new term")
        lone.hear(.answerVote(isGranted: true), from: "b", term: 1)
        #expect(lone.node.role == .candidate)
        lone.node.persisted(batch.token, at: lone.now)
        #expect(lone.node.role == .leader)
    }

    @Test(
        "§3.6.1 no vote for a candidate that may lack committed entries",
        arguments: [
            (index: 2, term: 2, isGranted: true), (index: 3, term: 2, isGranted: true),
            (index: 1, term: 2, isGranted: false), (index: 9, term: 1, isGranted: false),
            (index: 1, term: 3, isGranted: true),
        ])
    func upToDate(index: Int, term: Int, isGranted: Bool) {
        let log = LogPosition(index: LogIndex(UInt64(index)), term: Term(UInt64(term)))
        var lone = LoneNode(restored: restored(terms: [1, 2], term: 2))
        lone.hear(.askPreVote(log: log), from: "b", term: 3)
        #expect(lone.settle().preVoteAnswers == [isGranted])
        lone.hear(.askVote(log: log, isTransfer: false), from: "b", term: 4)
        #expect(lone.settle().voteAnswers == [isGranted])
    }

    @Test("§3.3 whoever hears of a later term follows it; a leader steps down")
    func laterTerm() {
        var lone = LoneNode()
        lone.lead()
        #expect(lone.node.isLeader)
        lone.hear(
            .answerAppend(.init(verdict: .refused(previous: .start, hint: .start), round: 0)),
            from: "b", term: 5)
        #expect(lone.node.role == .follower)
        #expect(lone.node.term == Term(5))
    }

    @Test("§3.3 a message of an earlier term gets the later one for an answer")
    func earlierTerm() {
        var lone = LoneNode(restored: restored(terms: [1], term: 4))
        lone.append(terms: [2], in: 2)
        let said = lone.settle()
        #expect(said.map(\.term) == [Term(4)])
        #expect(lone.node.lastIndex == LogIndex(1))
    }

    @Test("§9.6 who was cut off comes back without a new term")
    func preVote() throws {
        let group = SimulatedGroup(3, seed: 5)
        group.run(2_000) { group.leader != nil }
        let leader = try #require(group.leader)
        let other = try #require(group.names.first { $0 != leader })
        let term = try #require(group.node(leader)?.term)
        group.isolate(other)
        group.run(10_000)
        #expect(group.node(other)?.role == .preCandidate)
        group.heal()
        group.run(1_000)
        #expect(group.leader == leader)
        #expect(group.node(leader)?.term == term)
    }

    @Test("§4.2.3 who hears from a leader ignores candidates, whatever their term")
    func lease() {
        var lone = LoneNode()
        lone.append(terms: [1])
        lone.settle()
        lone.pass(499)
        let log = LogPosition(index: LogIndex(9), term: Term(1))
        lone.hear(.askVote(log: log, isTransfer: false), from: "c", term: 7)
        lone.hear(.askPreVote(log: log), from: "c", term: 7)
        #expect(lone.settle().preVoteAnswers == [false])
        #expect(lone.node.term == Term(1))
        lone.pass(1)
        lone.hear(.askVote(log: log, isTransfer: false), from: "c", term: 7)
        #expect(lone.settle().voteAnswers == [true])
    }

    @Test("§4.2.3 a leader is not disturbed either")
    func leaderLease() {
        var lone = LoneNode()
        lone.lead()
        let log = LogPosition(index: LogIndex(9), term: lone.node.term)
        lone.hear(.askVote(log: log, isTransfer: false), from: "c", term: 7)
        lone.settle()
        #expect(lone.node.isLeader)
    }

    @Test("§6.2 a leader without a majority steps down within an election timeout")
    func checkQuorum() throws {
        let group = SimulatedGroup(3, seed: 6)
        group.run(2_000) { group.leader != nil }
        let leader = try #require(group.leader)
        group.isolate(leader)
        group.run(510)
        #expect(group.node(leader)?.isLeader == false)
    }

    @Test("a leader whose connections have closed is replaced at once")
    func peerLost() throws {
        for seed in 1...20 {
            let group = SimulatedGroup(3, seed: UInt64(seed))
            group.run(2_000) { group.leader != nil }
            // Nothing of the leader is on its way: it would count as a sign of life.
            group.run(120)
            group.crash(try #require(group.leader), tellingPeers: true)
            group.run(500) { group.leader != nil }
            #expect(group.leader != nil, "seed \(seed)")
        }
    }

    @Test("one lost connection does not depose a leader that the others still hear")
    func oneLostConnection() throws {
        let group = SimulatedGroup(3, seed: 8)
        group.run(2_000) { group.leader != nil }
        let leader = try #require(group.leader)
        let term = group.node(leader)?.term
        let other = try #require(group.names.first { $0 != leader })
        group.blocked = [[leader, other], [other, leader]]
        group.members[other]?.node?.peerLost(leader, at: group.now)
        group.run(3_000)
        #expect(group.node(leader)?.isLeader == true)
        #expect(group.node(leader)?.term == term)
    }

    @Test("a group of one leads itself at once")
    func groupOfOne() {
        var lone = LoneNode("a", of: ["a"])
        lone.pass(1)
        lone.settle()
        #expect(lone.node.isLeaderReady)
    }

    @Test("equal seeds give equal runs")
    func replays() {
        func run() -> [NodeID: UInt64] {
            let faults = Faults(drop: 0.1, duplicate: 0.1, delay: 1...9, crash: 0.01)
            let group = SimulatedGroup(3, seed: 11, faults: faults)
            group.run(3_000)
            return group.members.compactMapValues { $0.node?.term.value }
        }
        #expect(run() == run())
    }
}
