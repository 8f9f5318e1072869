package import MessageFormat

/// One member of a Raft group: input in, `RaftReady` out.
///
/// Rules follow Ongaro's dissertation, "Consensus: Bridging Theory and Practice"; tests name its
/// sections. After each turn of inputs the owner takes the ready state and carries it out.
package struct RaftNode: Sendable {
    package let id: NodeID
    package let settings: RaftSettings
    package internal(set) var term: Term
    var vote: NodeID?
    var log: RaftLog
    var disk: DiskProgress
    var state = RoleState.follower(Following())
    package internal(set) var committed: LogIndex
    /// Entries up to here were handed out in `RaftReady.committed`, or are in a snapshot.
    package internal(set) var applied: LogIndex
    /// Its disk was empty when it started, and it has not caught up since: `Forgetting.swift`.
    package internal(set) var mayHaveForgotten: Bool
    /// Which group it is a member of, 0 before it has heard of one: `Founding.swift`.
    package internal(set) var founding: UInt64
    /// Until then it is as good as down.
    var listensAt: Tick

    var now: Tick
    var electionDeadline: Tick
    var jitter: ElectionJitter
    var lastTicket: UInt64 = 0
    var outbox = Outbox()

    /// - parameter seed: what election timeouts are drawn from. Members must have different ones.
    package init(
        id: NodeID, restored: RaftRestored, settings: RaftSettings, seed: UInt64, at now: Tick
    ) {
        self.id = id
        self.settings = settings
        self.term = restored.hardState.term
        self.vote = restored.hardState.vote
        self.log = RaftLog(
            snapshot: restored.snapshot, entries: restored.entries,
            firstMembership: settings.firstMembership)
        self.disk = DiskProgress(hardState: restored.hardState, last: self.log.last.index)
        self.committed = self.log.base.index
        self.applied = self.log.base.index
        self.mayHaveForgotten = restored.hardState.mayHaveForgotten
        self.founding = restored.hardState.founding
        self.listensAt = now
        self.now = now
        self.electionDeadline = now
        self.jitter = ElectionJitter(seed: seed)
        if self.membership.voters != [id] {
            self.postponeElection()
            self.stayOut()
        }
    }

    package var role: RaftRole { self.state.name }
    package var isLeader: Bool { self.role == .leader }
    package var membership: Membership { self.log.membership }
    package var lastIndex: LogIndex { self.log.last.index }
    /// The index of the newest snapshot.
    package var snapshotIndex: LogIndex { self.log.snapshot?.position.index ?? .zero }

    /// The leader of `term` as far as this member knows.
    package var leader: NodeID? {
        switch self.state {
        case .leader: self.id
        case .follower(let following): following.leader
        case .preCandidate, .candidate: nil
        }
    }

    /// A leader whose own term has a committed entry: its state machine is up to date.
    package var isLeaderReady: Bool {
        guard let leading = self.state.leading else { return false }
        return self.applied >= leading.firstIndex
    }

    /// What a peer is known to have; only a leader knows.
    package func matched(by node: NodeID) -> LogIndex? {
        guard let leading = self.state.leading else { return nil }
        return node == self.id ? self.disk.durable : leading.peers[node]?.matched
    }
}

extension RaftNode {
    package mutating func receive(_ message: RaftMessage, at now: Tick) {
        self.now = max(self.now, now)
        guard self.now >= self.listensAt else { return }
        self.stepDownIfLeft()
        if let problem = self.problem(with: message) { return self.refuse(message, problem) }
        if message.term < self.term { return self.answerStale(message) }
        if case .campaignNow = message.content,
            self.leader != message.from || message.term != self.term
        {
            return self.refuse(message, "only the leader of term \(self.term) names its successor")
        }
        if message.term > self.term {
            if self.isDisruption(message) { return self.refuseDisruption(message) }
            self.becomeFollower(in: message.term, of: nil)
        }
        if message.isFromLeader {
            guard self.follow(message) else { return }
            self.join(message.founding)
        }
        self.dispatch(message)
    }

    /// Time has passed. To be called some hundred times a second.
    package mutating func advance(to now: Tick) {
        self.now = max(self.now, now)
        switch self.state {
        case .leader: self.lead()
        case .follower, .preCandidate, .candidate:
            if self.now >= self.electionDeadline { self.startPreVote() }
        }
    }

    /// The connection to a peer has closed: it may be dead, and messages may be lost.
    package mutating func peerLost(_ peer: NodeID, at now: Tick) {
        self.now = max(self.now, now)
        switch self.state {
        case .leader: self.state.leading?.peers[peer]?.lost()
        case .follower(var following) where following.leader == peer:
            following.leader = nil
            following.heardAt = nil
            self.state = .follower(following)
            self.electionDeadline =
                self.now + self.jitter.duration(in: self.settings.lostLeaderTimeout)
        case .follower, .preCandidate, .candidate: break
        }
    }

    private mutating func dispatch(_ message: RaftMessage) {
        let peer = message.from
        switch message.content {
        case .askPreVote(let log): self.askedForPreVote(by: peer, log)
        case .answerPreVote(let isGranted, let mayHaveForgotten):
            self.preVoteAnswered(by: peer, isGranted, mayHaveForgotten: mayHaveForgotten)
        case .askVote(let log, _): self.askedForVote(by: peer, log)
        case .answerVote(let isGranted, let mayHaveForgotten):
            self.voteAnswered(by: peer, isGranted, mayHaveForgotten: mayHaveForgotten)
        case .append(let append): self.received(append, from: message)
        case .answerAppend(let answer): self.answered(answer, in: message)
        case .snapshotChunk(let chunk): self.received(chunk, from: message)
        case .answerSnapshotChunk(let progress): self.answered(progress, by: peer)
        case .campaignNow: self.campaign(isTransfer: true)
        }
    }

    /// §3.3: who is behind learns the term, so that a deposed leader steps down.
    private mutating func answerStale(_ message: RaftMessage) {
        switch message.content {
        case .append(let append):
            self.answer(
                message.from, .refused(previous: append.previous, hint: .start), append.round)
        case .snapshotChunk(let chunk):
            self.answer(
                message.from, .refused(previous: chunk.position, hint: .start), chunk.round)
        case .askPreVote: self.send(.answerPreVote(isGranted: false), to: message.from)
        case .askVote: self.send(.answerVote(isGranted: false), to: message.from)
        default: break
        }
    }

    /// The sender leads this term. Returns whether its message counts.
    private mutating func follow(_ message: RaftMessage) -> Bool {
        let leader = message.from
        switch self.state {
        case .leader:
            self.refuse(message, "claims to lead term \(self.term), which this member leads")
            return false
        case .follower(var following):
            guard following.leader == nil || following.leader == leader else {
                self.refuse(message, "term \(self.term) has another leader")
                return false
            }
            following.leader = leader
            following.heardAt = self.now
            self.state = .follower(following)
        case .preCandidate, .candidate:
            self.state = .follower(Following(leader: leader, heardAt: self.now))
        }
        self.postponeElection()
        return true
    }

    mutating func becomeFollower(in term: Term, of leader: NodeID?) {
        if let leading = self.state.leading {
            self.outbox.readsFailed += leading.reads.map(\.ticket)
        }
        if term > self.term {
            self.term = term
            self.vote = nil
        }
        self.state = .follower(Following(leader: leader, heardAt: leader == nil ? nil : self.now))
        self.postponeElection()
    }

    mutating func postponeElection() {
        self.electionDeadline = self.now + self.jitter.duration(in: self.settings.electionTimeout)
    }
}
