/// Deliberately broken clusters. Each breaks one rule of the design, and the checks must notice
/// within a bounded number of seeds: a check that has never failed proves nothing.
package enum Sabotage: String, Hashable, Sendable, CaseIterable {
    /// Replicas say that bytes are durable when they have only been received.
    case ackBeforeReplicaFlush = "ack-before-replica-flush"
    /// Flushes return at once and do nothing.
    case lyingFlush = "lying-flush"
    /// The leader's evidence says that a broker outside the SyncStateSet is the best of them.
    case electOutsideSyncStateSet = "elect-outside-sync-state-set"
    /// A master shrinks its SyncStateSet before the controllers have committed it.
    case shrinkWithoutCommit = "shrink-without-commit"
    /// Replicas take bytes from masters of earlier epochs.
    case noEpochCheck = "no-epoch-check"
    /// A returning replica compares offsets only, not epochs.
    case truncateByOffsetOnly = "truncate-by-offset-only"
    /// Consumers' offsets are answered before they are in the log.
    case offsetCommitBeforeAck = "offset-commit-before-ack"
    /// A restarted broker says that it is the same process as before.
    case restartedMasterKeepsEpoch = "restarted-master-keeps-epoch"
    /// Messages are read as soon as they are written.
    case readAboveConfirm = "read-above-confirm"
    /// A controller forgets its vote when it is restarted.
    case forgottenVote = "forgotten-vote"
}
