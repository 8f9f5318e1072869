package import MessageFormat

/// What a popped message is acknowledged with: the wire's handle, and what requests repeat of it
/// (`flows.md` §13).
package struct PopTicket: Hashable, Sendable {
    /// The topic that the consumer asked for.
    package var topic: String
    /// The topic that holds the message: a retry topic if it was popped before.
    package var storedTopic: String
    package var brokerName: String
    package var queueID: Int32
    package var offset: QueueOffset
    /// The first offset of the pop on its queue.
    package var start: QueueOffset
    package var popTime: Timestamp
    package var invisibleTime: Int64
    package var reviveQueue: Int32
    /// 0: the topic itself; 1, 2: the group's retry topic for it.
    package var kind: Int

    package init?(_ text: String, topic: String, group: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 8, let start = Int64(parts[0]), let popTime = Int64(parts[1]),
            let invisible = Int64(parts[2]), let revive = Int32(parts[3]), let kind = Int(parts[4]),
            let queueID = Int32(parts[6]), let offset = Int64(parts[7]), !parts[5].isEmpty
        else { return nil }
        self.init(
            topic: topic, group: group, brokerName: String(parts[5]), queueID: queueID,
            offset: QueueOffset(offset), start: QueueOffset(start),
            popTime: Timestamp(milliseconds: popTime), invisibleTime: invisible,
            reviveQueue: revive, kind: kind)
    }

    init(
        topic: String, group: String, brokerName: String, queueID: Int32, offset: QueueOffset,
        start: QueueOffset, popTime: Timestamp, invisibleTime: Int64, reviveQueue: Int32, kind: Int
    ) {
        self.topic = topic
        self.storedTopic = Self.stored(topic, group, kind)
        self.brokerName = brokerName
        self.queueID = queueID
        self.offset = offset
        self.start = start
        self.popTime = popTime
        self.invisibleTime = invisibleTime
        self.reviveQueue = reviveQueue
        self.kind = kind
    }

    private static func stored(_ topic: String, _ group: String, _ kind: Int) -> String {
        switch kind {
        case 1: "\(ResourceName.retryPrefix)\(group)_\(topic)"
        case 2: "\(ResourceName.retryPrefix)\(group)+\(topic)"
        default: topic
        }
    }

    /// Which kind of topic holds a message that came for `topic`.
    static func kind(of stored: String, topic: String, group: String) -> Int {
        [1, 2].first { Self.stored(topic, group, $0) == stored } ?? 0
    }

    package var text: String {
        "\(self.start.value) \(self.popTime.milliseconds) \(self.invisibleTime) "
            + "\(self.reviveQueue) \(self.kind) \(self.brokerName) \(self.queueID) "
            + "\(self.offset.value)"
    }

    /// After a change of the invisible time: a delivery of its own.
    func changed(popTime: Timestamp, invisibleTime: Int64, reviveQueue: Int32) -> PopTicket {
        var ticket = self
        ticket.start = self.offset
        ticket.popTime = popTime
        ticket.invisibleTime = invisibleTime
        ticket.reviveQueue = reviveQueue
        return ticket
    }
}
