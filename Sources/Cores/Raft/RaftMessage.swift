/// What members of a group send each other.
///
/// Messages may be lost, doubled, delayed and reordered: each makes sense alone.
package struct RaftMessage: Hashable, Sendable {
    package let from: NodeID
    package let to: NodeID
    /// The sender's current term.
    package let term: Term
    /// The founding of the group that the sender stands for, 0 if for none: `Founding.swift`.
    package let founding: UInt64
    package let content: Content

    package enum Content: Hashable, Sendable {
        /// "Would you vote for me in the term after mine?" Changes nothing at the receiver.
        case askPreVote(log: LogPosition)
        case answerPreVote(isGranted: Bool, mayHaveForgotten: Bool = false)
        /// `isTransfer`: the leader wants it so, its lease is no reason to refuse.
        case askVote(log: LogPosition, isTransfer: Bool)
        /// `mayHaveForgotten`: the vote counts only where all voters agree.
        case answerVote(isGranted: Bool, mayHaveForgotten: Bool = false)
        /// Also the heartbeat, then without entries.
        case append(Append)
        case answerAppend(AppendAnswer)
        case snapshotChunk(SnapshotChunk)
        case answerSnapshotChunk(SnapshotProgress)
        /// "Become leader now": the last word of a leader that hands over.
        case campaignNow
    }

    package struct Append: Hashable, Sendable {
        /// The entry before the first of `entries`.
        package let previous: LogPosition
        package let entries: [RaftEntry]
        package let committed: LogIndex
        /// Counts the leader's questions whether it still leads; repeated in the answer.
        package let round: UInt64
    }

    package struct AppendAnswer: Hashable, Sendable {
        package enum Verdict: Hashable, Sendable {
            /// Up to here the follower's durable log is the leader's.
            case accepted(LogIndex)
            /// `previous` is missing or another one; the logs may agree up to `hint`, never beyond.
            case refused(previous: LogPosition, hint: LogPosition)
        }
        package let verdict: Verdict
        package let round: UInt64
        package var mayHaveForgotten = false
    }

    package struct SnapshotChunk: Hashable, Sendable {
        package let position: LogPosition
        package let membership: Membership
        /// Size and CRC-32C of the whole.
        package let total: UInt64
        package let checksum: UInt32
        package let offset: UInt64
        package let bytes: [UInt8]
        package let round: UInt64
    }

    package struct SnapshotProgress: Hashable, Sendable {
        package let index: LogIndex
        /// How many bytes the follower has, from the first on.
        package let received: UInt64
        package let round: UInt64
    }

    package init(
        from: NodeID, to: NodeID, term: Term, founding: UInt64 = 0, content: Content
    ) {
        self.from = from
        self.to = to
        self.term = term
        self.founding = founding
        self.content = content
    }
}

extension RaftMessage {
    /// Only the leader of its term sends it.
    var isFromLeader: Bool {
        switch self.content {
        case .append, .snapshotChunk, .campaignNow: true
        default: false
        }
    }
}
