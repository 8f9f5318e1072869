internal import MessageFormat

/// What an operator may choose about delayed messages, and how much memory they take.
package struct DelaySettings: Hashable, Sendable {
    /// The longest delay that an index entry can tell (`DelayField`).
    package static let longestPossible = DelayField.longestPossible

    package var levels = DelayLevels.standard
    /// How far ahead a delivery time may lie, in milliseconds. 40 days.
    package var delayMax = Int64(40 * 24 * 3_600_000) {
        didSet { self.delayMax = min(max(0, self.delayMax), Self.longestPossible) }
    }
    /// Times given by a client are cut to multiples of this, in milliseconds. RocketMQ's wheel has
    /// 1,000, and moves an exact multiple one step ahead; with 1 a time is taken as it is.
    package var precision = Int64(1)
    /// Messages that may wait at the same time. They lie on disk; this bounds scans and disk.
    package var pendingMax = Int64(100_000_000)
    /// Messages that are kept in memory, the earliest ones; twice as many while a scan is going on.
    package var windowMax = 200_000
    /// Recalled messages that are remembered until their time has passed.
    package var recalledMax = 100_000
    /// Index entries that are asked for at a time.
    package var scanChunk = 16_384
    /// Queue offsets of which the earliest and latest time is remembered together.
    package var stretchWidth = 65_536

    package init() {}
}
