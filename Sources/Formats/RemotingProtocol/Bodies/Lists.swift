/// The members of a consumer group: the answer to `getConsumerListByGroup`.
package struct ConsumerIDList: Hashable, Sendable {
    package var clientIDs: [String]

    package init(clientIDs: [String]) { self.clientIDs = clientIDs }
}

extension ConsumerIDList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(clientIDs: try json.texts("consumerIdList"))
    }

    package var json: JSONValue { ["consumerIdList": .strings(self.clientIDs)] }
}

/// Names of topics; some answers add the address of a broker.
package struct TopicList: Hashable, Sendable {
    package var topics: [String]
    package var brokerAddress: String?

    package init(topics: [String], brokerAddress: String? = nil) {
        self.topics = topics
        self.brokerAddress = brokerAddress
    }
}

extension TopicList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            topics: try json.texts("topicList"), brokerAddress: json["brokerAddr"]?.text)
    }

    package var json: JSONValue {
        let topics = JSONMember("topicList", .strings(self.topics))
        guard let address = self.brokerAddress else { return .object([topics]) }
        return .object([JSONMember("brokerAddr", .string(address)), topics])
    }
}

/// Names of groups.
package struct GroupList: Hashable, Sendable {
    package var groups: [String]

    package init(groups: [String]) { self.groups = groups }
}

extension GroupList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(groups: try json.texts("groupList"))
    }

    package var json: JSONValue { ["groupList": .strings(self.groups)] }
}

/// A table of texts: runtime figures, and the name server's configuration values.
package struct KVTable: Hashable, Sendable {
    package var table: [String: String]

    package init(table: [String: String]) { self.table = table }
}

extension KVTable: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(table: try json.textTable("table"))
    }

    package var json: JSONValue { ["table": .textTable(self.table)] }
}
