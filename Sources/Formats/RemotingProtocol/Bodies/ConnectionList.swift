/// A client's connection as tools show it.
package struct ClientConnection: Hashable, Sendable {
    package var clientID: String
    package var address: String
    package var language: LanguageCode
    package var version: Int32

    package init(clientID: String, address: String, language: LanguageCode, version: Int32) {
        self.clientID = clientID
        self.address = address
        self.language = language
        self.version = version
    }
}

extension ClientConnection: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            clientID: try json.requiredText("clientId"), address: json["clientAddr"]?.text ?? "",
            language: LanguageCode(name: json["language"]?.text ?? ""),
            version: try json.int32("version", default: 0))
    }

    package var json: JSONValue {
        [
            "clientAddr": .string(self.address),
            "clientId": .string(self.clientID),
            "language": .string(self.language.name),
            "version": .integer(Int64(self.version)),
        ]
    }
}

/// The clients of a group: the answer to `getProducerConnectionList`, and with `consumers` to
/// `getConsumerConnectionList`.
package struct ConnectionList: Hashable, Sendable {
    /// What only consumer groups have.
    package struct Consumers: Hashable, Sendable {
        package var consumeType: ConsumeType
        package var messageModel: MessageModel
        package var consumeFromWhere: ConsumeFromWhere
        package var subscriptions: [SubscriptionData]

        package init(
            consumeType: ConsumeType, messageModel: MessageModel,
            consumeFromWhere: ConsumeFromWhere, subscriptions: [SubscriptionData]
        ) {
            self.consumeType = consumeType
            self.messageModel = messageModel
            self.consumeFromWhere = consumeFromWhere
            self.subscriptions = subscriptions
        }
    }

    package var connections: [ClientConnection]
    package var consumers: Consumers?

    package init(connections: [ClientConnection], consumers: Consumers? = nil) {
        self.connections = connections
        self.consumers = consumers
    }
}

extension ConnectionList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            connections: try JSONValue.map(
                try json.elements("connectionSet"), ClientConnection.init(json:)))
        guard json["subscriptionTable"] != nil || json["consumeType"] != nil else { return }
        self.consumers = Consumers(
            consumeType: json.choice("consumeType") ?? .passively,
            messageModel: json.choice("messageModel") ?? .clustering,
            consumeFromWhere: json.choice("consumeFromWhere") ?? .lastOffset,
            subscriptions: try JSONValue.map(try json.members("subscriptionTable")) {
                member throws(BodyError) -> SubscriptionData in
                try SubscriptionData(json: member.value)
            })
    }

    package var json: JSONValue {
        let connections = JSONMember("connectionSet", .array(self.connections.map(\.json)))
        guard let consumers = self.consumers else { return .object([connections]) }
        let subscriptions = consumers.subscriptions.sorted { $0.topic < $1.topic }
        return .object([
            connections,
            JSONMember("consumeFromWhere", .string(consumers.consumeFromWhere.rawValue)),
            JSONMember("consumeType", .string(consumers.consumeType.rawValue)),
            JSONMember("messageModel", .string(consumers.messageModel.rawValue)),
            JSONMember(
                "subscriptionTable",
                .object(subscriptions.map { JSONMember($0.topic, $0.json) })),
        ])
    }
}
