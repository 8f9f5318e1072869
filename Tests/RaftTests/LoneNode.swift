import MessageFormat

@testable import Raft

/// One member alone with the test, which plays its peers, its disk and its clock.
struct LoneNode {
    var node: RaftNode
    /// A member whose disk is empty listens to nobody before.
    var time = 500
    /// What the node has said, newest turn last, and whether the disk came first.
    private(set) var saidNow: [RaftMessage] = []
    private(set) var saidAfterPersist: [RaftMessage] = []
    private(set) var ready = RaftReady()

    init(
        _ id: NodeID = "a", of voters: [NodeID] = ["a", "b", "c"],
        restored: RaftRestored = RaftRestored(), _ adjust: (inout RaftSettings) -> Void = { _ in }
    ) {
        var settings = RaftSettings(firstMembership: Membership(voters: voters))
        adjust(&settings)
        self.node = RaftNode(id: id, restored: restored, settings: settings, seed: 7, at: .zero)
    }

    var now: Tick { Tick(.milliseconds(self.time)) }

    /// Takes what is ready without telling the node that anything is on disk.
    mutating func turn() {
        self.ready = self.node.takeReady()
        self.saidNow = self.ready.messagesNow
        self.saidAfterPersist = self.ready.messagesAfterPersist
    }

    /// Takes what is ready, with a disk that is done at once.
    @discardableResult
    mutating func settle() -> [RaftMessage] {
        var said: [RaftMessage] = []
        for _ in 0..<8 {
            self.turn()
            said += self.saidNow + self.saidAfterPersist
            if let batch = self.ready.persist { self.node.persisted(batch.token, at: self.now) }
        }
        return said
    }

    mutating func hear(
        _ content: RaftMessage.Content, from peer: NodeID, term: UInt64
    ) {
        self.node.receive(
            RaftMessage(from: peer, to: self.node.id, term: Term(term), content: content),
            at: self.now)
    }

    mutating func pass(_ milliseconds: Int) {
        for _ in 0..<milliseconds {
            self.time += 1
            self.node.advance(to: self.now)
        }
    }

    /// Makes the node the leader of term 1 or later, with the help of `b`.
    mutating func lead() {
        self.pass(1_001)
        self.settle()
        self.hear(.answerPreVote(isGranted: true), from: "b", term: self.node.term.value)
        self.settle()
        self.hear(.answerVote(isGranted: true), from: "b", term: self.node.term.value)
        self.settle()
    }

    mutating func read() -> ReadTicket? { self.node.readIndex(at: self.now) }
    mutating func propose(_ command: [UInt8] = [1]) -> Result<Proposed, ProposalRefusal> {
        self.node.propose(command, at: self.now)
    }

    /// `peer` has everything up to `index`.
    mutating func acknowledge(_ index: UInt64, by peer: NodeID) {
        self.hear(
            .answerAppend(.init(verdict: .accepted(LogIndex(index)), round: 0)), from: peer,
            term: self.node.term.value)
    }

    /// Entries of the leader `b` behind a position.
    mutating func append(
        after index: UInt64 = 0, term previous: UInt64 = 0, terms: [UInt64] = [],
        committed: UInt64 = 0, in term: UInt64 = 1
    ) {
        let entries = terms.enumerated().map { offset, entryTerm in
            RaftEntry(
                index: LogIndex(index + 1 + UInt64(offset)), term: Term(entryTerm),
                content: .command([UInt8(entryTerm)]))
        }
        self.hear(
            .append(
                .init(
                    previous: LogPosition(index: LogIndex(index), term: Term(previous)),
                    entries: entries, committed: LogIndex(committed), round: 0)),
            from: "b", term: term)
    }
}

/// A log with commands of these terms, as a disk gives it back.
func restored(terms: [UInt64], term: UInt64) -> RaftRestored {
    RaftRestored(
        hardState: HardState(term: Term(term), mayHaveForgotten: false),
        entries: terms.enumerated().map { offset, entryTerm in
            RaftEntry(
                index: LogIndex(UInt64(offset) + 1), term: Term(entryTerm),
                content: .command([UInt8(entryTerm)]))
        })
}

extension [RaftMessage] {
    var votesAsked: [RaftMessage] {
        self.filter { if case .askVote = $0.content { true } else { false } }
    }
    var preVotesAsked: [RaftMessage] {
        self.filter { if case .askPreVote = $0.content { true } else { false } }
    }
    var appends: [RaftMessage.Append] {
        self.compactMap { if case .append(let append) = $0.content { append } else { nil } }
    }
    var voteAnswers: [Bool] {
        self.compactMap {
            if case .answerVote(let granted, _) = $0.content { granted } else { nil }
        }
    }
    var preVoteAnswers: [Bool] {
        self.compactMap {
            if case .answerPreVote(let granted, _) = $0.content { granted } else { nil }
        }
    }
    var verdicts: [RaftMessage.AppendAnswer.Verdict] {
        self.compactMap {
            if case .answerAppend(let answer) = $0.content { answer.verdict } else { nil }
        }
    }
}
