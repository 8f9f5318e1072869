import DeliveryCore
import MessageFormat
import RemotingProtocol

/// Answers of a group's clients, while they come in.
struct StatusGathering: Sendable {
    var caller: Caller
    var left: Int
    /// By client, what it says.
    var found: [String: JSONValue] = [:]
}

// What operators ask of consumers through their broker.
extension BrokerEngine {
    private static let statusPatience = Duration.seconds(5)
    private static let infoPatience = Duration.seconds(10)

    /// INVOKE_BROKER_TO_GET_CONSUMER_STATUS: how far each client is on each queue.
    mutating func consumerStatus(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("group")
        let topic = try command.requiredString("topic")
        let only = command.nonEmptyString("clientAddr")
        let members = try self.membersOnline(group).filter { only == nil || $0.clientID == only }
        guard !members.isEmpty else {
            throw Refusal(.systemError, "the client \(only ?? "") is not in group \(group)")
        }
        self.counters.gatherings &+= 1
        let number = self.counters.gatherings
        self.gatherings[number] = StatusGathering(caller: caller, left: members.count)
        for member in members {
            let isAsked = self.ask(
                ConnectionID(value: member.connection.value),
                .request(.getConsumerStatusFromClient, fields: ["group": group, "topic": topic]),
                patience: Self.statusPatience,
                then: .consumerStatus(gathering: number, clientID: member.clientID))
            if !isAsked { self.gathered(nil, of: "", in: number) }
        }
    }

    private func membersOnline(_ group: String) throws -> [GroupMember] {
        guard let members = self.consumers.group(group)?.members.sorted, !members.isEmpty else {
            throw Refusal(.consumerNotOnline, "the consumer group \(group) is not online")
        }
        return members
    }

    /// A client has answered, or will not (nil).
    mutating func gathered(_ answer: ReceivedCommand?, of clientID: String, in number: UInt64) {
        guard var gathering = self.gatherings.removeValue(forKey: number) else { return }
        gathering.left -= 1
        if let answer, answer.code == ResponseCode.success.rawValue,
            let body = try? answer.withBodyBytes({ try JSONValue(parsing: $0) }),
            let table = body["messageQueueTable"]
        {
            gathering.found[clientID] = table
        }
        guard gathering.left <= 0 else {
            self.gatherings[number] = gathering
            return
        }
        let body: JSONValue = [
            "consumerTable": .sorted(gathering.found), "messageQueueTable": .object([]),
        ]
        self.succeed(gathering.caller, body: body.encoded)
    }

    /// GET_CONSUMER_RUNNING_INFO: the client's own answer goes back as it is.
    mutating func consumerInfo(_ command: ReceivedCommand, from caller: Caller) throws {
        let group = try command.requiredString("consumerGroup")
        let clientID = try command.requiredString("clientId")
        guard
            let member = self.consumers.group(group)?.members.sorted
                .last(where: { $0.clientID == clientID })
        else {
            throw Refusal(
                .systemError, "the consumer \(clientID) of group \(group) is not online")
        }
        var question = RemotingCommand.request(
            .getConsumerRunningInfo, fields: ["clientId": clientID, "consumerGroup": group])
        question["jstackEnable"] = command.nonEmptyString("jstackEnable")
        guard
            self.ask(
                ConnectionID(value: member.connection.value), question,
                patience: Self.infoPatience, then: .passOn(caller))
        else { throw Refusal(.systemBusy, "too many questions to clients are open") }
    }

    mutating func passOn(_ answer: ReceivedCommand, to caller: Caller) {
        self.answer(
            caller,
            .response(
                ResponseCode(rawValue: answer.code), to: caller.opaque, remark: answer.remark,
                body: answer.withBodyBytes { Array($0) }))
    }
}
