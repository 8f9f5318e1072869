import MessageFormat

// Votes and promises of votes: §3.4, §3.6.1, and §9.6 for the round before the election.

extension RaftNode {
    /// Asks whether an election would be won, before a new term disturbs everybody.
    mutating func startPreVote() {
        guard self.mayCampaign else { return self.postponeElection() }
        self.state = .preCandidate(Campaign())
        self.electionDeadline = self.now + self.jitter.duration(in: self.settings.candidateTimeout)
        for peer in self.otherVoters {
            self.send(.askPreVote(log: self.log.last), to: peer)
        }
        self.preVoteAnswered(
            by: self.id, true, mayHaveForgotten: self.mayHaveForgotten(against: self.log.last))
    }

    mutating func askedForPreVote(by peer: NodeID, _ log: LogPosition) {
        let isGranted = !self.hasLease && log.isAtLeastAsUpToDate(as: self.log.last)
        self.send(
            .answerPreVote(
                isGranted: isGranted, mayHaveForgotten: self.mayHaveForgotten(against: log)),
            to: peer)
    }

    mutating func preVoteAnswered(by peer: NodeID, _ isGranted: Bool, mayHaveForgotten: Bool) {
        guard isGranted, case .preCandidate(var campaign) = self.state else { return }
        campaign.granted(by: peer, mayHaveForgotten: mayHaveForgotten)
        self.state = .preCandidate(campaign)
        if campaign.isWon(in: self.membership) { self.campaign(isTransfer: false) }
    }

    /// Asks for real votes in a new term. The own vote counts when it is on disk.
    mutating func campaign(isTransfer: Bool) {
        guard self.mayCampaign, self.term < Term.max else { return }
        self.term = self.term.next
        self.vote = self.id
        self.state = .candidate(Campaign())
        self.electionDeadline = self.now + self.jitter.duration(in: self.settings.candidateTimeout)
        for peer in self.otherVoters {
            self.send(.askVote(log: self.log.last, isTransfer: isTransfer), to: peer)
        }
    }

    mutating func askedForVote(by peer: NodeID, _ log: LogPosition) {
        let isFree = self.vote == nil && self.leader == nil || self.vote == peer
        let isGranted = isFree && log.isAtLeastAsUpToDate(as: self.log.last)
        if isGranted {
            self.vote = peer
            self.postponeElection()
        }
        self.send(
            .answerVote(
                isGranted: isGranted, mayHaveForgotten: self.mayHaveForgotten(against: log)),
            to: peer)
    }

    /// A vote that comes after the campaign's time is no vote: its voter may have forgotten it.
    mutating func voteAnswered(by peer: NodeID, _ isGranted: Bool, mayHaveForgotten: Bool) {
        guard isGranted, case .candidate(var campaign) = self.state,
            self.now < self.electionDeadline
        else { return }
        campaign.granted(by: peer, mayHaveForgotten: mayHaveForgotten)
        self.state = .candidate(campaign)
        if campaign.isWon(in: self.membership) { self.becomeLeader() }
    }

    /// §6.4: a leader's first entry is its own, so that it learns what is committed.
    private mutating func becomeLeader() {
        self.found()
        let first = self.log.last.index.next
        var leading = Leading(
            firstIndex: first, heartbeatAt: self.now + self.settings.heartbeatInterval)
        for peer in self.otherMembers {
            leading.peers[peer] = Progress(next: first, at: self.now)
        }
        self.state = .leader(leading)
        self.append(.noOperation)
        self.replicateToAll(evenNothing: true)
    }
}

extension RaftNode {
    /// §4.2.2: whoever is leaving is needed until that is committed: nobody else may have as much.
    private var mayCampaign: Bool {
        if self.membership.isVoter(self.id) { return true }
        let change = self.log.membershipIndex
        return change > self.committed && change > .zero
            && self.log.membership(at: change.previous).isVoter(self.id)
    }

    var otherMembers: [NodeID] { self.membership.nodes.filter { $0 != self.id } }
    var otherVoters: [NodeID] { self.membership.voters.filter { $0 != self.id } }

    /// §4.2.3: whoever hears from a leader, or is one, helps nobody to disturb it.
    var hasLease: Bool {
        switch self.state {
        case .leader: true
        case .follower(let following): self.isRecent(following.heardAt)
        case .preCandidate, .candidate: false
        }
    }

    func isRecent(_ heardAt: Tick?) -> Bool {
        guard let heardAt else { return false }
        return self.now - heardAt < self.settings.electionTimeout.lowerBound
    }

    /// A candidate of a later term that must not be heard while there is a leader.
    func isDisruption(_ message: RaftMessage) -> Bool {
        switch message.content {
        case .askPreVote, .askVote(_, isTransfer: false): self.hasLease
        default: false
        }
    }

    /// The term stays as it is, and a real candidate gets no answer at all.
    mutating func refuseDisruption(_ message: RaftMessage) {
        guard case .askPreVote = message.content else { return }
        self.send(.answerPreVote(isGranted: false), to: message.from)
    }
}
