package import MessageFormat

extension PropertyName {
    /// A transaction's id: its message's unique key.
    package static let transactionID = "__transactionId__"
}

/// What a transactional message carries while it is invisible, and when it is delivered.
package enum HalfProperties {
    /// How much longer properties may become on the way from the half message to its delivery.
    package static let growthMax = 64

    /// The properties of the half message. Check their length afterwards: they have grown.
    package static func prepared(
        _ properties: MessageProperties, for queue: QueueKey, by producerGroup: String
    ) -> MessageProperties {
        var half = properties
        half[PropertyName.producerGroup] = properties[PropertyName.producerGroup] ?? producerGroup
        half[PropertyName.transactionID] = properties[PropertyName.uniqueKey]
        half[PropertyName.realTopic] = queue.topic
        half[PropertyName.realQueueID] = String(queue.queueID)
        return half
    }

    /// Where the producer sent a half message. Nil: it names no queue, so it is damaged.
    package static func queue(of half: MessageProperties) -> QueueKey? {
        guard let topic = half[PropertyName.realTopic],
            ResourceName.problem(withTopic: topic) == nil,
            let queueID = half[PropertyName.realQueueID].flatMap({ Int32($0) }), queueID >= 0
        else { return nil }
        return QueueKey(topic: topic, queueID: queueID)
    }

    /// The properties with which a committed message is delivered. Where it was sent stays in them,
    /// as consumers of the originals see it.
    package static func committed(_ half: MessageProperties) -> MessageProperties {
        var properties = half
        properties[PropertyName.transactionPrepared] = nil
        properties[PropertyName.waitForStore] = "false"
        return properties
    }
}
