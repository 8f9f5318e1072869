package import MessageFormat

/// What gathers until the owner takes the ready state.
struct Outbox: Sendable {
    static let refusalsMax = 16

    var messagesNow: [RaftMessage] = []
    var messagesAfterPersist: [RaftMessage] = []
    var restoredSnapshot: RaftSnapshot?
    var readsReady: [ReadTicket] = []
    var readsFailed: [ReadTicket] = []
    var refusals: [RefusedMessage] = []
    var lastTold: RoleChange?
}

extension RaftNode {
    package mutating func takeReady() -> RaftReady {
        self.startDueRound()
        var ready = RaftReady()
        ready.messagesNow = self.outbox.messagesNow
        self.outbox.messagesNow.removeAll()
        self.takePersist(into: &ready)
        ready.restoredSnapshot = self.outbox.restoredSnapshot
        ready.committed = self.takeCommitted()
        ready.readsReady = self.outbox.readsReady
        ready.readsFailed = self.outbox.readsFailed
        ready.roleChange = self.takeRoleChange()
        ready.refusals = self.outbox.refusals
        self.outbox.restoredSnapshot = nil
        self.outbox.readsReady.removeAll()
        self.outbox.readsFailed.removeAll()
        self.outbox.refusals.removeAll()
        return ready
    }

    /// The batch with this token is on stable storage.
    package mutating func persisted(_ token: UInt64, at now: Tick) {
        self.now = max(self.now, now)
        guard self.disk.persisted(token) else { return }
        switch self.state {
        case .candidate where self.isHardStateDurable:
            self.voteAnswered(
                by: self.id, true, mayHaveForgotten: self.mayHaveForgotten(against: self.log.last))
        case .leader: self.commitWhatIsReached()
        default: break
        }
    }

    var hardState: HardState {
        HardState(
            term: self.term, vote: self.vote, mayHaveForgotten: self.mayHaveForgotten,
            founding: self.founding)
    }
    private var isHardStateDurable: Bool { self.disk.durableHardState == self.hardState }

    /// Promises wait for the disk, and so does every mention of a term that is not there yet.
    mutating func send(_ content: RaftMessage.Content, to peer: NodeID) {
        let message = RaftMessage(
            from: self.id, to: peer, term: self.term, founding: self.toldFounding,
            content: content)
        if content.isPromise || !self.isHardStateDurable {
            self.outbox.messagesAfterPersist.append(message)
        } else {
            self.outbox.messagesNow.append(message)
        }
    }

    mutating func refuse(_ message: RaftMessage, _ reason: String) {
        guard self.outbox.refusals.count < Outbox.refusalsMax else { return }
        self.outbox.refusals.append(RefusedMessage(from: message.from, reason: reason))
    }

    private mutating func takePersist(into ready: inout RaftReady) {
        guard self.disk.isIdle else { return }
        ready.persist = self.disk.takeBatch(of: self.log, self.hardState)
        if ready.persist == nil {
            ready.messagesNow += self.outbox.messagesAfterPersist
        } else {
            ready.messagesAfterPersist = self.outbox.messagesAfterPersist
        }
        self.outbox.messagesAfterPersist.removeAll()
    }

    private mutating func takeCommitted() -> [RaftEntry] {
        guard self.committed > self.applied else { return [] }
        let entries = self.log.entries(in: self.applied.next...self.committed)
        self.applied = self.committed
        return entries
    }

    private mutating func takeRoleChange() -> RoleChange? {
        let current = RoleChange(role: self.role, term: self.term, leader: self.leader)
        guard current != self.outbox.lastTold else { return nil }
        self.outbox.lastTold = current
        return current
    }
}

extension RaftMessage.Content {
    /// Whether the sender's disk must hold something before this may be said. A leader's own
    /// entries need not be there: it counts itself only when they are (§10.2.1).
    fileprivate var isPromise: Bool {
        switch self {
        case .answerVote, .askVote, .answerAppend: true
        case .askPreVote, .answerPreVote, .append, .snapshotChunk, .answerSnapshotChunk,
            .campaignNow:
            false
        }
    }
}
