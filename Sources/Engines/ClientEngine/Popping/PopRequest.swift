package import MessageFormat
package import RemotingProtocol

/// Takes messages of a topic from one broker and hides them for a while (code 200050).
package struct PopRequest: Hashable, Sendable {
    package var group: String
    package var topic: String
    package var brokerName: String
    package var messagesMax: Int
    /// How long they stay hidden, in milliseconds.
    package var invisibleTime: Int64
    /// How long the broker holds the request when there is nothing; zero: not at all.
    package var hold: Duration
    package var startsAtFirst: Bool
    package var subscription: SubscriptionData
    /// Others get the messages as soon as the connection closes, or this client's lease ends.
    package var returnsOnClose: Bool

    package init(
        group: String, topic: String, brokerName: String, messagesMax: Int, invisibleTime: Int64,
        hold: Duration, startsAtFirst: Bool, subscription: SubscriptionData,
        returnsOnClose: Bool = false
    ) {
        self.group = group
        self.topic = topic
        self.brokerName = brokerName
        self.messagesMax = messagesMax
        self.invisibleTime = invisibleTime
        self.hold = hold
        self.startsAtFirst = startsAtFirst
        self.subscription = subscription
        self.returnsOnClose = returnsOnClose
    }

    package func command(at now: Timestamp) -> RemotingCommand {
        var command = RemotingCommand.request(
            .popMessage,
            fields: [
                "bornTime": String(now.milliseconds), "consumerGroup": self.group,
                "exp": self.subscription.expression, "expType": self.subscription.expressionType,
                "initMode": self.startsAtFirst ? "0" : "1",
                "invisibleTime": String(self.invisibleTime),
                "maxMsgNums": String(self.messagesMax), "order": "false",
                "pollTime": String(Tick(self.hold).nanoseconds / 1_000_000), "queueId": "-1",
                "topic": self.topic,
            ])
        command["apusReturnOnClose"] = self.returnsOnClose ? "true" : nil
        return command
    }
}

/// A message that is hidden from others until it is acknowledged or its time is over.
package struct PoppedMessage: Sendable {
    package var message: InboundMessage
    package var ticket: PopTicket
    /// From then on others may get it.
    package var hiddenUntil: Tick
}

/// A broker's answer to a pop.
package enum PopAnswer: Sendable {
    /// `filtered`: what the broker's hash let through and the tags do not; to be acknowledged.
    case found([PoppedMessage], filtered: [PopTicket])
    case nothing
    /// Too many wait at that broker.
    case full
    case refused(code: ResponseCode, remark: String)
    case failed(CallFailure)

    package init(_ result: CallResult, of request: PopRequest, at now: Tick) {
        switch result {
        case .failure(let failure): self = .failed(failure)
        case .success(let command): self = Self.answer(command, of: request, at: now)
        }
    }

    private static func answer(
        _ command: ReceivedCommand, of request: PopRequest, at now: Tick
    ) -> Self {
        switch command.responseCode {
        case .success: break
        case .pollingTimeout, .pullNotFound: return .nothing
        case .pollingFull: return .full
        case let code: return .refused(code: code, remark: command.remark ?? code.name)
        }
        do {
            let info = try PopInfo(command)
            let result = command.withBodyBytes { bytes in
                Result { () throws(MessageFormatError) -> [InboundMessage] in
                    try InboundMessage.messages(in: bytes, brokerName: request.brokerName)
                }
            }
            return Self.found(try result.get(), info, request, at: now)
        } catch {
            return .refused(code: .systemError, remark: "the answer cannot be read: \(error)")
        }
    }

    private static func found(
        _ messages: [InboundMessage], _ info: PopInfo, _ request: PopRequest, at now: Tick
    ) -> Self {
        var found: [PoppedMessage] = []
        var filtered: [PopTicket] = []
        for var message in messages {
            // Without a ticket nobody could acknowledge it: it comes again by itself.
            guard let ticket = info.ticket(of: message, request) else { continue }
            if message.passes(request.subscription) {
                message.topic = request.topic
                let hidden = Duration.milliseconds(ticket.invisibleTime)
                found.append(
                    PoppedMessage(message: message, ticket: ticket, hiddenUntil: now + hidden))
            } else {
                filtered.append(ticket)
            }
        }
        return .found(found, filtered: filtered)
    }
}

/// The header of an answer with messages, from which tickets are made.
private struct PopInfo {
    let popTime: Timestamp
    let invisibleTime: Int64
    let reviveQueue: Int32
    /// First offset of each kind of topic and queue.
    var starts: [[Int64]: QueueOffset] = [:]

    init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.popTime = Timestamp(milliseconds: try command.requiredInt64("popTime"))
        self.invisibleTime = try command.requiredInt64("invisibleTime")
        self.reviveQueue = try command.requiredInt32("reviveQid")
        for entry in (command.string("startOffsetInfo") ?? "").split(separator: ";") {
            let parts = entry.split(separator: " ")
            guard parts.count == 3, let kind = Int64(parts[0]), let queue = Int64(parts[1]),
                let start = Int64(parts[2])
            else { continue }
            self.starts[[kind, queue]] = QueueOffset(start)
        }
    }

    func ticket(of message: InboundMessage, _ request: PopRequest) -> PopTicket? {
        if let text = message.properties[PropertyName.popCheckpoint] {
            return PopTicket(text, topic: request.topic, group: request.group)
        }
        let kind = PopTicket.kind(
            of: message.queue.topic, topic: request.topic, group: request.group)
        let queueID = message.queue.queueID
        guard let start = self.starts[[Int64(kind), Int64(queueID)]] else { return nil }
        return PopTicket(
            topic: request.topic, group: request.group, brokerName: request.brokerName,
            queueID: queueID, offset: message.queueOffset, start: start, popTime: self.popTime,
            invisibleTime: self.invisibleTime, reviveQueue: self.reviveQueue, kind: kind)
    }
}
