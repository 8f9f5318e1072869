import MessageFormat
import Testing

@testable import Raft

@Suite("a group that was founded twice")
struct FoundingTests {
    private func append(
        _ terms: [UInt64], committed: UInt64, founding: UInt64, to lone: inout LoneNode
    ) {
        let entries = terms.enumerated().map { offset, term in
            RaftEntry(
                index: LogIndex(UInt64(offset) + 1), term: Term(term),
                content: .command([UInt8(founding)]))
        }
        lone.node.receive(
            RaftMessage(
                from: "b", to: "a", term: Term(1), founding: founding,
                content: .append(
                    .init(
                        previous: .start, entries: entries, committed: LogIndex(committed),
                        round: 0))), at: lone.now)
    }

    @Test("whoever knows something committed of the one hears nothing of the other, and says why")
    func refuses() {
        var lone = LoneNode()
        self.append([1, 1], committed: 2, founding: 7, to: &lone)
        lone.settle()
        #expect(lone.node.founding == 7)
        // The same places in the log, and other entries.
        self.append([1, 1, 1], committed: 3, founding: 8, to: &lone)
        lone.turn()
        #expect(lone.ready.refusals.map(\.from) == ["b"])
        #expect(lone.ready.refusals.first?.reason.contains("founded anew") == true)
        #expect(lone.node.lastIndex == LogIndex(2))
        #expect(lone.node.founding == 7)
    }

    @Test("a founding that came to nothing is given up, with all its entries")
    func givesUp() {
        var lone = LoneNode()
        self.append([1, 1], committed: 0, founding: 7, to: &lone)
        lone.settle()
        #expect(lone.node.lastIndex == LogIndex(2))
        self.append([1], committed: 1, founding: 8, to: &lone)
        lone.turn()
        #expect(lone.ready.persist?.truncateFrom == LogIndex(1))
        #expect(lone.ready.persist?.hardState?.founding == 8)
        #expect(lone.ready.persist?.entries.map(\.content) == [.command([8])])
    }

    @Test("the first leader draws it, and all members keep it through restarts")
    func spreads() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.run(3_000) { group.leader != nil && group.unsettled.isEmpty }
        let drawn = try #require(group.leader.flatMap { group.node($0)?.founding })
        #expect(drawn != 0)
        for name in group.names {
            group.crash(name)
            group.start(name)
        }
        group.run(3_000) { group.leader != nil }
        for name in group.names { #expect(group.node(name)?.founding == drawn) }
    }

    @Test("two that lost everything found anew; the third keeps what it has and stays apart")
    func foundedAnew() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.run(3_000) { group.leader != nil && group.unsettled.isEmpty }
        for command in UInt8(1)...5 { group.propose([command]) }
        group.run(200)
        let kept = try #require(group.leader)
        let entries = group.members[kept]?.disk.entries
        group.checks.areDisksLost = true
        group.crash(kept)
        let emptied = group.names.filter { $0 != kept }
        for name in emptied { group.emptyDisk(name) }
        for name in emptied { group.start(name) }
        group.run(3_000) { group.leader != nil }
        let anew = try #require(group.leader)
        group.start(kept)
        group.run(1_000)
        #expect(group.node(kept)?.leader == nil)
        #expect(group.node(kept)?.founding != group.node(anew)?.founding)
        #expect(group.members[kept]?.disk.entries == entries)
        #expect(group.leader == anew, "it disturbs nobody")
    }

    @Test("a member that is leaving leads once more when nobody else can (§4.2.2)")
    func leaving() throws {
        let group = SimulatedGroup(3, seed: 3)
        group.run(3_000) { group.leader != nil && group.unsettled.isEmpty }
        let leader = try #require(group.leader)
        let others = group.names.filter { $0 != leader }
        for name in others { group.crash(name) }
        group.propose([1], to: leader)
        _ = group.change(.remove(leader))
        group.run(50)
        group.crash(leader)
        group.emptyDisk(others[0])
        for name in group.names { group.start(name) }
        group.run(5_000) { others.allSatisfy { group.members[$0]?.machine == [1] } }
        #expect(others.allSatisfy { group.members[$0]?.machine == [1] })
    }
}
