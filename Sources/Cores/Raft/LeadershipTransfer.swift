package import MessageFormat

// A leader that leaves in order names its successor: §3.10.

extension RaftNode {
    /// Proposals are refused until it is done or an election timeout has passed.
    ///
    /// - parameter target: nil for the voter that has most of the log.
    package mutating func transferLeadership(to target: NodeID?, at now: Tick) -> Result<
        NodeID, ProposalRefusal
    > {
        self.now = max(self.now, now)
        guard let leading = self.state.leading else {
            return .failure(.notLeader(leader: self.leader))
        }
        if let transfer = leading.transfer { return .failure(.transferring(to: transfer.target)) }
        guard let successor = target ?? self.bestSuccessor(leading) else {
            return .failure(.badChange("no other voter is there"))
        }
        guard self.otherVoters.contains(successor) else {
            return .failure(.badChange("\(successor) is no other voter"))
        }
        let deadline = self.now + self.settings.electionTimeout.lowerBound
        self.state.leading?.transfer = .init(target: successor, deadline: deadline)
        self.handOverIfReady(to: successor)
        return .success(successor)
    }

    /// The successor has the whole log: nothing holds it up.
    mutating func handOverIfReady(to peer: NodeID) {
        guard let leading = self.state.leading, leading.transfer?.target == peer,
            leading.peers[peer]?.matched == self.log.last.index
        else { return }
        self.send(.campaignNow, to: peer)
    }

    private func bestSuccessor(_ leading: Leading) -> NodeID? {
        self.otherVoters
            .filter { self.isRecent(leading.peers[$0]?.heardAt) }
            .max { self.matched($0, leading) < self.matched($1, leading) }
    }

    private func matched(_ node: NodeID, _ leading: Leading) -> LogIndex {
        leading.peers[node]?.matched ?? .zero
    }
}
