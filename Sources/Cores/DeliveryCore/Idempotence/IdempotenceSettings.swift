internal import MessageFormat

/// How much a broker remembers of producers that want each message stored once.
package struct IdempotenceSettings: Hashable, Sendable {
    /// How far a producer's numbers on one queue may lie above what it has done with.
    package var windowMax = 4096
    /// Sessions, each counted once for every queue that it sends to.
    package var sessionsMax = 100_000
    /// Stored messages remembered, of all sessions.
    package var storedMax = 1_000_000
    /// A session that was silent for so long on a queue is forgotten there.
    package var silenceMax = Duration.seconds(3600)
    /// Sessions forgotten in one call.
    package var forgottenMax = 500

    package init() {}

    /// Bytes that a snapshot takes at most: a segment must hold it and more.
    package var snapshotBytesMax: Int {
        self.sessionsMax
            * (ResourceName.storedTopicBytesMax + IdempotentStamp.producerBytesMax + 48)
            + self.storedMax * ProducerWindow.storedBytesMax + 4096
    }
}
