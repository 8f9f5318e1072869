package import MessageFormat

/// A message that a consumer could not handle, as it lies in the log.
package struct FailedMessage: Hashable, Sendable {
    package var topic: String
    package var reconsumeTimes: Int32
    package var properties: MessageProperties
    /// Its offset message id, in text form.
    package var messageID: String

    package init(
        topic: String, reconsumeTimes: Int32, properties: MessageProperties, messageID: String
    ) {
        self.topic = topic
        self.reconsumeTimes = reconsumeTimes
        self.properties = properties
        self.messageID = messageID
    }
}

/// What a client says when it gives a message back.
package struct RetryRequest: Hashable, Sendable {
    /// 0: the broker chooses; below: a dead letter at once; above: this level.
    package var delayLevel: Int32
    package var reconsumeTimesMax: Int32?
    package var clientVersion: Int32
    package var clientID: String?
    package var errorText: String?

    package init(
        delayLevel: Int32 = 0, reconsumeTimesMax: Int32? = nil, clientVersion: Int32,
        clientID: String? = nil, errorText: String? = nil
    ) {
        self.delayLevel = delayLevel
        self.reconsumeTimesMax = reconsumeTimesMax
        self.clientVersion = clientVersion
        self.clientID = clientID
        self.errorText = errorText
    }
}

/// Whether a message may be given back at all; asked before the message is fetched.
package enum RetryAdmission: Hashable, Sendable {
    case go
    /// The group wants no retries: success, and nothing is done.
    case nothing
    /// `SUBSCRIPTION_GROUP_NOT_EXIST`.
    case unknownGroup
    /// `NO_PERMISSION`.
    case brokerNotWritable
}

/// Where a failed message goes, and as what.
package struct RetryDecision: Hashable, Sendable {
    package enum Destination: Hashable, Sendable {
        case retry
        case deadLetters
    }

    package var destination: Destination
    package var topic: String
    /// Queues of the topic, when it is to be made; permission to read and write.
    package var queues: Int32
    /// Stored with the message. `DelayRequest` finds the delay in `properties`.
    package var reconsumeTimes: Int32
    package var properties: MessageProperties
}

/// What a SEND to a retry topic comes to.
package enum RetrySendDecision: Hashable, Sendable {
    /// Not a retry topic: nothing to decide.
    case notRetry
    /// `SUBSCRIPTION_GROUP_NOT_EXIST`.
    case unknownGroup(String)
    case put(RetryDecision)
}
