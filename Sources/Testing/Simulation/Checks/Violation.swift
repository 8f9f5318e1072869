/// What may never happen, by the names of `docs/architecture.md`.
package enum Invariant: String, Hashable, Sendable, CaseIterable {
    case ackedMeansDurable = "acked means durable"
    case seenMeansKept = "seen means kept"
    case oneMasterPerEpoch = "one master per epoch"
    case confirmNeverGoesBack = "the confirm offset never goes back"
    case logsAreIdentical = "replicas are byte-identical up to the confirm offset"
    case compareAndSet = "the SyncStateSet changes by compare-and-set only"
    case oneLeaderPerTerm = "one leader per term"
    case statesArePrefixes = "applied controller states are prefixes of each other"
    case offsetsNeverRewind = "offsets never rewind"
    case nothingAckedIsLost = "nothing acknowledged is lost"
    case refusedIsNotStored = "what was refused is not stored"
    case nothingIsMadeUp = "nothing is delivered that nobody sent"
    case recoversWhenHealed = "a healed cluster serves again"
    case ackedPopIsOver = "an acknowledged pop is over"
    case poppedIsHidden = "a popped message is hidden for its time"
    case poppedComesAgain = "a popped message is acknowledged or comes again"
    case retriedOrDead = "a message given back comes again, or is a dead letter after all its tries"
    case delayedOnce = "a delayed message appears once, at its time"
    case recalledNever = "a recalled message never appears"
    case halfIsInvisible = "a half message is seen only when it is committed"
    case transactionEndsOnce = "a transaction ends once, as its producer decided"
    case offsetsAreDelivered = "a stored offset was committed by its group"
}

/// A broken invariant: when, and what was seen.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package var invariant: Invariant
    package var detail: String
    package var time: Int64

    package var description: String {
        "\"\(self.invariant.rawValue)\" is broken at \(self.time / 1_000_000) ms: \(self.detail)"
    }
}
