internal import ClientCore
internal import MessageFormat

/// Names the time between a queue's being assigned to a consumer and its being taken away.
///
/// A queue that is lost and won again is a new assignment: acknowledgements of the old one no
/// longer count.
package struct AssignmentID: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// A queue as long as it is assigned to this consumer.
struct AssignedQueue: Sendable {
    enum Phase: Sendable, Equatable {
        /// Asks for the offset to begin at, not before the tick.
        case locating(dueAt: Tick)
        case askingStored(CallToken)
        case askingStart(CallToken)
        /// Notes with the broker where the group begins.
        case anchoring(CallToken, at: QueueOffset)
        /// Pulls as soon as the tick has come and the buffer has room.
        case ready(dueAt: Tick)
        case pulling(CallToken, address: String, startedAt: Tick)
    }

    let id: AssignmentID
    let queue: MessageQueue
    var phase: Phase
    var buffer: ProcessQueue<InboundMessage>
    /// The replica that the broker suggested to read from.
    var brokerID: Int64 = 0
    var failures = 0
    /// Whether the queue is in the engine's list of queues with something to take.
    var isListed = false

    init(id: AssignmentID, queue: MessageQueue, limits: ConsumerEngine.BufferLimits, at now: Tick) {
        self.id = id
        self.queue = queue
        self.phase = .locating(dueAt: now)
        self.buffer = ProcessQueue(startingAt: .zero, limits: limits)
    }

    /// Whether the offset is known, so that it can be committed.
    var isLocated: Bool {
        switch self.phase {
        case .locating, .askingStored, .askingStart, .anchoring: false
        case .ready, .pulling: true
        }
    }

    /// When the queue wants something done by itself. What was due at `tick` has been seen to: it
    /// waits for the user, not for time.
    func nextWakeAt(after tick: Tick, mayPull: Bool) -> Tick? {
        let redelivery = self.buffer.nextDueAt(after: tick)
        switch self.phase {
        case .locating(let dueAt): return dueAt
        case .ready(let dueAt) where mayPull && self.buffer.hasRoom:
            return [dueAt, redelivery].earliest
        case .askingStored, .askingStart, .anchoring, .ready, .pulling: return redelivery
        }
    }
}
