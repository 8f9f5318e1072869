import MessageFormat
import Testing

@testable import Raft

@Suite("hostile peers")
struct HostileMessageTests {
    @Test("a term from far ahead is refused: it could never be counted past")
    func absurdTerm() {
        for term in [UInt64.max, 1 << 62, 1 << 40] {
            var lone = LoneNode()
            lone.hear(.answerVote(isGranted: false), from: "b", term: term)
            lone.turn()
            #expect(lone.node.term == .zero)
            #expect(lone.ready.refusals.count == 1)
        }
    }

    @Test("an entry that contradicts a committed one is refused, with a reason")
    func contradictsCommitted() {
        var lone = LoneNode(restored: restored(terms: [1, 1], term: 1))
        lone.append(after: 2, term: 1, committed: 2, in: 1)
        lone.settle()
        lone.append(after: 0, term: 0, terms: [3], in: 3)
        lone.turn()
        #expect(lone.ready.refusals.count == 1)
        #expect(lone.node.log.term(at: LogIndex(1)) == Term(1))
    }

    @Test("a second leader of one term is refused")
    func secondLeader() {
        var lone = LoneNode()
        lone.append(terms: [1])
        lone.hear(
            .append(.init(previous: .start, entries: [], committed: .zero, round: 0)), from: "c",
            term: 1)
        lone.turn()
        #expect(lone.ready.refusals.map(\.from) == ["c"])
        #expect(lone.node.leader == "b")
    }

    @Test("only the leader of this term names its successor")
    func successor() {
        var lone = LoneNode()
        lone.append(terms: [1])
        lone.settle()
        lone.hear(.campaignNow, from: "c", term: 1)
        lone.hear(.campaignNow, from: "c", term: 9)
        lone.hear(.campaignNow, from: "b", term: 2)
        #expect(lone.settle().votesAsked.isEmpty)
        #expect(lone.node.term == Term(1))
        lone.hear(.campaignNow, from: "b", term: 1)
        #expect(lone.settle().votesAsked.count == 2)
    }

    @Test("nobody is told to campaign while no leader is known")
    func successorWithoutLeader() {
        var lone = LoneNode(restored: restored(terms: [1], term: 1))
        lone.hear(.campaignNow, from: "b", term: 1)
        #expect(lone.settle().votesAsked.isEmpty)
        #expect(lone.node.leader == nil)
    }

    @Test("an acknowledgement of what was never sent commits nothing")
    func absurdAcknowledgement() {
        var lone = LoneNode()
        lone.lead()
        lone.acknowledge(.max, by: "b")
        lone.turn()
        #expect(lone.node.committed == .zero)
        #expect(lone.ready.refusals.count == 1)
    }

    @Test("messages of strangers neither vote nor acknowledge")
    func strangers() {
        var lone = LoneNode()
        lone.pass(1_001)
        lone.settle()
        lone.hear(.answerPreVote(isGranted: true), from: "x", term: 0)
        #expect(lone.node.role == .preCandidate)
        lone.hear(.answerPreVote(isGranted: true), from: "b", term: 0)
        lone.settle()
        lone.hear(.answerVote(isGranted: true), from: "x", term: 1)
        #expect(lone.node.role == .candidate)
    }

    @Test("no message whatever stops a member or moves its committed entries", arguments: 0..<20)
    func anyMessage(block: Int) {
        var random = SeededGenerator(state: UInt64(block))
        for _ in 0..<60 {
            var lone = LoneNode(restored: restored(terms: [1, 1, 2], term: 2))
            if Bool.random(using: &random) { lone.lead() }
            var committed: [RaftEntry] = []
            for _ in 0..<40 {
                let message = RaftMessage.any(to: "a", &random)
                lone.node.receive(message, at: lone.now)
                lone.pass(Int.random(in: 0...30, using: &random))
                lone.turn()
                committed += lone.ready.committed
                if let batch = lone.ready.persist {
                    lone.node.persisted(batch.token, at: lone.now)
                }
            }
            let indexes = committed.map(\.index)
            #expect(indexes == indexes.sorted() && Set(indexes).count == indexes.count)
        }
    }

