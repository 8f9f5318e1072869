package import MessageFormat

/// In which topic a popped message lies: the `t` of handles (`flows.md` §13).
package enum PopTopicKind: UInt8, Hashable, Sendable {
    case normal = 0
    /// `%RETRY%group_topic`.
    case retry = 1
    /// `%RETRY%group+topic`, which other brokers may have made.
    case retryPlus = 2
}

/// Names of the topics to which unacknowledged messages return.
package enum PopTopic {
    package static func retry(group: String, topic: String) -> String {
        "\(ResourceName.retryPrefix)\(group)_\(topic)"
    }

    package static func isRetry(_ topic: String) -> Bool {
        topic.hasPrefix(ResourceName.retryPrefix)
    }

    /// The topic that holds the messages which a client knows under the name `topic`.
    package static func stored(group: String, topic: String, kind: PopTopicKind) -> String {
        if Self.isRetry(topic) { return topic }
        switch kind {
        case .normal: return topic
        case .retry: return Self.retry(group: group, topic: topic)
        case .retryPlus: return "\(ResourceName.retryPrefix)\(group)+\(topic)"
        }
    }

    /// Where a message of the topic `stored` goes when nobody acknowledged it in time.
    package static func comesBackTo(group: String, stored: String) -> String {
        Self.isRetry(stored) ? stored : Self.retry(group: group, topic: stored)
    }

    /// Why a group cannot pop a topic, or nil: its messages must have somewhere to return to.
    package static func problem(group: String, topic: String) -> String? {
        let count = Self.comesBackTo(group: group, stored: topic).utf8.count
        guard count > ResourceName.storedTopicBytesMax else { return nil }
        return "the retry topic of group and topic would have \(count) bytes, at most "
            + "\(ResourceName.storedTopicBytesMax) are allowed"
    }
}

/// What a message carries when it returns to its retry topic.
package enum PopReturn {
    package static let firstPopTime = "1ST_POP_TIME"

    /// All that it had, but for the handle of the delivery that is over.
    package static func properties(
        of message: MessageProperties, poppedAt popTime: Timestamp
    ) -> MessageProperties {
        var properties = message
        properties[PropertyName.popCheckpoint] = nil
        if properties[Self.firstPopTime] == nil {
            properties[Self.firstPopTime] = String(popTime.milliseconds)
        }
        return properties
    }
}
