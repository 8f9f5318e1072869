import MessageFormat

// A follower's log becomes the leader's: §3.5.

extension RaftNode {
    mutating func received(_ append: RaftMessage.Append, from message: RaftMessage) {
        guard self.agrees(at: append.previous) else {
            return self.answer(
                message.from,
                .refused(previous: append.previous, hint: self.hint(for: append.previous)),
                append.round)
        }
        let new = append.entries.drop { entry in
            entry.index < self.log.base.index || self.log.term(at: entry.index) == entry.term
        }
        if let first = new.first {
            guard first.index > self.committed else {
                return self.refuse(
                    message,
                    "entry \(first.index) of term \(first.term) contradicts a committed one"
                )
            }
            self.replace(from: first.index, with: new)
        }
        let matched = append.previous.index.advanced(by: append.entries.count)
        self.committed = max(self.committed, min(append.committed, matched))
        self.settle(with: append.committed)
        self.answer(message.from, .accepted(matched), append.round)
    }

    mutating func answer(
        _ leader: NodeID, _ verdict: RaftMessage.AppendAnswer.Verdict, _ round: UInt64
    ) {
        let answer = RaftMessage.AppendAnswer(
            verdict: verdict, round: round, mayHaveForgotten: self.mayHaveForgotten)
        self.send(.answerAppend(answer), to: leader)
    }

    /// "Log matching": equal index and term mean equal logs up to there. What lies before the
    /// first entry in memory is committed, so it agrees with every leader.
    private func agrees(at position: LogPosition) -> Bool {
        position.index < self.log.base.index
            || self.log.term(at: position.index) == position.term
    }

    /// §3.5: one answer skips a whole term of entries that differ.
    private func hint(for previous: LogPosition) -> LogPosition {
        self.log.lastPosition(upTo: previous.index.previous, termMax: previous.term)
    }

    private mutating func replace(from index: LogIndex, with entries: ArraySlice<RaftEntry>) {
        if index <= self.log.last.index {
            self.log.truncate(from: index)
            self.disk.truncated(from: index)
        }
        for entry in entries { self.log.append(entry) }
    }
}
