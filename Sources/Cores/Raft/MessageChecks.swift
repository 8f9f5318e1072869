// What a peer may send. Everything else is ignored, with a reason, before it touches any state.

extension RaftNode {
    /// Terms are counted up one by one; no member can have missed more elections than this.
    private static let termJumpMax: UInt64 = 1 << 20

    /// Why a message is no message to this member, nil when it is one.
    func problem(with message: RaftMessage) -> String? {
        guard message.to == self.id else { return "for \(message.to), not for \(self.id)" }
        guard message.from != self.id else { return "sent in this member's own name" }
        guard message.term <= Term.max,
            message.term.value <= self.term.value + Self.termJumpMax
        else { return "term \(message.term) is far from this member's \(self.term)" }
        guard self.mayBelong(to: message.founding) else {
            return "\(message.from) is a member of another group: one of the two was founded anew"
        }
        switch message.content {
        case .askPreVote(let log), .askVote(let log, _): return log.problem(in: message.term)
        case .append(let append): return append.problem(in: message.term)
        case .snapshotChunk(let chunk):
            guard chunk.position.index > .zero else { return "a snapshot of nothing" }
            return chunk.position.problem(in: message.term)
        case .answerAppend(let answer): return answer.problem
        case .answerPreVote, .answerVote, .answerSnapshotChunk, .campaignNow: return nil
        }
    }
}

extension LogPosition {
    fileprivate func problem(in term: Term) -> String? {
        guard self.index <= LogIndex.max else { return "index \(self.index)" }
        guard (self.index == .zero) == (self.term == .zero) else {
            return "index \(self.index) cannot have term \(self.term)"
        }
        return self.term <= term ? nil : "an entry of term \(self.term) in term \(term)"
    }
}

extension RaftMessage.Append {
    fileprivate func problem(in term: Term) -> String? {
        var last = self.previous
        for entry in self.entries {
            guard last.index < LogIndex.max, entry.index == last.index.next else {
                return "entry \(entry.index) behind \(last.index)"
            }
            guard entry.term >= last.term, entry.term > .zero else {
                return "entry of term \(entry.term) behind one of term \(last.term)"
            }
            last = entry.position
        }
        return self.previous.problem(in: term) ?? last.problem(in: term)
    }
}

extension RaftMessage.AppendAnswer {
    fileprivate var problem: String? {
        guard case .refused(let previous, let hint) = self.verdict else { return nil }
        guard hint.index <= previous.index, previous.index <= LogIndex.max else {
            return "hint \(hint.index) behind the refused \(previous.index)"
        }
        return nil
    }
}
