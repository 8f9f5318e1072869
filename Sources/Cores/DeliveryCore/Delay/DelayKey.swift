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
