/// Times and sizes of a group. All members should have the same.
package struct RaftSettings: Hashable, Sendable {
    /// The group at its very first start; later its log says who belongs to it.
    package var firstMembership: Membership

    package var heartbeatInterval: Duration = .milliseconds(50)
    /// A follower that hears nothing from a leader for a time drawn from here asks for votes. The
    /// lower bound is also the lease within which others get no vote.
    package var electionTimeout: ClosedRange<Duration> = .milliseconds(500)...(.milliseconds(1000))
    /// The same when the leader's connection has closed: it is most likely dead.
    package var lostLeaderTimeout: ClosedRange<Duration> = .milliseconds(20)...(.milliseconds(80))
    /// Until a candidate that has not won tries again.
    package var candidateTimeout: ClosedRange<Duration> = .milliseconds(150)...(.milliseconds(300))

    /// Entries of one message, unless a single one is larger.
    package var messageBytesMax = 256 << 10
    /// Messages with entries on their way to one follower.
    package var messagesInFlightMax = 32
    package var snapshotChunkBytes = 512 << 10
    /// No snapshot is taken in that claims to be larger.
    package var snapshotBytesMax = 64 << 20
    package var commandBytesMax = 4 << 20
    /// Entries that wait for a majority; proposals beyond are refused.
    package var uncommittedEntriesMax = 4_096
    package var uncommittedBytesMax = 16 << 20
    /// Entries that stay in memory behind a snapshot, for followers that lag a little.
    package var entriesKeptBehindSnapshot = 1_024
    /// A learner that lacks more entries is not promoted.
    package var learnerLagMax = 64

    package init(firstMembership: Membership) { self.firstMembership = firstMembership }
}
