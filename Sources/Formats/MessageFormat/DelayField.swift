/// How the index entry of a parked message tells its delivery time: `tagHash`, read as an unsigned
/// number, is the milliseconds from the store timestamp to it, modulo 2³².
///
/// Numbers above `aheadMax` stand for times before the store timestamp, which occur when the wall
/// clock was set back: store timestamps never go back.
package enum DelayField {
    /// The longest delay that an entry can tell, in milliseconds.
    package static let longestPossible = Int64(42 * 24 * 3_600_000)
    private static let aheadMax = Self.longestPossible
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
        Self.due(tagHash: entry.tagHash, storedAt: entry.storeTimestamp)
    }

    package static func due(tagHash: Int32, storedAt stored: Timestamp) -> Timestamp {
        let told = Int64(UInt32(bitPattern: tagHash))
        let ahead = told > Self.aheadMax ? told - Self.modulus : told
        let (due, overflow) = stored.milliseconds.addingReportingOverflow(ahead)
        return Timestamp(milliseconds: overflow ? (ahead < 0 ? .min : .max) : due)
    }
}
