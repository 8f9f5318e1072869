/// What a member wants done after a turn, in the order of the fields.
///
/// The disk and the network work in parallel where that is safe: `messagesNow` go out at once,
/// `messagesAfterPersist` promise what is in `persist` and go out after its flush.
package struct RaftReady: Sendable {
    package var messagesNow: [RaftMessage] = []
    /// At most one batch is at the disk; what gathers meanwhile goes with the next one.
    package var persist: RaftPersist?
    package var messagesAfterPersist: [RaftMessage] = []
    /// The state machine is replaced by it, before `committed` is applied.
    package var restoredSnapshot: RaftSnapshot?
    /// Entries to apply, in order, without a gap. A proposal is lost when another term's entry
    /// comes at its index.
    package var committed: [RaftEntry] = []
    /// Reads that may be answered from the state after `committed`.
    package var readsReady: [ReadTicket] = []
    /// Reads that this member cannot answer any more.
    package var readsFailed: [ReadTicket] = []
    /// The state of affairs at the end of the turn, when it differs from the last one told.
    package var roleChange: RoleChange?
    /// Messages of peers that were ignored, for the log.
    package var refusals: [RefusedMessage] = []

    package init() {}

    package var isEmpty: Bool {
        self.messagesNow.isEmpty && self.persist == nil && self.messagesAfterPersist.isEmpty
            && self.restoredSnapshot == nil && self.committed.isEmpty && self.readsReady.isEmpty
            && self.readsFailed.isEmpty && self.roleChange == nil && self.refusals.isEmpty
    }
}

/// What must be on stable storage before `RaftNode.persisted` is called with its token.
///
/// Order: `truncateFrom`, `snapshot`, `entries`; `hardState` anywhere among them. All of it with
/// one flush, the snapshot's file before it.
package struct RaftPersist: Hashable, Sendable {
    package var token: UInt64
    package var hardState: HardState?
    /// Entries with this index and later ones are dropped.
    package var truncateFrom: LogIndex?
    /// Replaces the snapshot before it; entries up to its index are dropped.
    package var snapshot: RaftSnapshot?
    /// Continue the log without a gap.
    package var entries: [RaftEntry] = []
}

/// What a member must never forget beside its log.
package struct HardState: Hashable, Sendable {
    package var term: Term
    /// Whom it voted for in `term`.
    package var vote: NodeID?
    /// Nothing shows yet that the disk it started with was its first: see `Forgetting.swift`.
    package var mayHaveForgotten: Bool
    /// Which group it is a member of, 0 before it has heard of one: see `Founding.swift`.
    package var founding: UInt64

    package init(
        term: Term = .zero, vote: NodeID? = nil, mayHaveForgotten: Bool = true,
        founding: UInt64 = 0
    ) {
        self.term = term
        self.vote = vote
        self.mayHaveForgotten = mayHaveForgotten
        self.founding = founding
    }
}

/// The state machine at one position of the log.
package struct RaftSnapshot: Hashable, Sendable {
    package var position: LogPosition
    package var membership: Membership
    package var bytes: [UInt8]

    package init(position: LogPosition, membership: Membership, bytes: [UInt8]) {
        self.position = position
        self.membership = membership
        self.bytes = bytes
    }
}

/// What a member finds on its disk.
package struct RaftRestored: Sendable {
    package var hardState: HardState
    package var snapshot: RaftSnapshot?
    /// Everything behind the snapshot, without a gap.
    package var entries: [RaftEntry]

    package init(
        hardState: HardState = HardState(), snapshot: RaftSnapshot? = nil,
        entries: [RaftEntry] = []
    ) {
        self.hardState = hardState
        self.snapshot = snapshot
        self.entries = entries
    }
}

package enum RaftRole: Hashable, Sendable {
    case follower
    /// Asks whether it would be elected.
    case preCandidate
    case candidate
    case leader
}

package struct RoleChange: Hashable, Sendable {
    package var role: RaftRole
    package var term: Term
    package var leader: NodeID?
}

/// A read that waits for proof that this member still leads.
package struct ReadTicket: Hashable, Comparable, Sendable {
    package let number: UInt64

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// Where a proposal stands in the log. It is committed when an entry of the same index and term is.
package typealias Proposed = LogPosition

/// Why a member did not take a proposal.
package enum ProposalRefusal: Error, Hashable, Sendable {
    case notLeader(leader: NodeID?)
    /// Leadership is being handed over; it takes an election timeout at most.
    case transferring(to: NodeID)
    case tooLarge(bytes: Int, bytesMax: Int)
    /// Too much waits for a majority already.
    case busy(uncommitted: Int)
    /// A change of the group that cannot be made now, or never.
    case badChange(String)
}

package struct RefusedMessage: Hashable, Sendable {
    package var from: NodeID
    package var reason: String
}
