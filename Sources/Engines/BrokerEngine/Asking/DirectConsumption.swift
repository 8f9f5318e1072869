import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A message that an operator wants one consumer to handle now, while it is fetched.
struct DirectConsumption: Sendable {
    var caller: Caller
    var group: String
    var member: GroupMember
    var messageID: String
}

// CONSUME_MESSAGE_DIRECTLY: the broker hands a stored message to one consumer, whatever the group's
// offset is, and passes on what came of it. Nothing else changes.
extension BrokerEngine {
    private static let handlingPatience = Duration.seconds(10)

    mutating func consumeDirectly(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let clientID = command.nonEmptyString("clientId")
        guard
            let member = self.consumers.group(group)?.members.sorted
                .last(where: { clientID == nil || $0.clientID == clientID })
        else {
            throw Refusal(
                .systemError,
                "the consumer \(clientID ?? "") of group \(group) is not online")
        }
        guard let id = OffsetMessageID(try command.requiredString("msgId")),
            id.physicalOffset >= .zero, id.physicalOffset < self.progress.confirmed
        else { throw Refusal(.systemError, "no message of this broker has that id") }
        let job = DirectConsumption(
            caller: caller, group: group, member: member, messageID: id.text)
        self.effects.append(
            .readMessage(self.reads.add(.consumeDirectly(job)), at: id.physicalOffset))
    }

    /// The message has been read.
    mutating func consumeDirectly(_ job: DirectConsumption, _ bytes: [UInt8]) {
        let topic = bytes.withUnsafeBytes { try? StoredMessageView($0).topic } ?? ""
        let question = RemotingCommand.request(
            .consumeMessageDirectly,
            fields: [
                "brokerName": self.settings.brokerName, "clientId": job.member.clientID,
                "consumerGroup": job.group, "groupSysFlag": "0", "msgId": job.messageID,
                "topic": topic, "topicSysFlag": "0",
            ], body: bytes)
        let isAsked = self.ask(
            ConnectionID(value: job.member.connection.value), question,
            patience: Self.handlingPatience, then: .passOn(job.caller))
        if !isAsked {
            self.refuse(job.caller, Refusal(.systemBusy, "too many questions to clients are open"))
        }
    }
}
