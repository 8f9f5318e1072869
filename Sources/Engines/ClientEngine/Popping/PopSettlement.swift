package import MessageFormat
package import RemotingProtocol

/// What a consumer says of messages that it popped.
package enum PopSettlement: Hashable, Sendable {
    /// Done with these, all of one broker.
    case acknowledge([PopTicket])
    /// Hidden for that many milliseconds from now on; or only until the connection closes, if it
    /// does before.
    case hide(PopTicket, milliseconds: Int64, returnsOnClose: Bool = false)
    /// To the group's dead letters. The message stays popped.
    case deadLetter(PopTicket, physicalOffset: PhysicalOffset, messageID: String)

    package var brokerName: String {
        switch self {
        case .acknowledge(let tickets): tickets.first?.brokerName ?? ""
        case .hide(let ticket, _, _), .deadLetter(let ticket, _, _): ticket.brokerName
        }
    }

    package var topic: String {
        switch self {
        case .acknowledge(let tickets): tickets.first?.topic ?? ""
        case .hide(let ticket, _, _), .deadLetter(let ticket, _, _): ticket.topic
        }
    }

    package func command(group: String) -> RemotingCommand {
        switch self {
        case .acknowledge(let tickets):
            guard tickets.count == 1, let ticket = tickets.first else {
                return .request(
                    .batchAckMessage,
                    body: BatchAcknowledgement(group: group, tickets: tickets).encoded)
            }
            return Self.command(.ackMessage, ticket, group)
        case .hide(let ticket, let milliseconds, let returnsOnClose):
            var command = Self.command(.changeMessageInvisibleTime, ticket, group)
            command["invisibleTime"] = String(milliseconds)
            command["apusReturnOnClose"] = returnsOnClose ? "true" : nil
            return command
        case .deadLetter(let ticket, let physicalOffset, let messageID):
            return .request(
                .consumerSendMessageBack,
                fields: [
                    "delayLevel": "-1", "group": group, "maxReconsumeTimes": "0",
                    "offset": String(physicalOffset.bytes), "originMsgId": messageID,
                    "originTopic": ticket.topic,
                ])
        }
    }

    private static func command(
        _ code: RequestCode, _ ticket: PopTicket, _ group: String
    ) -> RemotingCommand {
        .request(
            code,
            fields: [
                "consumerGroup": group, "extraInfo": ticket.text,
                "offset": String(ticket.offset.value), "queueId": String(ticket.queueID),
                "topic": ticket.storedTopic,
            ])
    }

    /// The ticket that counts after a message was hidden anew.
    package func ticket(after answer: ReceivedCommand) throws(HeaderFieldError) -> PopTicket? {
        guard case .hide(let ticket, _, _) = self else { return nil }
        return ticket.changed(
            popTime: Timestamp(milliseconds: try answer.requiredInt64("popTime")),
            invisibleTime: try answer.requiredInt64("invisibleTime"),
            reviveQueue: try answer.requiredInt32("reviveQid"))
    }
}

/// The body of a batch acknowledgement (`requests.md` §5).
private struct BatchAcknowledgement {
    private struct Pop: Hashable, Comparable {
        var topic: String
        var queueID: Int32
        var start: Int64
        var popTime: Int64
        var invisibleTime: Int64
        var reviveQueue: Int32
        var kind: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.topic, left.kind, left.queueID, left.start, left.popTime)
                < (right.topic, right.kind, right.queueID, right.start, right.popTime)
        }
    }

    /// Offsets of one pop that one bit set holds.
    private static let spanMax: Int64 = 4096

    let encoded: [UInt8]

    init(group: String, tickets: [PopTicket]) {
        var pops: [Pop: [Int64]] = [:]
        for ticket in tickets {
            let ahead = ticket.offset.value - ticket.start.value
            // A set begins near its offsets, whatever the pop's first one was.
            let base = (0..<Self.spanMax).contains(ahead) ? ticket.start.value : ticket.offset.value
            let pop = Pop(
                topic: ticket.topic, queueID: ticket.queueID, start: base,
                popTime: ticket.popTime.milliseconds, invisibleTime: ticket.invisibleTime,
                reviveQueue: ticket.reviveQueue, kind: ticket.kind)
            pops[pop, default: []].append(ticket.offset.value - base)
        }
        let acks = pops.sorted { $0.key < $1.key }.map { pop, bits in
            let ack: JSONValue = [
                "b": .string(Self.base64(bits)), "c": .string(group),
                "it": .integer(pop.invisibleTime), "pt": .integer(pop.popTime),
                "q": .integer(Int64(pop.queueID)), "r": .string(String(pop.kind)),
                "rq": .integer(Int64(pop.reviveQueue)), "so": .integer(pop.start),
                "t": .string(pop.topic),
            ]
            return ack
        }
        let body: JSONValue = [
            "acks": .array(acks), "brokerName": .string(tickets.first?.brokerName ?? ""),
        ]
        self.encoded = body.encoded
    }

    /// Bytes with the lowest bit first, in the plain alphabet.
    private static func base64(_ bits: [Int64]) -> String {
        var bytes = [UInt8](repeating: 0, count: Int((bits.max() ?? 0) / 8) + 1)
        for bit in bits { bytes[Int(bit / 8)] |= 1 << UInt8(bit % 8) }
        let text = URLBase64.encode(bytes).utf8.map { digit in
            switch digit {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: digit
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
