package import MessageFormat

/// One member of a Raft group: input in, `RaftReady` out.
package struct RaftNode: Sendable {
    package let id: NodeID
    package let settings: RaftSettings
    package private(set) var term = Term.zero
    package private(set) var role = RaftRole.follower
    /// The leader of `term` as far as this member knows.
    package private(set) var leader: NodeID?
    package private(set) var membership: Membership
    package private(set) var committed = LogIndex.zero
    package private(set) var lastIndex = LogIndex.zero

    /// - parameter seed: what election timeouts are drawn from. Members must have different ones.
    package init(
        id: NodeID, restored: RaftRestored, settings: RaftSettings, seed: UInt64, at now: Tick
    ) {
        self.id = id
        self.settings = settings
        self.membership = settings.firstMembership
    }

    package var isLeader: Bool { self.role == .leader }
    /// A leader whose own term has a committed entry: its state machine is up to date.
    package var isLeaderReady: Bool { self.isLeader }
    /// Entries up to here were handed out in `RaftReady.committed`, or are in a snapshot.
    package var applied: LogIndex { self.committed }
    /// What a follower is known to have, as the leader knows it.
    package func matched(by node: NodeID) -> LogIndex? { nil }

    package mutating func receive(_ message: RaftMessage, at now: Tick) {}
    /// Time has passed. Some hundred times a second.
    package mutating func advance(to now: Tick) {}
    /// The connection to a peer has closed: it may be dead.
    package mutating func peerLost(_ peer: NodeID, at now: Tick) {}
    /// The batch with this token is on stable storage.
    package mutating func persisted(_ token: UInt64, at now: Tick) {}

    package mutating func propose(_ command: [UInt8], at now: Tick) -> Result<
        Proposed, ProposalRefusal
    > { .failure(.notLeader(leader: nil)) }
    package mutating func propose(_ change: MembershipChange, at now: Tick) -> Result<
        Proposed, ProposalRefusal
    > { .failure(.notLeader(leader: nil)) }
    /// Nil when this member does not lead.
    package mutating func readIndex(at now: Tick) -> ReadTicket? { nil }
    /// - parameter target: nil for the voter that has most of the log. Returns who it will be.
    package mutating func transferLeadership(to target: NodeID?, at now: Tick) -> Result<
        NodeID, ProposalRefusal
    > { .failure(.notLeader(leader: nil)) }
    /// The state machine at `index`, which must have been applied; the log before it may go.
    package mutating func compact(upTo index: LogIndex, snapshot: [UInt8]) {}

    package mutating func takeReady() -> RaftReady { RaftReady() }
}
