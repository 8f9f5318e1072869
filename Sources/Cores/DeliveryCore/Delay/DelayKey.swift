package import MessageFormat

/// When a parked message is due, and where it stands in the queue of parked messages.
///
/// Keys order all parked messages; no two are equal. "Fired once": whatever is not after the
/// cursor, which is such a key, has fired.
package struct DelayKey: Hashable, Comparable, Sendable {
    package var due: Timestamp
    package var offset: QueueOffset

    package init(due: Timestamp, offset: QueueOffset) {
        self.due = due
        self.offset = offset
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.due, left.offset) < (right.due, right.offset)
    }

    /// Before every message.
    static let start = Self(due: Timestamp(milliseconds: 0), offset: QueueOffset(-1))
    static let least = Self(
        due: Timestamp(milliseconds: .min), offset: QueueOffset(.min))
}

/// A parked message whose time has not come, as its index entry tells it.
package struct PendingDelay: Hashable, Comparable, Sendable {
    package var entry: IndexEntry
    package var offset: QueueOffset

    package init(entry: IndexEntry, offset: QueueOffset) {
        self.entry = entry
        self.offset = offset
    }

    package var key: DelayKey { DelayKey(due: DelayField.due(of: self.entry), offset: self.offset) }

    package static func < (left: Self, right: Self) -> Bool { left.key < right.key }
}

/// How the index entry of a parked message tells its delivery time: `tagHash`, read as an unsigned
/// number, is the milliseconds from the store timestamp to it, modulo 2³².
///
/// Numbers above `aheadMax` stand for times before the store timestamp, which occur when the wall
/// clock was set back: store timestamps never go back.
package enum DelayField {
    private static let aheadMax = DelaySettings.longestPossible
    private static let modulus = Int64(1) << 32
    private static let behindMax = Self.modulus - Self.aheadMax - 1

    /// A time out of reach becomes the nearest one within reach.
    package static func tagHash(due: Timestamp, storedAt stored: Timestamp) -> Int32 {
        let (ahead, overflow) = due.milliseconds.subtractingReportingOverflow(stored.milliseconds)
        let wanted = overflow ? (due < stored ? .min : .max) : ahead
        let told = min(max(wanted, -Self.behindMax), Self.aheadMax)
        return Int32(truncatingIfNeeded: told)
    }

    package static func due(of entry: IndexEntry) -> Timestamp {
        let told = Int64(UInt32(bitPattern: entry.tagHash))
        let ahead = told > Self.aheadMax ? told - Self.modulus : told
        let (due, overflow) = entry.storeTimestamp.milliseconds.addingReportingOverflow(ahead)
        return Timestamp(milliseconds: overflow ? (ahead < 0 ? .min : .max) : due)
    }
}
