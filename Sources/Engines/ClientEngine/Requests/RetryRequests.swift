import ClientCore
import MessageFormat
import RemotingProtocol

/// How a message that could not be handled gets back to the brokers (`flows.md` §8).
package enum RetryRequests {
    /// Longer texts of errors are cut: they travel in a header.
    package static let reasonBytesMax = 1_024

    /// Level: 0 lets the broker choose a growing delay, below zero asks for a dead letter.
    package struct Choice: Hashable, Sendable {
        package var level: Int32
        /// How often the message may come again; nil: what the group's configuration says.
        package var retriesMax: Int32?
        /// Why it failed; kept with a dead letter.
        package var reason: String

        package init(level: Int32 = 0, retriesMax: Int32? = nil, reason: String = "") {
            self.level = level
            self.retriesMax = retriesMax
            self.reason = Self.cut(reason)
        }

        private static func cut(_ reason: String) -> String {
            var count = 0
            return String(
                reason.unicodeScalars.prefix {
                    count += UTF8.width($0)
                    return count <= RetryRequests.reasonBytesMax
                })
        }
    }

    package static func topic(of group: String) -> String { ResourceName.retryPrefix + group }

    /// To the master of the message's broker: CONSUMER_SEND_MSG_BACK.
    static func sendBack(
        _ message: InboundMessage, group: String, _ choice: Choice
    ) -> RemotingCommand {
        var command = RemotingCommand.request(
            .consumerSendMessageBack,
            fields: [
                "delayLevel": String(choice.level), "group": group,
                "offset": String(message.physicalOffset.bytes),
                "originMsgId": message.messageID, "originTopic": message.topic,
                "unitMode": "false",
            ])
        if let max = choice.retriesMax { command["maxReconsumeTimes"] = String(max) }
        if !choice.reason.isEmpty { command["apusError"] = choice.reason }
        return command
    }

    /// To any master, when the message's own cannot be asked: a send to the retry topic. A dead
    /// letter is asked for by more tries than there may be.
    static func send(
        _ message: InboundMessage, group: String, to queue: MessageQueue, _ choice: Choice
    ) -> RemotingCommand {
        let tried = max(0, message.reconsumeTimes)
        let (next, limit) = (tried < .max ? tried + 1 : tried, choice.retriesMax)
        let isDead = choice.level < 0
        var request = SendRequest(
            producerGroup: "CLIENT_INNER_PRODUCER", topic: queue.topic, queueID: queue.queueID,
            systemFlag: message.systemFlag.intersection([.compressed, .compressionBits]),
            bornTimestamp: message.bornTimestamp, flag: message.flag)
        request.reconsumeTimes = isDead ? max(next, (limit ?? 0) &+ 1) : next
        request.maxReconsumeTimes = isDead ? request.reconsumeTimes - 1 : limit
        let level = choice.level > 0 ? choice.level : 3 &+ tried
        request.properties = Array(
            Self.properties(of: message, request, delayLevel: isDead ? nil : level).encoded.utf8)
        var command = request.command(body: message.body)
        if !choice.reason.isEmpty { command["apusError"] = choice.reason }
        return command
    }

    private static func properties(
        of message: InboundMessage, _ request: SendRequest, delayLevel: Int32?
    ) -> MessageProperties {
        var properties = message.properties
        // An earlier delay is over.
        for name in [
            PropertyName.timerDelaySeconds, PropertyName.timerDelayMilliseconds,
            PropertyName.timerDeliverAt,
        ] { properties[name] = nil }
        properties[PropertyName.delayLevel] = delayLevel.map { String($0) }
        properties[PropertyName.retryTopic] = message.topic
        if properties[PropertyName.originMessageID] == nil {
            properties[PropertyName.originMessageID] = message.offsetMessageID
        }
        properties[PropertyName.reconsumeTime] = String(request.reconsumeTimes)
        properties[PropertyName.maxReconsumeTimes] = request.maxReconsumeTimes.map { String($0) }
        return properties
    }
}

extension SystemFlag {
    /// Where the kind of a body's compression is noted.
    static let compressionBits = Self(rawValue: 7 << 8)
}
