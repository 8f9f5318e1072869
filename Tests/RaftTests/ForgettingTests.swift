import MessageFormat
import Testing

@testable import Raft

/// Method: `old` misses what the others confirm, then the others go down and one or more of them
/// lose their disks. Whoever comes back first must not get along without what was committed.
@Suite("members whose disks were emptied")
struct ForgettingTests {
    private func group(
        _ count: Int, _ adjust: (inout RaftSettings) -> Void = { _ in }
    ) throws -> (SimulatedGroup, leader: NodeID, others: [NodeID]) {
        let group = SimulatedGroup(count, seed: 3, adjust)
        group.run(3_000) { group.leader != nil && group.unsettled.isEmpty }
        try #require(group.unsettled.isEmpty)
        let leader = try #require(group.leader)
        return (group, leader, group.names.filter { $0 != leader })
    }

    private func propose(_ commands: ClosedRange<UInt8>, _ group: SimulatedGroup) {
        for command in commands { group.propose([command]) }
        group.run(200)
    }

    private func expectNoLeader(_ group: SimulatedGroup, _ up: [NodeID], _ comment: Comment) {
        for name in up { group.start(name) }
        group.run(10_000) { group.leader != nil }
        #expect(group.leader == nil, comment)
        #expect(group.checks.problems == [])
    }

    private func expectAll(_ group: SimulatedGroup, _ commands: [UInt8]) {
        for name in group.names { group.start(name) }
        group.run(10_000) {
            group.names.allSatisfy { group.members[$0]?.machine == commands }
                && group.unsettled.isEmpty
        }
        for name in group.names { #expect(group.members[name]?.machine == commands) }
        #expect(group.unsettled.isEmpty)
        #expect(group.checks.problems == [])
    }

    @Test("one of three: it does not help an outdated one into office")
    func oneOfThree() throws {
        let (group, leader, others) = try self.group(3)
        let (old, emptied) = (others[0], others[1])
        group.crash(old)
        self.propose(1...9, group)
        group.crash(leader)
        group.emptyDisk(emptied)
        self.expectNoLeader(group, [old, emptied], "it has forgotten what it confirmed")
        self.expectAll(group, Array(1...9))
    }

    @Test("one of three: it counts again when it has caught up")
    func countsAgain() throws {
        let (group, leader, others) = try self.group(3)
        self.propose(1...9, group)
        group.emptyDisk(others[0])
        group.start(others[0])
        group.run(3_000) { group.unsettled.isEmpty }
        group.crash(leader)
        group.run(3_000) { group.leader != nil }
        #expect(group.leader != nil)
        self.expectAll(group, Array(1...9))
    }

    @Test("two of five: three full votes are needed still")
    func twoOfFive() throws {
        let (group, leader, others) = try self.group(5)
        let old = others[0]
        group.crash(old)
        self.propose(1...9, group)
        for name in [leader, others[3]] { group.crash(name) }
        for name in [others[1], others[2]] { group.emptyDisk(name) }
        self.expectNoLeader(group, [old, others[1], others[2]], "one full vote")
        self.expectNoLeader(group, [others[3]], "two full votes")
        self.expectAll(group, Array(1...9))
    }

    @Test("two members, one emptied: all votes together are enough")
    func twoMembers() throws {
        let (group, leader, others) = try self.group(2)
        self.propose(1...9, group)
        group.crash(leader)
        group.emptyDisk(others[0])
        self.expectAll(group, Array(1...9))
    }

    @Test("a new group of three begins with two")
    func foundedByTwo() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.crash("n2")
        group.run(3_000) { group.leader != nil }
        self.propose(1...3, group)
        #expect(group.unsettled == ["n2"])
        self.expectAll(group, Array(1...3))
    }

    @Test("a founder that dies before its first entry gets around leads once all are there")
    func founderDies() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.run(3_000) { group.leader != nil }
        let founder = try #require(group.leader)
        for name in [founder] + group.names.filter({ $0 != founder }) { group.crash(name) }
        let others = group.names.filter { $0 != founder }
        #expect(group.members[founder]?.disk.entries.count == 1)
        #expect(others.allSatisfy { group.members[$0]?.disk.entries.isEmpty == true })
        self.expectNoLeader(group, [founder, others[0]], "the third may know of something")
        group.start(others[1])
        group.run(3_000) { group.leader != nil && group.unsettled.isEmpty }
        #expect(group.unsettled.isEmpty)
    }

    @Test("a learner gets a vote when it has caught up, however little there is")
    func learner() throws {
        let group = SimulatedGroup(3, spares: 1, seed: 3)
        group.run(3_000) { group.leader != nil && group.unsettled.isEmpty }
        group.crash("n3")
        _ = group.change(.addLearner("n3"))
        group.run(100)
        guard case .failure(.badChange) = group.change(.promote("n3")) else {
            Issue.record("it has nothing")
            return
        }
        group.start("n3")
        group.run(3_000) { group.members["n3"]?.disk.hardState.mayHaveForgotten == false }
        group.run(200)
        #expect((try? group.change(.promote("n3"))?.get()) != nil)
    }
}

