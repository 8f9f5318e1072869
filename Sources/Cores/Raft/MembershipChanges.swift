package import MessageFormat

// One member at a time: §4.1, §4.2. A new member catches up as a learner first: §4.2.1.

extension RaftNode {
    package mutating func propose(_ change: MembershipChange, at now: Tick) -> Result<
        Proposed, ProposalRefusal
    > {
        self.now = max(self.now, now)
        if let refusal = self.refusal(ofCommand: 0) ?? self.refusal(of: change) {
            return .failure(refusal)
        }
        self.append(.membership(self.membership.applying(change)))
        self.peersChanged()
        self.replicateToAll(evenNothing: true)
        return .success(self.log.last)
    }

    private func refusal(of change: MembershipChange) -> ProposalRefusal? {
        guard let leading = self.state.leading else { return .notLeader(leader: self.leader) }
        // A leader without a committed entry of its own might build on a membership that a later
        // leader has replaced: then two majorities need not share a member.
        guard self.committed >= leading.firstIndex else {
            return .badChange("the leader is too new, try again")
        }
        guard self.log.membershipIndex <= self.committed else {
            return .badChange("another change is under way")
        }
        if let problem = self.membership.problem(with: change) { return .badChange(problem) }
        if case .promote(let node) = change { return self.refusal(ofPromoting: node, leading) }
        return nil
    }

    private func refusal(ofPromoting node: NodeID, _ leading: Leading) -> ProposalRefusal? {
        guard let learner = leading.peers[node], self.isRecent(learner.heardAt) else {
            return .badChange("\(node) does not answer")
        }
        let lag = self.log.last.index.distance(from: learner.matched)
        guard lag <= self.settings.learnerLagMax, !learner.mayHaveForgotten else {
            return .badChange("\(node) has not caught up: it lacks \(lag) entries")
        }
        return nil
    }

    private mutating func peersChanged() {
        guard var leading = self.state.leading else { return }
        let members = self.otherMembers
        leading.peers = leading.peers.filter { members.contains($0.key) }
        for peer in members where leading.peers[peer] == nil {
            leading.peers[peer] = Progress(next: self.log.last.index, at: self.now)
        }
        self.state.leading = leading
    }

    /// §4.2.2: a leader that is no member any more leads until the group without it has its
    /// removal committed.
    mutating func leaveIfRemoved() {
        guard !self.membership.contains(self.id), self.committed >= self.log.membershipIndex
        else { return }
        self.replicateToAll(evenNothing: true)
        self.becomeFollower(in: self.term, of: nil)
    }
}
