/// A consumer is done with a popped message: code 200051.
package struct AcknowledgeRequest: Hashable, Sendable {
    package var consumerGroup: String
    /// The topic that holds the message.
    package var topic: String
    package var queueID: Int32
    /// The message's handle.
    package var extraInfo: String
    package var offset: Int64

    package init(
        consumerGroup: String, topic: String, queueID: Int32, extraInfo: String, offset: Int64
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.queueID = queueID
        self.extraInfo = extraInfo
        self.offset = offset
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            consumerGroup: try command.requiredString("consumerGroup"),
            topic: try command.requiredString("topic"),
            queueID: try command.requiredInt32("queueId"),
            extraInfo: try command.requiredString("extraInfo"),
            offset: try command.requiredInt64("offset"))
    }

    package var command: RemotingCommand { self.command(.ackMessage) }

    fileprivate func command(_ code: RequestCode) -> RemotingCommand {
        .request(
            code,
            fields: [
                "consumerGroup": self.consumerGroup, "extraInfo": self.extraInfo,
                "offset": String(self.offset), "queueId": String(self.queueID),
                "topic": self.topic,
            ])
    }
}

/// A consumer needs a popped message longer, or less long: code 200053.
package struct ChangeInvisibleTimeRequest: Hashable, Sendable {
    package var message: AcknowledgeRequest
    /// Milliseconds from now on.
    package var invisibleTime: Int64
    /// Of our clients: the message comes back when the connection closes.
    package var returnsOnClose: Bool

    package init(
        message: AcknowledgeRequest, invisibleTime: Int64, returnsOnClose: Bool = false
    ) {
        self.message = message
        self.invisibleTime = invisibleTime
        self.returnsOnClose = returnsOnClose
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            message: try AcknowledgeRequest(command),
            invisibleTime: try command.requiredInt64("invisibleTime"),
            returnsOnClose: try command.bool("apusReturnOnClose") ?? false)
    }

    package var command: RemotingCommand {
        var command = self.message.command(.changeMessageInvisibleTime)
        command["invisibleTime"] = String(self.invisibleTime)
        command["apusReturnOnClose"] = self.returnsOnClose ? "true" : nil
        return command
    }
}

/// Messages of one pop on one queue that a consumer is done with.
package struct BatchAcknowledgement: Hashable, Sendable {
    package var consumerGroup: String
    package var topic: String
    /// The kind of topic that holds the messages: `0`, `1` or `2`.
    package var retry: String
    package var startOffset: Int64
    package var queueID: Int32
    package var reviveQueue: Int32
    package var popTime: Int64
    package var invisibleTime: Int64
    /// Base64 of a bit set: bit n stands for offset `startOffset` + n.
    package var bits: String

    package init(
        consumerGroup: String, topic: String, retry: String, startOffset: Int64, queueID: Int32,
        reviveQueue: Int32, popTime: Int64, invisibleTime: Int64, bits: String
    ) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.retry = retry
        self.startOffset = startOffset
        self.queueID = queueID
        self.reviveQueue = reviveQueue
        self.popTime = popTime
        self.invisibleTime = invisibleTime
        self.bits = bits
    }
}

extension BatchAcknowledgement: JSONBody {
    /// Short names and long ones.
    package init(json: JSONValue) throws(BodyError) {
        func name(_ short: String, _ long: String) -> String { json[short] == nil ? long : short }
        self.init(
            consumerGroup: try json.requiredText(name("c", "consumerGroup")),
            topic: try json.requiredText(name("t", "topic")),
            retry: json[name("r", "retry")]?.text ?? "0",
            startOffset: try json.int64(name("so", "startOffset"), default: 0),
            queueID: try json.int32(name("q", "queueId"), default: 0),
            reviveQueue: try json.int32(name("rq", "reviveQueueId"), default: 0),
            popTime: try json.int64(name("pt", "popTime"), default: 0),
            invisibleTime: try json.int64(name("it", "invisibleTime"), default: 0),
            bits: try json.requiredText(name("b", "bitSet")))
    }

    package var json: JSONValue {
        [
            "b": .string(self.bits), "c": .string(self.consumerGroup),
            "it": .integer(self.invisibleTime), "pt": .integer(self.popTime),
            "q": .integer(Int64(self.queueID)), "r": .string(self.retry),
            "rq": .integer(Int64(self.reviveQueue)), "so": .integer(self.startOffset),
            "t": .string(self.topic),
        ]
    }
}

/// The body of a batch of acknowledgements: code 200151.
package struct BatchAcknowledgeBody: Hashable, Sendable {
    package var brokerName: String
    package var acknowledgements: [BatchAcknowledgement]

    package init(brokerName: String, acknowledgements: [BatchAcknowledgement]) {
        self.brokerName = brokerName
        self.acknowledgements = acknowledgements
    }
}

extension BatchAcknowledgeBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            brokerName: json["brokerName"]?.text ?? "",
            acknowledgements: try JSONValue.map(
                try json.elements("acks"), BatchAcknowledgement.init(json:)))
    }

    package var json: JSONValue {
        [
            "acks": .array(self.acknowledgements.map(\.json)),
            "brokerName": .string(self.brokerName),
        ]
    }
}
