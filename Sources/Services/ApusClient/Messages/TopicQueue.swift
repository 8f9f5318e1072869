package import MessageFormat

/// One queue of a topic: the unit of order and of assignment.
public struct TopicQueue: Hashable, Comparable, Sendable {
    /// The topic's name.
    public var topic: String
    /// The broker group that has it, whoever is master there.
    public var brokerName: String
    /// From 0, on each broker anew.
    public var id: Int

    /// Names a queue, whether it exists or not.
    public init(topic: String, brokerName: String, id: Int) {
        self.topic = topic
        self.brokerName = brokerName
        self.id = id
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.brokerName, left.id) < (right.topic, right.brokerName, right.id)
    }
}

extension TopicQueue: CustomStringConvertible {
    public var description: String { "\(self.topic)/\(self.brokerName)/\(self.id)" }
}

extension TopicQueue {
    package init(_ queue: MessageQueue) {
        self.init(topic: queue.topic, brokerName: queue.brokerName, id: Int(queue.queueID))
    }

    package var queue: MessageQueue {
        MessageQueue(
            topic: self.topic, brokerName: self.brokerName, queueID: Int32(clamping: self.id))
    }
}

/// Which of a topic's queues a message goes to.
public enum QueueSelection: Hashable, Sendable {
    /// Each in turn; brokers in trouble are avoided, and a retry goes to another broker.
    case roundRobin
    /// Exactly this one. Retries go there too.
    case queue(TopicQueue)
    /// The one that belongs to the key while the number of queues stays the same: messages with
    /// one key stay in order. Retries go there too.
    case hash(shardingKey: String)
}

/// Proof that a message is stored as durably as its broker promises; or, if `isSpooled`, as durably
/// as the producer's own disk is, on its way to a broker.
public struct SendReceipt: Hashable, Sendable {
    /// The id that the producer gave the message. Every retry carries the same.
    public var messageID: String
    /// The id under which its broker finds it.
    public var offsetMessageID: String
    /// Where it lies.
    public var queue: TopicQueue
    /// Its place in that queue. For a message that is delayed, or whose transaction is open, a
    /// place where the broker keeps it meanwhile.
    public var queueOffset: Int64
    /// How often it was sent. If more than once, an earlier copy may be stored too.
    public var attempts: Int
    /// The broker's region, if it named one.
    public var region: String?
    /// Of a delayed message: what `Producer.recall` takes it back with.
    public var recallHandle: String?
    /// Whether the message lies in the producer's spool. Then there is no place in a queue yet:
    /// `offsetMessageID` is empty, `queue.id` and `queueOffset` are -1.
    public var isSpooled = false
}
