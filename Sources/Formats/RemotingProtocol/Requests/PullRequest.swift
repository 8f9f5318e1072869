private import NIOCore

/// What a pull asks for besides messages.
package struct PullFlag: OptionSet, Hashable, Sendable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// `commitOffset` counts.
    package static let commitOffset = Self(rawValue: 1)
    /// The broker may hold the request until messages come.
    package static let suspend = Self(rawValue: 2)
    /// `subscription` says what to deliver; otherwise the group's heartbeats do.
    package static let subscription = Self(rawValue: 4)
    package static let classFilter = Self(rawValue: 8)
    package static let litePull = Self(rawValue: 16)
}

/// Messages of one queue for a consumer: codes 11 and 361.
package struct PullRequest: Hashable, Sendable {
    package var consumerGroup: String
    package var topic: String
    package var queueID: Int32
    package var queueOffset: Int64
    package var maxMessages: Int32
    package var pullFlag: PullFlag
    package var commitOffset: Int64
    package var suspendTimeoutMilliseconds: Int64
    package var subscription: String?
    package var subscriptionVersion: Int64
    package var expressionType: String?
    /// The client's bound for the answer's body.
    package var maxMessageBytes: Int32?
    package var brokerName: String?

    package init(
        consumerGroup: String, topic: String, queueID: Int32, queueOffset: Int64,
        maxMessages: Int32 = 32, pullFlag: PullFlag = [], commitOffset: Int64 = 0,
        suspendTimeoutMilliseconds: Int64 = 15_000, subscription: String? = nil,
        subscriptionVersion: Int64 = 0, expressionType: String? = nil,
        maxMessageBytes: Int32? = nil, brokerName: String? = nil
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueID = queueID
        self.queueOffset = queueOffset
        self.maxMessages = maxMessages
        self.pullFlag = pullFlag
        self.commitOffset = commitOffset
        self.suspendTimeoutMilliseconds = suspendTimeoutMilliseconds
        self.subscription = subscription
        self.subscriptionVersion = subscriptionVersion
        self.expressionType = expressionType
        self.maxMessageBytes = maxMessageBytes
        self.brokerName = brokerName
    }
}

// Receiving.
extension PullRequest {
    private static let names: [StaticString] = [
        "consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums", "sysFlag",
        "commitOffset", "suspendTimeoutMillis", "subscription", "subVersion", "expressionType",
        "maxMsgBytes", "bname",
    ]

    /// An empty subscription is no subscription: it asks for everything.
    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self = try command.frame.withUnsafeReadableBytes {
            bytes throws(HeaderFieldError) -> PullRequest in
            let reader = FieldReader(command.header, in: bytes, names: Self.names)
            return try PullRequest(reading: reader)
        }
        if command.requestCode == .litePullMessage { self.pullFlag.insert(.litePull) }
    }

    private init(reading fields: FieldReader) throws(HeaderFieldError) {
        self.init(
            consumerGroup: try fields.requiredText(0), topic: try fields.requiredText(1),
            queueID: try fields.requiredInteger(2), queueOffset: try fields.requiredInteger(3),
            maxMessages: try fields.requiredInteger(4),
            pullFlag: PullFlag(rawValue: try fields.requiredInteger(5)),
            commitOffset: try fields.integer(6) ?? 0,
            suspendTimeoutMilliseconds: try fields.integer(7) ?? 0,
            subscription: fields.text(8), subscriptionVersion: try fields.integer(9) ?? 0,
            expressionType: fields.text(10), maxMessageBytes: try fields.integer(11),
            brokerName: fields.text(12))
    }
}

// Sending.
extension PullRequest {
    package var command: RemotingCommand {
        var command = RemotingCommand.request(
            self.pullFlag.contains(.litePull) ? .litePullMessage : .pullMessage,
            fields: [
                "commitOffset": String(self.commitOffset), "consumerGroup": self.consumerGroup,
                "maxMsgNums": String(self.maxMessages), "queueId": String(self.queueID),
                "queueOffset": String(self.queueOffset),
                "subVersion": String(self.subscriptionVersion),
                "suspendTimeoutMillis": String(self.suspendTimeoutMilliseconds),
                "sysFlag": String(self.pullFlag.rawValue), "topic": self.topic,
            ])
        command["bname"] = self.brokerName
        command["expressionType"] = self.expressionType
        command["maxMsgBytes"] = self.maxMessageBytes.map { String($0) }
        command["subscription"] = self.subscription
        return command
    }
}
