/// How much an idempotent producer may have under way.
package struct IdempotentSettings: Hashable, Sendable {
    /// How far numbers on one queue may lie above what is done with. Brokers allow 4,096.
    package var windowMax: Int64 = 1024
    /// A message is not sent again when its first attempt is older: brokers forget sessions that
    /// were silent for an hour.
    package var ageMax = Duration.seconds(1800)
    package var queuesMax = 65_536
    /// Numbers given up that a message lists at most. Beyond it the queue's numbers begin anew.
    package var givenUpMax = 64

    package init() {}
}

/// Why a message gets no number.
package enum IdempotentRefusal: Error, Hashable, Sendable {
    /// Wait until one of those under way on this queue is answered.
    case windowFull(underWay: Int64, windowMax: Int64)
    /// Attempts may have stored it in another queue: only there it can be sent again.
    case boundTo(queue: String)
    /// Its first attempt is so old that brokers may have forgotten it: the outcome stays unknown.
    case tooOld
    case tooManyQueues(limit: Int)
    /// A batch is sent again as it was.
    case otherBatch(count: Int)

    /// Whether the same call may succeed soon.
    package var isTemporary: Bool {
        switch self {
        case .windowFull: true
        default: false
        }
    }
}
