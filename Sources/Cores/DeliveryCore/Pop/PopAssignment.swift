package import MessageFormat

/// How the members of a group get a topic's messages.
package enum RequestMode: String, Hashable, Sendable {
    case pull = "PULL"
    case pop = "POP"
}

/// What `QUERY_ASSIGNMENT` gives a client: a queue, and how to ask for it.
package struct QueueAssignment: Hashable, Sendable {
    package var queue: MessageQueue
    package var mode: RequestMode

    package init(queue: MessageQueue, mode: RequestMode) {
        self.queue = queue
        self.mode = mode
    }
}

/// Shares a topic's queues out on behalf of a client (`flows.md` §5, last paragraph).
package enum PopAssignment {
    /// The queue id that stands for all queues of a broker.
    package static let anyQueue = Int32(-1)

    /// `isBroadcasting`: everybody gets everything. Retry topics are pulled whatever was chosen.
    package static func share(
        of clientID: String, queues: [MessageQueue], clientIDs: [String],
        strategy: AssignmentStrategy, mode: RequestMode, shareNumber: Int32,
        isBroadcasting: Bool = false
    ) -> [QueueAssignment] {
        let isRetry = queues.contains { PopTopic.isRetry($0.topic) }
        let mode = isRetry ? .pull : mode
        let share: [MessageQueue] =
            if isBroadcasting {
                queues.sorted()
            } else if mode == .pull {
                strategy.share(of: clientID, queues: queues, clientIDs: clientIDs)
            } else {
                Self.popShare(
                    of: clientID, queues: queues, clientIDs: clientIDs, strategy, shareNumber)
            }
        return share.map { QueueAssignment(queue: $0, mode: mode) }
    }

    private static func popShare(
        of clientID: String, queues: [MessageQueue], clientIDs: [String],
        _ strategy: AssignmentStrategy, _ shareNumber: Int32
    ) -> [MessageQueue] {
        guard shareNumber > 0, Int(shareNumber) < clientIDs.count - 1 else {
            return Self.brokers(of: queues)
        }
        let queues = queues.sorted()
        let members = clientIDs.sorted(by: WireOrder.precedes)
        guard let index = members.firstIndex(of: clientID), !queues.isEmpty else { return [] }
        guard members.count <= queues.count else { return [queues[index % queues.count]] }
        return (0...Int(shareNumber)).flatMap { step in
            strategy.share(
                of: members[(index + step) % members.count], queues: queues, clientIDs: members)
        }
    }

    /// One queue for each broker that has any.
    private static func brokers(of queues: [MessageQueue]) -> [MessageQueue] {
        let all = queues.map {
            MessageQueue(topic: $0.topic, brokerName: $0.brokerName, queueID: Self.anyQueue)
        }
        return Set(all).sorted()
    }
}
