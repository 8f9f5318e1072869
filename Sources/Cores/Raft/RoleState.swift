import MessageFormat

/// The four roles and what exists only in them.
///
/// follower → preCandidate → candidate → leader; every role falls back to follower.
enum RoleState: Sendable {
    case follower(Following)
    case preCandidate(Campaign)
    case candidate(Campaign)
    case leader(Leading)

    var name: RaftRole {
        switch self {
        case .follower: .follower
        case .preCandidate: .preCandidate
        case .candidate: .candidate
        case .leader: .leader
        }
    }

    /// Setting nil has no effect: leadership ends by becoming something else.
    var leading: Leading? {
        get { if case .leader(let leading) = self { leading } else { nil } }
        set { if let newValue { self = .leader(newValue) } }
    }

    var following: Following? {
        get { if case .follower(let following) = self { following } else { nil } }
        set { if let newValue { self = .follower(newValue) } }
    }
}

struct Following: Sendable {
    var leader: NodeID?
    /// When the leader was last heard of; nil when its connection has closed since.
    var heardAt: Tick?
    var incoming: IncomingSnapshot?
}

/// Votes, or promises of votes.
struct Campaign: Sendable {
    private var granted: Set<NodeID> = []
    /// Those among them whose voters remember all that they ever confirmed.
    private var full: Set<NodeID> = []

    mutating func granted(by peer: NodeID, mayHaveForgotten: Bool) {
        self.granted.insert(peer)
        if !mayHaveForgotten { self.full.insert(peer) }
    }

    /// A majority of full votes, or all votes: `Forgetting.swift` says why.
    func isWon(in membership: Membership) -> Bool {
        membership.quorum.isReached(self.full.contains)
            || membership.voters.allSatisfy(self.granted.contains)
    }
}

struct Leading: Sendable {
    /// The entry with which this leadership began.
    let firstIndex: LogIndex
    var peers: [NodeID: Progress] = [:]
    var heartbeatAt: Tick
    /// How often the peers were asked whether they still follow.
    var round: UInt64 = 0
    var isRoundDue = false
    var reads: [PendingRead] = []
    var transfer: Transfer?
    /// Commands of this leadership that wait for a majority.
    var uncommittedBytes = 0

    struct PendingRead: Sendable {
        let ticket: ReadTicket
        /// The state machine must have come so far.
        let index: LogIndex
        /// A majority must have answered this round.
        let round: UInt64
    }

    struct Transfer: Sendable {
        let target: NodeID
        let deadline: Tick
    }
}