@Suite("one member whose disk was emptied")
struct ForgetfulMemberTests {
    @Test("it says that its vote is no full one, unless the candidate has nothing either")
    func markedVotes() {
        let log = LogPosition(index: LogIndex(9), term: Term(1))
        var lone = LoneNode()
        lone.hear(.askPreVote(log: log), from: "b", term: 1)
        lone.hear(.askVote(log: log, isTransfer: false), from: "b", term: 2)
        let said = lone.settle().map(\.content)
        #expect(said.contains(.answerPreVote(isGranted: true, mayHaveForgotten: true)))
        #expect(said.contains(.answerVote(isGranted: true, mayHaveForgotten: true)))
        lone.hear(.askVote(log: .start, isTransfer: false), from: "c", term: 3)
        #expect(lone.settle().map(\.content) == [.answerVote(isGranted: true)])
    }

    @Test("it does not listen while a leader may live by what it said before its start")
    func staysOut() {
        var lone = LoneNode()
        lone.time = 499
        lone.append(terms: [1])
        #expect(lone.settle().isEmpty)
        lone.time = 500
        lone.append(terms: [1])
        #expect(lone.settle().verdicts == [.accepted(LogIndex(1))])
    }

    @Test("it is settled by all that its leader knows to be committed in this term, on disk")
    func settles() {
        var lone = LoneNode()
        lone.append(terms: [1, 2], committed: 1, in: 2)
        lone.settle()
        lone.append(after: 2, term: 2, committed: 1, in: 2)
        lone.settle()
        #expect(lone.node.mayHaveForgotten, "committed is only what an earlier leader had")
        lone.append(after: 2, term: 2, committed: 5, in: 2)
        lone.settle()
        #expect(lone.node.mayHaveForgotten, "it lacks committed entries")
        lone.append(after: 2, term: 2, terms: [2], committed: 3, in: 2)
        lone.turn()
        #expect(lone.node.mayHaveForgotten, "the disk has not got them")
        lone.node.persisted(lone.ready.persist?.token ?? 0, at: lone.now)
        lone.append(after: 3, term: 2, committed: 3, in: 2)
        lone.turn()
        #expect(lone.ready.persist?.hardState?.mayHaveForgotten == false)
    }

    @Test("caught up in part and started again, it is as forgetful as before")
    func caughtUpInPart() {
        var disk = SimulatedDisk()
        var lone = LoneNode()
        lone.append(terms: [1, 1], committed: 9, in: 1)
        for _ in 0..<3 {
            lone.turn()
            guard let batch = lone.ready.persist else { break }
            disk.persist(batch)
            lone.node.persisted(batch.token, at: lone.now)
        }
        #expect(disk.entries.count == 2)

        // The candidate has as much, which is not all that was committed in term 1.
        var again = LoneNode(restored: disk.restored)
        let log = LogPosition(index: LogIndex(2), term: Term(1))
        again.hear(.askVote(log: log, isTransfer: false), from: "c", term: 2)
        #expect(
            again.settle().map(\.content)
                == [.answerVote(isGranted: true, mayHaveForgotten: true)])
    }

    @Test("a candidate counts votes for as long as its campaign")
    func lateVote() {
        var lone = LoneNode(restored: restored(terms: [1], term: 1))
        lone.pass(1_001)
        lone.settle()
        lone.hear(.answerPreVote(isGranted: true), from: "b", term: 1)
        lone.settle()
        #expect(lone.node.role == .candidate)
        lone.time += 400
        lone.hear(.answerVote(isGranted: true), from: "b", term: 2)
        #expect(!lone.node.isLeader)
    }

    @Test("a leader that stood still steps down before it believes in old answers")
    func stoodStill() {
        var lone = LoneNode(restored: restored(terms: [1], term: 1))
        lone.lead()
        #expect(lone.node.isLeader)
        lone.time += 600
        lone.acknowledge(2, by: "b")
        #expect(!lone.node.isLeader)
        #expect(lone.node.committed == .zero)
    }
}
