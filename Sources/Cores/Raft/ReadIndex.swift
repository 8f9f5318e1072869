package import MessageFormat

// Linearizable reads without an entry in the log: §6.4.

extension RaftNode {
    private static let readsMax = 65_536

    /// Nil when this member does not lead, or too many reads wait already.
    package mutating func readIndex(at now: Tick) -> ReadTicket? {
        self.now = max(self.now, now)
        guard let leading = self.state.leading, leading.reads.count < Self.readsMax else {
            return nil
        }
        self.lastTicket += 1
        let ticket = ReadTicket(number: self.lastTicket)
        let index = max(self.committed, leading.firstIndex)
        self.state.leading?.reads.append(
            .init(ticket: ticket, index: index, round: leading.round + 1))
        self.state.leading?.isRoundDue = true
        return ticket
    }

    /// One round of messages for all reads of a turn.
    mutating func startDueRound() {
        guard let leading = self.state.leading, leading.isRoundDue else { return }
        self.state.leading?.isRoundDue = false
        self.state.leading?.round += 1
        self.heartbeatToAll()
        self.answerConfirmedReads()
    }

    /// A majority has followed this leader after the reads were asked, so no later leader had
    /// committed anything by then.
    mutating func answerConfirmedReads() {
        guard let leading = self.state.leading, !leading.reads.isEmpty else { return }
        let confirmed = self.membership.quorum.reached { node in
            node == self.id ? leading.round : leading.peers[node]?.round ?? 0
        }
        let waiting = leading.reads.drop {
            $0.round <= confirmed && $0.index <= self.committed
        }
        guard waiting.count < leading.reads.count else { return }
        self.outbox.readsReady += leading.reads.dropLast(waiting.count).map(\.ticket)
        self.state.leading?.reads = Array(waiting)
    }
}
