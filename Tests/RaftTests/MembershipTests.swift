import MessageFormat
import Testing

@testable import Raft

@Suite("changes of the group")
struct MembershipTests {
    private func group(seed: UInt64 = 3) -> SimulatedGroup {
        let group = SimulatedGroup(3, spares: 1, seed: seed)
        group.run(2_000) { group.leader != nil }
        for number in 0..<100 { group.propose([UInt8(number)]) }
        group.run(100)
        return group
    }

    @Test("§4.1 one change at a time")
    func oneAtATime() {
        let group = self.group()
        _ = group.change(.addLearner("n3"))
        #expect(
            group.change(.addLearner("n4"))
                == .failure(.badChange("another change is under way")))
    }

    @Test("§4.1 a leader changes the group only after an entry of its own term is committed")
    func newLeader() {
        var lone = LoneNode()
        lone.lead()
        #expect(
            lone.node.propose(.remove("c"), at: lone.now)
                == .failure(.badChange("the leader is too new, try again")))
        lone.acknowledge(1, by: "b")
        #expect((try? lone.node.propose(.remove("c"), at: lone.now).get()) != nil)
    }

    @Test("§4.1 a membership counts from the moment it is in the log, and goes with its entry")
    func effectiveOnAppend() {
        var lone = LoneNode()
        let membership = Membership(voters: ["a", "b"])
        let entry = RaftEntry(
            index: LogIndex(1), term: Term(1), content: .membership(membership))
        lone.hear(
            .append(.init(previous: .start, entries: [entry], committed: .zero, round: 0)),
            from: "b", term: 1)
        #expect(lone.node.membership == membership)
        lone.append(terms: [2], in: 2)
        #expect(lone.node.membership.voters == ["a", "b", "c"])
    }

    @Test("§4.2.1 a new member learns first, and has no say meanwhile")
    func learner() throws {
        let group = self.group()
        _ = group.change(.addLearner("n3"))
        #expect(group.node(try #require(group.leader))?.membership.learners == ["n3"])
        if case .failure = group.change(.promote("n3")) {
        } else {
            Issue.record("a learner that has nothing must not be promoted")
        }
        group.run(500)
        #expect(group.members["n3"]?.machine.count == 100)
        _ = group.change(.promote("n3"))
        group.run(200)
        #expect(group.node("n3")?.membership.voters.count == 4)
        #expect(group.checks.problems == [])
    }

    @Test("§4.2.2 a leader that removes itself leads until that is committed, then leaves")
    func removesItself() throws {
        let group = self.group()
        let leader = try #require(group.leader)
        _ = group.change(.remove(leader))
        #expect(group.node(leader)?.isLeader == true)
        group.run(3_000)
        let next = try #require(group.leader)
        #expect(next != leader)
        #expect(group.node(next)?.membership.voters.count == 2)
        #expect(group.node(leader)?.role == .follower)
    }

    @Test("§4.2.3 who was removed disturbs nobody")
    func removedIsQuiet() throws {
        let group = self.group()
        let leader = try #require(group.leader)
        let removed = try #require(group.names.first { $0 != leader && $0 != "n3" })
        // It does not hear of its own removal, so it asks for votes.
        group.blocked = Set(group.names.map { [$0, removed] })
        _ = group.change(.remove(removed))
        group.run(5_000)
        group.heal()
        group.run(5_000)
        #expect(group.leader == leader)
        #expect(group.checks.elections == 1)
    }

    @Test("the last voter stays, and nobody is added twice")
    func refusals() {
        let one = Membership(voters: ["a"])
        #expect(one.problem(with: .remove("a")) != nil)
        #expect(one.problem(with: .addLearner("a")) != nil)
        #expect(one.problem(with: .promote("b")) != nil)
        #expect(one.problem(with: .addLearner(NodeID(""))) != nil)
    }
}

@Suite("leadership transfer")
struct TransferTests {
    @Test("§3.10 leadership goes to the one that is named, without a pause")
    func transfers() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.run(2_000) { group.leader != nil }
        group.run(100)
        let leader = try #require(group.leader)
        let target = try #require(group.names.last { $0 != leader })
        group.transfer(to: target)
        group.run(20)
        #expect(group.leader == target)
        #expect(group.leaders == [target])
    }

    @Test("§3.10 no proposals are taken meanwhile, and a dead successor ends it")
    func refusesProposals() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.run(2_000) { group.leader != nil }
        group.run(100)
        let leader = try #require(group.leader)
        let target = try #require(group.names.last { $0 != leader })
        group.crash(target)
        group.transfer(to: target)
        #expect(
            group.members[leader]?.node?.propose([1], at: group.now)
                == .failure(.transferring(to: target)))
        group.run(600)
        #expect(group.leader == leader)
        #expect(group.propose([1]) != nil)
    }

    @Test("a leader that leaves chooses a voter that is there and has most")
    func choosesSuccessor() {
        var lone = LoneNode()
        lone.lead()
        _ = lone.node.propose([1], at: lone.now)
        lone.acknowledge(1, by: "b")
        lone.acknowledge(2, by: "c")
        #expect(lone.node.transferLeadership(to: nil, at: lone.now) == .success("c"))
        #expect(lone.settle().contains { $0.to == "c" && $0.content == .campaignNow })
    }
}
