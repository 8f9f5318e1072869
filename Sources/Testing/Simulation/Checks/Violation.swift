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
