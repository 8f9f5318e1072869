/// One queue of a topic on one broker group: the unit of order and of assignment.
///
/// Sorted as every client sorts it before queues are shared out: topic, broker name, queue id.
package struct MessageQueue: Hashable, Comparable, Sendable {
    package var topic: String
    package var brokerName: String
    package var queueID: Int32

    package init(topic: String, brokerName: String, queueID: Int32) {
        self.topic = topic
        self.brokerName = brokerName
        self.queueID = queueID
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.brokerName, left.queueID)
            < (right.topic, right.brokerName, right.queueID)
    }
}

/// A queue as one broker knows it: without the broker's name.
package struct QueueKey: Hashable, Comparable, Sendable {
    package var topic: String
    package var queueID: Int32

    package init(topic: String, queueID: Int32) {
        self.topic = topic
        self.queueID = queueID
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.queueID) < (right.topic, right.queueID)
    }
}
