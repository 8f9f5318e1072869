package import MessageFormat
package import RemotingProtocol

/// The request that carries a message or a batch to a broker, and its answer.
package enum SendCommand {
    /// Queues that a topic gets on each broker when a first send creates it.
    package static let templateQueues: Int32 = 4

    /// Letters are the wire's short names (`requests.md` §2), in the order in which they are
    /// written.
    package static func command(
        _ send: OutgoingSend, to queue: MessageQueue, group: String, at now: Timestamp
    ) -> RemotingCommand {
        var fields: [HeaderField] = []
        fields.reserveCapacity(12)
        fields.append(HeaderField(name: "a", value: group))
        fields.append(HeaderField(name: "b", value: queue.topic))
        fields.append(HeaderField(name: "c", value: SystemTopic.autoCreate))
        fields.append(HeaderField(name: "d", value: "4"))
        fields.append(HeaderField(name: "e", value: String(queue.queueID)))
        fields.append(HeaderField(name: "f", value: String(send.systemFlag.rawValue)))
        fields.append(HeaderField(name: "g", value: String(now.milliseconds)))
        let first = send.messages.first
        fields.append(
            HeaderField(name: "h", value: send.isBatch ? "0" : String(first?.flag ?? 0)))
        if !send.isBatch, let first {
            fields.append(HeaderField(name: "i", value: first.propertiesText))
        }
        fields.append(HeaderField(name: "j", value: "0"))
        fields.append(HeaderField(name: "k", value: "false"))
        fields.append(HeaderField(name: "m", value: send.isBatch ? "true" : "false"))
        return RemotingCommand(
            code: Self.code(of: send).rawValue, flag: send.isOneWay ? CommandFlag.oneWay : 0,
            fields: fields,
            body: send.isBatch ? Self.batchBody(send.messages) : first?.body ?? [])
    }

    private static func code(of send: OutgoingSend) -> RequestCode {
        if send.kind == .reply { return .sendReplyMessageV2 }
        return send.isBatch ? .sendBatchMessage : .sendMessageV2
    }

    private static func batchBody(_ messages: [OutgoingMessage]) -> [UInt8] {
        var bytes: [UInt8] = []
        for message in messages {
            MessageBatch.append(
                to: &bytes, flag: message.flag, body: message.body,
                properties: Array(message.propertiesText.utf8))
        }
        return bytes
    }
}

/// Where a broker says that it stored a message.
package struct SendAcknowledgement: Hashable, Sendable {
    /// Offset ids; of a batch those of its members, separated by commas.
    package var offsetMessageID: String
    package var queueID: Int32
    /// Of a batch's first member.
    package var queueOffset: QueueOffset
    package var transactionID: String?
    package var region: String?
    /// Whether the broker wants to hear what becomes of the message.
    package var isTraced = false
    /// Of a delayed message: names it for as long as it waits.
    package var recallHandle: String?

    package init(
        offsetMessageID: String, queueID: Int32, queueOffset: QueueOffset,
        transactionID: String? = nil, region: String? = nil, recallHandle: String? = nil
    ) {
        self.offsetMessageID = offsetMessageID
        self.queueID = queueID
        self.queueOffset = queueOffset
        self.transactionID = transactionID
        self.region = region
        self.recallHandle = recallHandle
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.offsetMessageID = try command.requiredString("msgId")
        self.queueID = try command.requiredInt32("queueId")
        self.queueOffset = QueueOffset(try command.requiredInt64("queueOffset"))
        self.transactionID = command.nonEmptyString("transactionId")
        self.region = command.nonEmptyString("MSG_REGION")
        self.isTraced = self.region != nil && command.string("TRACE_ON") != "false"
        self.recallHandle = command.nonEmptyString("recallHandle")
    }
}

extension MessageProperties {
    /// The wire's form, as `encoded`, for the way of every message.
    package var wireText: String {
        var text = ""
        text.reserveCapacity(
            self.pairs.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 2 })
        for pair in self.pairs {
            text += pair.name
            text += "\u{1}"
            text += pair.value
            text += "\u{2}"
        }
        return text
    }
}
