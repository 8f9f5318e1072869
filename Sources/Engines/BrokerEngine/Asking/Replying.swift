import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Request-reply: a consumer's reply is pushed to the producer that asked (`flows.md` §14).
extension BrokerEngine {
    private static let replyPatience = Duration.seconds(10)

    mutating func sendReply(_ command: ReceivedCommand, from caller: Caller) throws {
        let request = try SendRequest(command)
        let properties = request.properties.withUnsafeBytes { MessageProperties(parsing: $0) }
        guard let clientID = properties[PropertyName.replyToClient] else {
            throw Refusal(
                .systemError,
                "the reply has no property \(PropertyName.replyToClient): nobody waits for it")
        }
        try command.withBodyBytes { try self.check(body: $0.count, properties: 0) }
        self.store(request, command, from: caller)
        guard let connection = self.producers.connection(ofClient: clientID) else {
            throw Refusal(
                .systemError,
                "push reply message fail, channel of <\(clientID)> not found.")
        }
        let push = self.push(request, properties, command, from: caller)
        guard
            self.ask(
                ConnectionID(value: connection.value), push, patience: Self.replyPatience,
                then: .reply(caller))
        else { throw Refusal(.systemBusy, "too many replies are on their way to producers") }
    }

    private func push(
        _ request: SendRequest, _ properties: MessageProperties, _ command: ReceivedCommand,
        from caller: Caller
    ) -> RemotingCommand {
        var properties = properties
        properties["PUSH_REPLY_TIME"] = String(self.now.wall.milliseconds)
        return .request(
            .pushReplyMessageToClient,
            fields: [
                "bornHost": caller.remote.description,
                "bornTimestamp": String(request.bornTimestamp.milliseconds),
                "defaultTopic": request.defaultTopic,
                "defaultTopicQueueNums": String(request.defaultTopicQueueNums),
                "flag": String(request.flag), "producerGroup": request.producerGroup,
                "properties": properties.encoded, "queueId": String(request.queueID),
                "reconsumeTimes": String(request.reconsumeTimes),
                "storeHost": self.settings.storeHost.description,
                "storeTimestamp": String(self.now.wall.milliseconds),
                "sysFlag": String(request.systemFlag.rawValue), "topic": request.topic,
                "unitMode": request.unitMode ? "true" : "false",
            ], body: command.withBodyBytes { Array($0) })
    }

    /// Keeps the reply where operators can look it up. It arrives also when it cannot be kept.
    private mutating func store(
        _ request: SendRequest, _ command: ReceivedCommand, from caller: Caller
    ) {
        let topic = "\(self.settings.clusterName)_REPLY_TOPIC"
        guard self.delivery.topics.config(topic) != nil, (try? self.admit()) != nil else { return }
        let draft = MessageDraft(
            topic: topic, queueID: 0, flag: request.flag, systemFlag: request.systemFlag,
            bornTimestamp: request.bornTimestamp,
            bornHost: caller.remote.presentableToOldClients, storeHost: self.settings.storeHost,
            reconsumeTimes: request.reconsumeTimes)
        do {
            _ = try command.withBodyBytes { body in
                try request.properties.withUnsafeBytes { properties in
                    try self.check(body: body.count, properties: properties.count)
                    return try self.place(draft, body: body, properties: properties)
                }
            }
        } catch {
            self.effects.append(.warn("a reply was not stored: \(error)"))
        }
    }

    /// The producer has it, or says why not.
    mutating func replyArrived(_ answer: ReceivedCommand, _ caller: Caller) {
        guard answer.code == ResponseCode.success.rawValue else {
            return self.refuse(
                caller,
                Refusal(
                    .systemError,
                    "push reply message to the producer failed: code \(answer.code), "
                        + "\(answer.remark ?? "")"))
        }
        guard !caller.isOneWay else { return }
        self.effects.append(
            .answerSend(
                caller,
                SendResponse(
                    opaque: caller.opaque, messageIDs: .several("0"), queueID: 0, queueOffset: 0)))
    }

    mutating func replyLost(_ caller: Caller, _ failure: CallFailure) {
        let reason =
            switch failure {
            case .connectionClosed: "its connection closed"
            case .timedOut: "it did not answer"
            }
        self.refuse(
            caller, Refusal(.systemError, "push reply message to the producer failed: \(reason)"))
    }
}
