import MessageFormat
import Testing

@testable import Raft

@Suite("linearizable reads")
struct ReadIndexTests {
    @Test("§6.4 a read waits for a majority that still follows")
    func waitsForMajority() throws {
        var lone = LoneNode()
        lone.lead()
        lone.acknowledge(1, by: "b")
        lone.settle()
        let ticket = lone.read()
        #expect(ticket != nil)
        lone.turn()
        #expect(lone.ready.readsReady == [])
        let round = try #require(lone.saidNow.appends.first?.round)
        lone.acknowledge(1, by: "b")
        lone.turn()
        #expect(lone.ready.readsReady == [], "an answer to an earlier question proves nothing")
        lone.hear(
            .answerAppend(.init(verdict: .accepted(LogIndex(1)), round: round)), from: "b",
            term: lone.node.term.value)
        lone.turn()
        #expect(lone.ready.readsReady.first == ticket)
    }

    @Test("§6.4 a new leader answers no read before an entry of its own term is committed")
    func waitsForOwnTerm() {
        var lone = LoneNode(restored: restored(terms: [1], term: 1))
        lone.lead()
        let ticket = lone.read()
        #expect(ticket != nil)
        lone.settle()
        lone.hear(
            .answerAppend(.init(verdict: .accepted(LogIndex(1)), round: 1)), from: "b",
            term: lone.node.term.value)
        lone.turn()
        #expect(lone.ready.readsReady == [])
        lone.acknowledge(2, by: "b")
        lone.turn()
        #expect(lone.ready.readsReady.first == ticket)
        #expect(lone.ready.committed.last?.index == LogIndex(2), "the state comes with the read")
    }

    @Test("§6.4 a deposed leader answers no read")
    func deposed() {
        var lone = LoneNode()
        lone.lead()
        lone.acknowledge(1, by: "b")
        lone.settle()
        let ticket = lone.read()
        #expect(ticket != nil)
        lone.append(after: 1, term: 1, in: 9)
        lone.turn()
        #expect(lone.ready.readsReady == [])
        #expect(lone.ready.readsFailed.first == ticket)
        #expect(lone.read() == nil)
    }

    @Test("reads of one turn share one round of messages")
    func sharedRound() {
        var lone = LoneNode()
        lone.lead()
        lone.acknowledge(1, by: "b")
        lone.settle()
        for _ in 0..<10 { _ = lone.node.readIndex(at: lone.now) }
        lone.turn()
        #expect(lone.saidNow.appends.count == 2)
    }

    @Test("a group of one reads at once")
    func groupOfOne() {
        var lone = LoneNode("a", of: ["a"])
        lone.pass(1)
        lone.settle()
        let ticket = lone.read()
        #expect(ticket != nil)
        lone.turn()
        #expect(lone.ready.readsReady.first == ticket)
    }
}
