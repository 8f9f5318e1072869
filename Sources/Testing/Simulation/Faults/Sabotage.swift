/// Deliberately broken clusters. Each breaks one rule of the design, and the checks must notice
/// within a bounded number of seeds: a check that has never failed proves nothing.
///
/// The engines stay as they are; it is their hands that lie to them or to others.
package enum Sabotage: String, Hashable, Sendable, CaseIterable {
    /// Replicas say that bytes are durable when they have only been received.
    case ackBeforeReplicaFlush = "ack-before-replica-flush"
    /// Brokers' flushes return and have done nothing.
    case lyingFlush = "lying-flush"
    /// Controllers' flushes are reported before they are done.
    case lyingRaftFlush = "lying-raft-flush"
    /// A controller whose disk was emptied does not know that it may have forgotten something.
    case emptiedControllerVotes = "emptied-controller-votes"
    /// Whoever is alive becomes master when nobody of the SyncStateSet is.
    case electOutsideSyncStateSet = "elect-outside-sync-state-set"
    /// A master shrinks its SyncStateSet without asking the controllers.
    case shrinkWithoutCommit = "shrink-without-commit"
    /// Controllers take a change of the SyncStateSet whatever epochs it was computed from.
    case noEpochCheck = "no-epoch-check"
    /// A returning replica compares offsets, not epochs.
    case truncateByOffsetOnly = "truncate-by-offset-only"
    /// A restarted broker says that it is the same process as before.
    case restartedMasterKeepsEpoch = "restarted-master-keeps-epoch"
    /// Consumers' offsets are answered before they are in the log.
    case offsetCommitBeforeAck = "offset-commit-before-ack"
    /// Consumers read messages as soon as the master has them.
    case readAboveConfirm = "read-above-confirm"
    /// Acknowledgements of popped messages are answered before they are in the log.
    case popAckBeforeLog = "pop-ack-before-log"
    /// A popped message that was not acknowledged cannot be found when its time is over.
    case popReturnLost = "pop-return-lost"
    /// Popped messages are hidden for a tenth of the time that was asked for.
    case popHiddenTooShortly = "pop-hidden-too-shortly"
    /// Brokers take connections for closed whose end gives back what was popped.
    case poppersTakenForDead = "poppers-taken-for-dead"
    /// A message that is given back counts as never tried before.
    case retryUncounted = "retry-uncounted"
    /// A new master fires once more what its predecessor fired last.
    case delayFiredTwice = "delay-fired-twice"
    /// A recall is answered before it is in the log.
    case recallBeforeLog = "recall-before-log"
    /// Half messages are stored as plain ones.
    case halfVisible = "half-visible"
    /// The end of a transaction is answered before it is in the log.
    case commitBeforeLog = "commit-before-log"
    /// Consumers' offsets are stored with a number that nobody sent.
    case offsetMadeUp = "offset-made-up"
    /// Producers are never asked about what they left open.
    case checkUnasked = "check-unasked"
}
