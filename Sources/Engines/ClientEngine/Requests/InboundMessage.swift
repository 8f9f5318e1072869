package import MessageFormat
package import RemotingProtocol

/// A message as a client received it.
package struct InboundMessage: Sendable {
    package var queue: MessageQueue
    /// The topic that it was sent to first: a retry lies in another one.
    package var topic: String
    package var queueOffset: QueueOffset
    package var physicalOffset: PhysicalOffset
    package var body: [UInt8]
    package var properties: MessageProperties
    package var flag: Int32
    package var systemFlag: SystemFlag
    package var bornTimestamp: Timestamp
    package var storeTimestamp: Timestamp
    package var bornHost: HostAddress
    package var storeHost: HostAddress
    package var reconsumeTimes: Int32
    /// Bytes that it takes in its stored form.
    package var storedBytes: Int
    /// Whether the body still is what its checksum says.
    package var isBodyIntact: Bool

    package init(_ view: StoredMessageView, brokerName: String) {
        self.queue = MessageQueue(
            topic: view.topic, brokerName: brokerName, queueID: view.queueID)
        self.topic = view.topic
        self.queueOffset = view.queueOffset
        self.physicalOffset = view.physicalOffset
        self.body = Array(view.body)
        self.properties = view.properties
        self.flag = view.flag
        self.systemFlag = view.systemFlag
        self.bornTimestamp = view.bornTimestamp
        self.storeTimestamp = view.storeTimestamp
        self.bornHost = view.bornHost
        self.storeHost = view.storeHost
        self.reconsumeTimes = view.reconsumeTimes
        self.storedBytes = view.size
        self.isBodyIntact = view.isBodyIntact
    }

    /// The id that users know: the producer's, else the broker's.
    package var messageID: String {
        self.properties[PropertyName.uniqueKey] ?? self.offsetMessageID
    }

    package var offsetMessageID: String {
        OffsetMessageID(storeHost: self.storeHost, physicalOffset: self.physicalOffset).text
    }

    /// As the group that it is retried for sees it: in its original topic.
    package func shownTo(_ group: String) -> InboundMessage {
        guard self.queue.topic == ResourceName.retryPrefix + group,
            let topic = self.properties[PropertyName.retryTopic]
        else { return self }
        var shown = self
        shown.topic = topic
        return shown
    }

    /// Brokers filter by the tags' hashes; two tags may share one.
    package func passes(_ subscription: SubscriptionData) -> Bool {
        guard subscription.expressionType == SubscriptionData.tagExpression,
            !subscription.tags.isEmpty
        else { return true }
        return subscription.tags.contains(self.properties[PropertyName.tags] ?? "")
    }
}

extension InboundMessage {
    /// The messages in a body, one after the other without a gap.
    package static func messages(
        of command: ReceivedCommand, from queue: MessageQueue
    ) throws(MessageFormatError) -> [InboundMessage] {
        let result = command.withBodyBytes { bytes in
            Result { () throws(MessageFormatError) -> [InboundMessage] in
                try Self.messages(in: bytes, brokerName: queue.brokerName)
            }
        }
        var messages = try result.get()
        // The queue that was asked is the one whose offset moves.
        for index in messages.indices { messages[index].queue = queue }
        return messages
    }

    package static func messages(
        in bytes: UnsafeRawBufferPointer, brokerName: String
    ) throws(MessageFormatError) -> [InboundMessage] {
        var messages: [InboundMessage] = []
        var rest = bytes
        while !rest.isEmpty {
            let view = try StoredMessageView(rest)
            messages.append(InboundMessage(view, brokerName: brokerName))
            rest = UnsafeRawBufferPointer(rebasing: rest[view.size...])
        }
        return messages
    }
}
