package import MessageFormat

/// Decides what becomes of messages that a consumer could not handle (`flows.md` §8): another try
/// after a growing delay, or the group's dead letters.
package enum RetryPolicy {
    /// From this version on a client's own limit of tries counts (`remoting.md`, V3_4_9).
    package static let versionWithOwnLimit = Int32(121)
    private static let firstRetryLevel = Int32(3)
    private static let deadLetterQueues = Int32(1)

    /// CONSUMER_SEND_MSG_BACK, before the message is fetched.
    package static func admission(
        group: SubscriptionGroupConfig?, brokerIsWritable: Bool
    ) -> RetryAdmission {
        guard let group else { return .unknownGroup }
        guard group.retryQueues > 0 else { return .nothing }
        return brokerIsWritable ? .go : .brokerNotWritable
    }

    /// CONSUMER_SEND_MSG_BACK.
    package static func sendBack(
        _ message: FailedMessage, _ request: RetryRequest, group: SubscriptionGroupConfig,
        at now: Timestamp
    ) -> RetryDecision {
        let isOver = message.reconsumeTimes >= Self.limit(of: group, request)
        let isDead = isOver || request.delayLevel < 0
        var properties = Self.inherited(by: message)
        if isDead {
            Self.note(
                DeadLetterNote(
                    attempts: Self.next(message.reconsumeTimes), consumer: request.clientID,
                    error: request.errorText,
                    originTopic: properties[PropertyName.retryTopic] ?? message.topic, time: now),
                in: &properties)
        } else {
            let level = Self.level(request.delayLevel, after: message.reconsumeTimes)
            properties[PropertyName.delayLevel] = String(level)
        }
        return Self.decision(
            isDead: isDead, group: group, reconsumeTimes: Self.next(message.reconsumeTimes),
            properties)
    }

    /// SEND, when its topic is a retry topic: what a client does that could not send back, or that
    /// consumes in order and gives up.
    ///
    /// `reconsumeTimes` and the limit are the header's. A group that holds any queue lock consumes
    /// in order; a retry would break the order, so its messages are dead letters.
    package static func send(
        topic: String, properties: MessageProperties, reconsumeTimes: Int32,
        _ request: RetryRequest, group: SubscriptionGroupConfig?, groupHoldsLock: Bool,
        at now: Timestamp
    ) -> RetrySendDecision {
        guard let name = Self.group(ofRetryTopic: topic) else { return .notRetry }
        guard let group else { return .unknownGroup(name) }
        let isDead = groupHoldsLock || reconsumeTimes > Self.limit(of: group, request)
        var properties = properties
        if isDead {
            properties.removeTimers()
            properties[PropertyName.delayLevel] = "-1"
            Self.note(
                DeadLetterNote(
                    attempts: max(1, reconsumeTimes), consumer: request.clientID,
                    error: request.errorText,
                    originTopic: properties[PropertyName.retryTopic] ?? topic, time: now),
                in: &properties)
        }
        return .put(
            Self.decision(
                isDead: isDead, group: group, reconsumeTimes: reconsumeTimes, properties))
    }

    /// The group of a retry topic. Nil: it is another kind of topic.
    package static func group(ofRetryTopic topic: String) -> String? {
        guard topic.hasPrefix(ResourceName.retryPrefix) else { return nil }
        let name = String(topic.dropFirst(ResourceName.retryPrefix.count))
        return name.isEmpty ? nil : name
    }

    private static func decision(
        isDead: Bool, group: SubscriptionGroupConfig, reconsumeTimes: Int32,
        _ properties: MessageProperties
    ) -> RetryDecision {
        RetryDecision(
            destination: isDead ? .deadLetters : .retry,
            topic: (isDead ? ResourceName.deadLetterPrefix : ResourceName.retryPrefix) + group.name,
            queues: isDead ? Self.deadLetterQueues : max(1, group.retryQueues),
            reconsumeTimes: reconsumeTimes, properties: properties)
    }

    /// What every later incarnation carries. An earlier delay is over, and must not act again.
    private static func inherited(by message: FailedMessage) -> MessageProperties {
        var properties = message.properties
        properties.removeTimers()
        properties[PropertyName.delayLevel] = nil
        properties[PropertyName.waitForStore] = "false"
        if properties[PropertyName.retryTopic] == nil {
            properties[PropertyName.retryTopic] = message.topic
        }
        if properties[PropertyName.originMessageID] == nil {
            properties[PropertyName.originMessageID] = message.messageID
        }
        return properties
    }

    /// How many retries there are. A client's limit below zero means that it has none of its own.
    private static func limit(of group: SubscriptionGroupConfig, _ request: RetryRequest) -> Int32 {
        guard request.clientVersion >= Self.versionWithOwnLimit,
            let own = request.reconsumeTimesMax, own >= 0
        else { return group.retryTimesMax }
        return own
    }

    private static func level(_ asked: Int32, after reconsumeTimes: Int32) -> Int32 {
        guard asked == 0 else { return asked }
        let (level, overflow) = Self.firstRetryLevel.addingReportingOverflow(reconsumeTimes)
        return overflow ? .max : max(1, level)
    }

    private static func next(_ times: Int32) -> Int32 {
        let (next, overflow) = times.addingReportingOverflow(1)
        return overflow ? .max : next
    }

    private static func note(_ note: DeadLetterNote, in properties: inout MessageProperties) {
        note.write(to: &properties, bytesMax: MessageLayout.propertiesBytesMax)
    }
}
