/// Who fetches messages, and how. The raw values are the wire's names; C++ clients send positions.
package enum ConsumeType: String, Sendable, CaseIterable {
    case actively = "CONSUME_ACTIVELY"
    case passively = "CONSUME_PASSIVELY"
    case pop = "CONSUME_POP"
}

package enum MessageModel: String, Sendable, CaseIterable {
    case broadcasting = "BROADCASTING"
    case clustering = "CLUSTERING"
}

/// Where a group without an offset starts.
package enum ConsumeFromWhere: String, Sendable, CaseIterable {
    case lastOffset = "CONSUME_FROM_LAST_OFFSET"
    case lastOffsetAndFromMinWhenBootFirst = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST"
    case minOffset = "CONSUME_FROM_MIN_OFFSET"
    case maxOffset = "CONSUME_FROM_MAX_OFFSET"
    case firstOffset = "CONSUME_FROM_FIRST_OFFSET"
    case timestamp = "CONSUME_FROM_TIMESTAMP"
}

/// One consumer group of a client.
package struct ConsumerData: Hashable, Sendable {
    package var group: String
    package var consumeType: ConsumeType
    package var messageModel: MessageModel
    package var consumeFromWhere: ConsumeFromWhere
    package var subscriptions: [SubscriptionData]
    package var unitMode: Bool

    package init(
        group: String, consumeType: ConsumeType = .passively,
        messageModel: MessageModel = .clustering,
        consumeFromWhere: ConsumeFromWhere = .lastOffset, subscriptions: [SubscriptionData] = [],
        unitMode: Bool = false
    ) {
        self.group = group
        self.consumeType = consumeType
        self.messageModel = messageModel
        self.consumeFromWhere = consumeFromWhere
        self.subscriptions = subscriptions
        self.unitMode = unitMode
    }
}

extension ConsumerData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            group: try json.requiredText("groupName"),
            consumeType: json.choice("consumeType") ?? .passively,
            messageModel: json.choice("messageModel") ?? .clustering,
            consumeFromWhere: json.choice("consumeFromWhere") ?? .lastOffset,
            subscriptions: try JSONValue.map(
                try json.elements("subscriptionDataSet"), SubscriptionData.init(json:)),
            unitMode: try json.bool("unitMode", default: false))
    }

    package var json: JSONValue {
        [
            "consumeFromWhere": .string(self.consumeFromWhere.rawValue),
            "consumeType": .string(self.consumeType.rawValue),
            "groupName": .string(self.group),
            "messageModel": .string(self.messageModel.rawValue),
            "subscriptionDataSet": .array(self.subscriptions.map(\.json)),
            "unitMode": .bool(self.unitMode),
        ]
    }
}

/// What a client tells every broker that it is connected to, again and again.
package struct HeartbeatData: Hashable, Sendable {
    package var clientID: String
    package var producers: [String]
    package var consumers: [ConsumerData]
    /// Not 0 in the second form of heartbeats, which leaves unchanged subscriptions out.
    package var fingerprint: Int32
    package var withoutSub: Bool

    package init(
        clientID: String, producers: [String] = [], consumers: [ConsumerData] = [],
        fingerprint: Int32 = 0, withoutSub: Bool = false
    ) {
        self.clientID = clientID
        self.producers = producers
        self.consumers = consumers
        self.fingerprint = fingerprint
        self.withoutSub = withoutSub
    }
}

extension HeartbeatData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            clientID: try json.requiredText("clientID"),
            producers: try JSONValue.map(try json.elements("producerDataSet")) {
                producer throws(BodyError) -> String in try producer.requiredText("groupName")
            },
            consumers: try JSONValue.map(
                try json.elements("consumerDataSet"), ConsumerData.init(json:)),
            fingerprint: try json.int32("heartbeatFingerprint", default: 0),
            withoutSub: try json.bool("withoutSub", default: false))
    }

    package var json: JSONValue {
        [
            "clientID": .string(self.clientID),
            "consumerDataSet": .array(self.consumers.map(\.json)),
            "heartbeatFingerprint": .integer(Int64(self.fingerprint)),
            "producerDataSet": .array(self.producers.map { ["groupName": .string($0)] }),
            "withoutSub": .bool(self.withoutSub),
        ]
    }
}

extension JSONValue {
    /// An enumeration's case by its name or its position; nil for what we do not know.
    func choice<T: RawRepresentable<String> & CaseIterable>(_ field: String) -> T? {
        guard let value = self[field] else { return nil }
        if case .string(let name) = value, let choice = T(rawValue: name) { return choice }
        guard let position = value.int32, position >= 0 else { return nil }
        return T.allCases.dropFirst(Int(position)).first
    }
}