    @Test("bytes that were cut or changed are refused or make another whole message")
    func anyBytes() {
        var random = SeededGenerator(state: 5)
        for _ in 0..<2_000 {
            let bytes = RaftMessage.any(to: "a", &random).encoded
            let cut = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
            #expect(throws: RaftCodingError.self) { try RaftMessage(decoding: cut) }
            var changed = bytes
            let place = Int.random(in: 0..<bytes.count, using: &random)
            changed[place] ^= UInt8.random(in: 1...255, using: &random)
            if let message = try? RaftMessage(decoding: changed) {
                #expect(message.encoded == changed)
            }
        }
    }
}

extension RaftMessage {
    /// Anything that the bytes can say, with a taste for the edges.
    static func any(to node: NodeID, _ random: inout SeededGenerator) -> Self {
        RaftMessage(
            from: ["b", "c", "x"].randomElement(using: &random)!, to: node,
            term: Term(Self.number(&random)), content: Self.content(&random))
    }

    private static func content(_ random: inout SeededGenerator) -> Content {
        let position = Self.position(&random)
        let round = Self.number(&random)
        switch Int.random(in: 0..<9, using: &random) {
        case 0: return .askPreVote(log: position)
        case 1: return .answerPreVote(isGranted: Bool.random(using: &random))
        case 2: return .askVote(log: position, isTransfer: Bool.random(using: &random))
        case 3: return .answerVote(isGranted: Bool.random(using: &random))
        case 4: return .campaignNow
        case 5:
            let verdict: AppendAnswer.Verdict =
                Bool.random(using: &random)
                ? .accepted(position.index)
                : .refused(previous: position, hint: Self.position(&random))
            return .answerAppend(.init(verdict: verdict, round: round))
        case 6:
            return .answerSnapshotChunk(
                .init(index: position.index, received: Self.number(&random), round: round))
        case 7:
            let bytes = [UInt8](
                repeating: 7, count: Int.random(in: 0...5, using: &random))
            return .snapshotChunk(
                .init(
                    position: position, membership: Membership(voters: ["a", "b"]),
                    total: Bool.random(using: &random)
                        ? UInt64(bytes.count) : Self.number(&random),
                    checksum: Bool.random(using: &random)
                        ? bytes.withUnsafeBytes { Checksum.crc32c($0) } : 0,
                    offset: Bool.random(using: &random) ? 0 : Self.number(&random), bytes: bytes,
                    round: round))
        default:
            return .append(
                .init(
                    previous: position, entries: Self.entries(behind: position, &random),
                    committed: LogIndex(Self.number(&random)), round: round))
        }
    }

    private static func entries(
        behind position: LogPosition, _ random: inout SeededGenerator
    ) -> [RaftEntry] {
        (0..<UInt64.random(in: 0...3, using: &random)).map { offset in
            let isHonest = Bool.random(using: &random)
            return RaftEntry(
                index: LogIndex(
                    isHonest ? position.index.value &+ 1 &+ offset : Self.number(&random)),
                term: isHonest ? max(position.term, Term(1)) : Term(Self.number(&random)),
                content: Bool.random(using: &random)
                    ? .command([1]) : .membership(Membership(voters: ["a", "b", "d"])))
        }
    }

    private static func position(_ random: inout SeededGenerator) -> LogPosition {
        LogPosition(index: LogIndex(Self.number(&random)), term: Term(Self.number(&random)))
    }

    private static func number(_ random: inout SeededGenerator) -> UInt64 {
        let edges: [UInt64] = [
            0, 1, 2, 3, 4, 5, .max, .max - 1, 1 << 62, 1 << 63, UInt64(Int.max), 1 << 32,
        ]
        return Double.random(in: 0..<1, using: &random) < 0.7
            ? UInt64.random(in: 0...5, using: &random) : edges.randomElement(using: &random)!
    }
}
