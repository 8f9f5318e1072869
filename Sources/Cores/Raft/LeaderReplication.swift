package import MessageFormat

// A leader's log becomes the group's: §3.5, §3.6.

extension RaftNode {
    package mutating func propose(_ command: [UInt8], at now: Tick) -> Result<
        Proposed, ProposalRefusal
    > {
        self.now = max(self.now, now)
        if let refusal = self.refusal(ofCommand: command.count) { return .failure(refusal) }
        self.append(.command(command))
        self.state.leading?.uncommittedBytes += command.count
        self.replicateToAll(evenNothing: false)
        return .success(self.log.last)
    }

    mutating func append(_ content: RaftEntry.Content) {
        self.log.append(
            RaftEntry(index: self.log.last.index.next, term: self.term, content: content))
    }

    func refusal(ofCommand bytes: Int) -> ProposalRefusal? {
        guard let leading = self.state.leading else { return .notLeader(leader: self.leader) }
        if let transfer = leading.transfer { return .transferring(to: transfer.target) }
        if bytes > self.settings.commandBytesMax {
            return .tooLarge(bytes: bytes, bytesMax: self.settings.commandBytesMax)
        }
        let waiting = self.log.last.index.distance(from: self.committed)
        let hasRoom =
            waiting < self.settings.uncommittedEntriesMax
            && leading.uncommittedBytes + bytes <= self.settings.uncommittedBytesMax
        return hasRoom ? nil : .busy(uncommitted: waiting)
    }

    mutating func replicateToAll(evenNothing: Bool) {
        for peer in self.otherMembers { self.replicate(to: peer, evenNothing: evenNothing) }
    }

    /// Sends what the peer lacks, as far as its window allows.
    private mutating func replicate(to peer: NodeID, evenNothing: Bool) {
        var isFirst = true
        while let progress = self.state.leading?.peers[peer],
            progress.maySendEntries(inFlightMax: self.settings.messagesInFlightMax)
        {
            guard let term = self.log.term(at: progress.next.previous) else {
                return self.startSnapshot(for: peer)
            }
            let entries = self.log.entries(
                from: progress.next, bytesMax: self.settings.messageBytesMax)
            if entries.isEmpty && !(isFirst && evenNothing) { return }
            isFirst = false
            self.send(
                entries, to: peer,
                after: LogPosition(index: progress.next.previous, term: term))
            if entries.isEmpty { return }
        }
    }

    private mutating func send(
        _ entries: [RaftEntry], to peer: NodeID, after previous: LogPosition
    ) {
        guard let leading = self.state.leading else { return }
        let append = RaftMessage.Append(
            previous: previous, entries: entries, committed: self.committed, round: leading.round)
        self.send(.append(append), to: peer)
        self.state.leading?.peers[peer]?.sent(
            upTo: previous.index.advanced(by: entries.count))
    }

    /// A message that every follower can accept: it shows that the leader is there, and whether
    /// what was sent before has arrived.
    private mutating func heartbeat(to peer: NodeID) {
        guard let progress = self.state.leading?.peers[peer] else { return }
        switch progress.mode {
        case .probing:
            self.state.leading?.peers[peer]?.mode = .probing(isAnswerDue: false)
            self.replicate(to: peer, evenNothing: true)
        case .streaming:
            let previous = progress.next.previous
            if let term = self.log.term(at: previous) {
                self.send([], to: peer, after: LogPosition(index: previous, term: term))
            } else {
                // What would show whether it has arrived is in the log no more.
                self.state.leading?.peers[peer]?.lost()
                self.replicate(to: peer, evenNothing: true)
            }
        case .sendingSnapshot(let snapshot):
            self.send([], to: peer, after: .start)
            self.resend(snapshot, to: peer)
        }
    }

    mutating func heartbeatToAll() {
        for peer in self.otherMembers { self.heartbeat(to: peer) }
        self.state.leading?.heartbeatAt = self.now + self.settings.heartbeatInterval
    }

    mutating func answered(_ answer: RaftMessage.AppendAnswer, in message: RaftMessage) {
        let peer = message.from
        guard self.heard(peer, round: answer.round) else { return }
        self.state.leading?.peers[peer]?.mayHaveForgotten = answer.mayHaveForgotten
        switch answer.verdict {
        case .accepted(let index):
            guard index <= self.log.last.index else {
                return self.refuse(message, "accepted \(index), which was never sent")
            }
            self.state.leading?.peers[peer]?.accepted(upTo: index)
            self.commitWhatIsReached()
            self.handOverIfReady(to: peer)
        case .refused(let previous, let hint):
            self.refused(by: peer, at: previous.index, hint)
        }
        self.replicate(to: peer, evenNothing: false)
    }

    private mutating func refused(by peer: NodeID, at previous: LogIndex, _ hint: LogPosition) {
        guard let progress = self.state.leading?.peers[peer] else { return }
        if case .sendingSnapshot = progress.mode { return }
        // An answer to a question that was asked before the last refusal tells nothing new.
        if case .probing = progress.mode, previous != progress.next.previous { return }
        let own = self.log.lastPosition(
            upTo: min(hint.index, previous.previous), termMax: hint.term)
        self.state.leading?.peers[peer]?.refused(agreeingUpTo: min(own.index, hint.index))
    }

    /// A peer answered in this term: it follows. Returns whether it belongs to the group.
    mutating func heard(_ peer: NodeID, round: UInt64) -> Bool {
        guard var progress = self.state.leading?.peers[peer] else { return false }
        progress.heardAt = self.now
        progress.round = max(progress.round, min(round, self.state.leading?.round ?? 0))
        self.state.leading?.peers[peer] = progress
        self.answerConfirmedReads()
        return true
    }
}

extension RaftNode {
    /// §3.6.2: an entry of an earlier term is committed only together with one of this term.
    mutating func commitWhatIsReached() {
        guard let leading = self.state.leading else { return }
        let reached = self.membership.quorum.reached { node in
            node == self.id ? self.disk.durable : leading.peers[node]?.matched ?? .zero
        }
        guard reached > self.committed, self.log.term(at: reached) == self.term else { return }
        self.state.leading?.uncommittedBytes -= self.log.commandBytes(
            in: self.committed.next...reached, of: self.term)
        self.committed = reached
        self.answerConfirmedReads()
        self.leaveIfRemoved()
        guard self.isLeader else { return }
        // Followers learn of it at once: their state machines answer questions too.
        for peer in self.otherMembers { self.tellCommitted(to: peer) }
    }

    private mutating func tellCommitted(to peer: NodeID) {
        guard let progress = self.state.leading?.peers[peer],
            case .streaming = progress.mode, progress.matched >= self.committed
        else { return }
        self.heartbeat(to: peer)
    }

    /// Time passes for a leader.
    mutating func lead() {
        self.stepDownIfLeft()
        guard let leading = self.state.leading else { return }
        self.settle(with: self.committed)
        if let transfer = leading.transfer, self.now >= transfer.deadline {
            self.state.leading?.transfer = nil
        }
        if self.now >= leading.heartbeatAt { self.heartbeatToAll() }
    }

    /// §6.2: a leader that nobody follows any more must not keep clients waiting. One that stood
    /// still must notice before the messages that wait for it make it believe in followers again.
    mutating func stepDownIfLeft() {
        guard let leading = self.state.leading, !self.hearsMajority(leading) else { return }
        self.becomeFollower(in: self.term, of: nil)
    }

    private func hearsMajority(_ leading: Leading) -> Bool {
        self.membership.quorum.isReached { node in
            node == self.id || self.isRecent(leading.peers[node]?.heardAt)
        }
    }
}
