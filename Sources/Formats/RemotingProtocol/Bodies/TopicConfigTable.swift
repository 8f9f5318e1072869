package import MessageFormat

/// All topics of a broker: the answer to `getAllTopicConfig`.
package struct TopicConfigTable: Hashable, Sendable {
    package var topics: [TopicConfig]
    package var dataVersion: DataVersion

    package init(topics: [TopicConfig], dataVersion: DataVersion) {
        self.topics = topics
        self.dataVersion = dataVersion
    }
}

extension TopicConfigTable: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        let topics = try JSONValue.map(try json.members("topicConfigTable")) {
            member throws(BodyError) -> TopicConfig in
            // A name that is left out stands in front of the colon.
            guard member.value["topicName"] == nil, case .object(let members) = member.value else {
                return try TopicConfig(json: member.value)
            }
            let named = members + [JSONMember("topicName", .string(member.name))]
            return try TopicConfig(json: .object(named))
        }
        let version = try json["dataVersion"].map { json throws(BodyError) -> DataVersion in
            try DataVersion(json: json)
        }
        self.init(topics: topics, dataVersion: version ?? .none)
    }

    package var json: JSONValue {
        [
            "dataVersion": self.dataVersion.json,
            "topicConfigTable": .object(
                self.topics.sorted { $0.name < $1.name }.map { JSONMember($0.name, $0.json) }),
            "topicQueueMappingDetailMap": [:],
            "topicQueueMappingInfoMap": [:],
        ]
    }
}

/// What a broker tells a name server about itself.
package struct RegisterBrokerBody: Hashable, Sendable {
    package var topics: [TopicConfig]
    package var dataVersion: DataVersion

    package init(topics: [TopicConfig], dataVersion: DataVersion) {
        self.topics = topics
        self.dataVersion = dataVersion
    }
}

extension RegisterBrokerBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        // Brokers before 3.0.11 send the table itself.
        let table = try TopicConfigTable(json: json["topicConfigSerializeWrapper"] ?? json)
        self.init(topics: table.topics, dataVersion: table.dataVersion)
    }

    package var json: JSONValue {
        [
            "filterServerList": [],
            "topicConfigSerializeWrapper": TopicConfigTable(
                topics: self.topics, dataVersion: self.dataVersion
            ).json,
        ]
    }
}
