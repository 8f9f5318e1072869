internal import MessageFormat

/// When producers are asked about half messages, and how many may be open.
package struct TransactionSettings: Hashable, Sendable {
    /// transactionTimeOut: nobody is asked about a half message that is younger.
    package var timeout = Duration.seconds(6)
    /// transactionCheckInterval: between two questions about the same one.
    package var interval = Duration.seconds(30)
    /// transactionCheckMax: after that many questions the message is given up.
    package var checksMax = 15
    /// A half message that is older is given up; it must not outlive what the log keeps.
    package var retention = Duration.seconds(72 * 3600)
    /// How long a new master leaves producers to connect before it asks the first.
    package var pauseAfterPromotion = Duration.seconds(1)
    /// Questions and give-ups of one call, so that a backlog does not stop everything else.
    package var effectsMax = 256
    package var openMax = 1_000_000
    /// Producer groups that have open transactions.
    package var groupsMax = 10_000

    package init() {}

    /// How long after it was stored a half message may be asked about.
    package func immunity(of half: HalfMessage) -> Duration {
        let wanted = Duration.seconds(Int64(half.immunitySeconds ?? 0))
        return min(max(wanted, self.timeout), self.retention)
    }

    /// Bytes that a snapshot takes at most: a segment must hold it and more.
    package var snapshotBytesMax: Int {
        self.openMax * TransactionRecords.openBytesMax
            + self.groupsMax * 2 * (ResourceName.groupBytesMax + 8)
            + RecentEnds.countMax * TransactionRecords.endBytesMax + 4096
    }
}
