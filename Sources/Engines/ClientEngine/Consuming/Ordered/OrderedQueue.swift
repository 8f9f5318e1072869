package import ClientCore
package import MessageFormat

/// A queue as long as it is assigned to a consumer that consumes in order, until it is released.
struct OrderedQueue: Sendable {
    struct Pull: Sendable {
        let token: CallToken
        let ticket: OrderlyTicket
        let address: String
        let startedAt: Tick
    }

    let id: AssignmentID
    let queue: MessageQueue
    var order: OrderlyQueue<InboundMessage>
    var pull: Pull?
    var pullDueAt: Tick
    /// The replica that the broker suggested to read from.
    var brokerID: Int64 = 0
    var failures = 0
    /// The master that was asked for the lock last.
    var lockedAt: String?
    /// What the handler said last.
    var lastError = ""
    var isListed = false
    /// Asked to be released.
    var isLeaving = false

    init(
        id: AssignmentID, queue: MessageQueue, settings: OrderlyQueue<InboundMessage>.Settings,
        at now: Tick
    ) {
        self.id = id
        self.queue = queue
        self.order = OrderlyQueue(assignment: id.value, settings: settings, at: now)
        self.pullDueAt = now
    }

    /// When the queue wants something done by itself; what was due at `tick` has been seen to.
    func nextWakeAt(after tick: Tick, mayPull: Bool) -> Tick? {
        let waits = self.pull != nil || self.isLeaving || !self.order.hasRoom(at: tick)
        let pulls = mayPull && !waits ? self.pullDueAt : nil
        return [self.order.nextWakeAt, pulls].earliest
    }

    /// Grows with the failures in a row, up to a second.
    mutating func pauseAfterFailure() -> Duration {
        self.failures += 1
        return min(.milliseconds(50 << min(self.failures - 1, 5)), .seconds(1))
    }
}

/// Messages of one queue that the user works on, in order, before the queue's next ones.
package struct OrderedBatch: Sendable {
    /// Never empty.
    package var messages: [InboundMessage]
    package var queue: MessageQueue
    package var assignment: AssignmentID
    package var ticket: OrderlyTicket
    /// How often this consumer has given them out, this time included.
    package var attempts: Int
}

/// A queue that waits for its lock, or for the answer about it.
struct LockQuestion: Sendable {
    let id: AssignmentID
    let ticket: OrderlyTicket
    let queue: MessageQueue
}

/// A queue that waits to hear where to begin.
struct OrderedOffsetQuestion: Sendable {
    enum Step: Sendable {
        case stored
        case start
        /// The broker is told where the group begins.
        case anchor(QueueOffset)
    }

    let id: AssignmentID
    let ticket: OrderlyTicket
    let step: Step
}

/// A batch on its way to the dead letters, one message after the other.
struct Burial: Sendable {
    let id: AssignmentID
    let ticket: OrderlyTicket
    var rest: ArraySlice<InboundMessage>
    var stored = 0
}

struct LastCommit: Sendable {
    let id: AssignmentID
    let ticket: OrderlyTicket
}

/// All that a consumer knows which consumes in order.
struct OrderedState: Sendable {
    var queues: [AssignmentID: OrderedQueue] = [:]
    /// Pulls that are under way.
    var pulls: [CallToken: AssignmentID] = [:]
    var asking: [CallToken: OrderedOffsetQuestion] = [:]
    var wanted: [LockQuestion] = []
    var locking: [CallToken: [LockQuestion]] = [:]
    var lastCommits: [CallToken: LastCommit] = [:]
    var burials: [CallToken: Burial] = [:]
    /// Queues that a handler is at work on, in this possession or an earlier one.
    var busy: Set<MessageQueue> = []
}
