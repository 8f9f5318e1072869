/// Bounds of what one broker keeps of popped messages.
package struct PopSettings: Hashable, Sendable {
    /// Messages in flight of one group on one queue; beyond it nothing more is popped there.
    package var inFlightPerQueueMax = 32_768
    /// Messages in flight altogether; beyond it nothing more is popped.
    package var inFlightMax = 2_000_000
    /// Runs of messages in flight: some 40 bytes of each snapshot. Beyond it nothing more is
    /// popped; at twice as many, visible times cannot be changed one by one any more.
    package var piecesMax = 262_144
    /// Queues that groups have popped from.
    package var queuesMax = 200_000
    package var invisibleTimeMax = Duration.seconds(7 * 24 * 3600)
    /// How long one pop may keep others away from a queue while it reads.
    package var lockTime = Duration.seconds(5)
    /// When a return that did not come about is tried again.
    package var returnPatience = Duration.seconds(10)
    /// In how many of a hundred pops the retry topic comes first.
    package var retryFirstPercent = UInt64(20)
    package var attemptIDBytesMax = 255
    /// Runs of messages that come back when the connections close which popped them: some 150 bytes
    /// each. Beyond it messages come back when their time is over.
    package var holdingsMax = 262_144
    package var holdingsPerConnectionMax = 65_536

    package init() {}
}

/// Why nothing is popped, or a visible time is not changed.
package enum PopRefusal: Error, Hashable, Sendable {
    case queueFull(inFlight: Int, inFlightMax: Int)
    case ledgerFull(inFlight: Int, pieces: Int)
    case tooManyQueues(queuesMax: Int)
    /// Another pop of the group reads this queue just now.
    case busy
    /// The last batch in order is not acknowledged.
    case blocked
    /// The position changed while the messages were read: read again.
    case positionMoved
    /// The offsets do not ascend between the position and the next one.
    case wrongOffsets
    /// The message was acknowledged, or has returned to its retry topic: the handle is over.
    case notInFlight
    case illegalName
    case attemptIDTooLong(bytes: Int, bytesMax: Int)
}
