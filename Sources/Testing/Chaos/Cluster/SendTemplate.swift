package import MessageFormat
package import RemotingProtocol

/// Builds send requests with everything that stays the same worked out once, and reads the answers.
package struct SendTemplate: Sendable {
    private let producerGroup: String
    private let properties: String

    package init(producerGroup: String, tag: String? = nil, keys: String? = nil) {
        self.producerGroup = producerGroup
        var properties = MessageProperties()
        properties[PropertyName.tags] = tag
        properties[PropertyName.keys] = keys
        properties[PropertyName.waitForStore] = "true"
        self.properties = properties.encoded
    }

    /// The second form of the request: one-letter names in alphabetical order.
    package func command(
        _ body: [UInt8], to queue: MessageQueue, at time: Timestamp,
        adding more: MessageProperties = MessageProperties()
    ) -> RemotingCommand {
        .request(
            .sendMessageV2,
            fields: [
                "a": self.producerGroup, "b": queue.topic, "c": SystemTopic.autoCreate, "d": "4",
                "e": String(queue.queueID), "f": "0", "g": String(time.milliseconds), "h": "0",
                "i": self.properties + more.encoded, "j": "0", "k": "false", "m": "false",
                "n": queue.brokerName,
            ], body: body)
    }
}

/// What a broker's answer to a send means.
package struct SendReport: Sendable {
    package var outcome: SendOutcome
    /// In the protocol's words where there are any.
    package var status: String
    package var position: QueuePosition?
    package var messageID: String?

    package init(
        outcome: SendOutcome, status: String, position: QueuePosition? = nil,
        messageID: String? = nil
    ) {
        self.outcome = outcome
        self.status = status
        self.position = position
        self.messageID = messageID
    }

    package init(_ answer: ReceivedCommand, to queue: MessageQueue) {
        self.init(
            outcome: SendOutcome(answer.responseCode), status: Self.status(answer),
            position: Self.position(answer, queue), messageID: answer.nonEmptyString("msgId"))
    }

    /// The request brought no answer.
    package init(_ error: AccessError) {
        self.init(
            outcome: error.mayHaveTakenEffect ? .unknown : .failed, status: error.description)
        if case .refused(let code, _, _) = error { self.outcome = SendOutcome(code) }
    }

    private static func status(_ answer: ReceivedCommand) -> String {
        guard answer.responseCode != .success else { return "SEND_OK" }
        return answer.responseCode.name + (answer.remark.map { ": \($0)" } ?? "")
    }

    private static func position(
        _ answer: ReceivedCommand, _ queue: MessageQueue
    ) -> QueuePosition? {
        guard answer.responseCode == .success,
            let id = try? answer.int32("queueId"), let offset = try? answer.int64("queueOffset")
        else { return nil }
        var queue = queue
        queue.queueID = id
        return QueuePosition(queue, QueueOffset(offset))
    }
}

extension SendOutcome {
    /// Each status of a send has one class.
    package init(_ code: ResponseCode) {
        switch code {
        case .success: self = .acknowledged
        // Refused before anything was appended.
        case .systemBusy, .messageIllegal, .noPermission, .topicNotExist, .invalidParameter,
            .requestCodeNotSupported, .subscriptionGroupNotExist, .flowControl:
            self = .failed
        // Stored but not known to be durable, or an error of which nothing more is known.
        default: self = .unknown
        }
    }
}
