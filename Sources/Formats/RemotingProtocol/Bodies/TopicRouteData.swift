package import MessageFormat

/// The addresses of one broker group: 0 is its master.
package struct BrokerData: Hashable, Sendable {
    package var cluster: String
    package var brokerName: String
    package var addresses: [Int64: String]

    package init(cluster: String, brokerName: String, addresses: [Int64: String]) {
        self.cluster = cluster
        self.brokerName = brokerName
        self.addresses = addresses
    }

    package var masterAddress: String? { self.addresses[0] }
}

extension BrokerData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            cluster: json["cluster"]?.text ?? "", brokerName: try json.requiredText("brokerName"),
            addresses: try Self.addresses(json))
    }

    /// Ids are names of members: quoted or bare numbers.
    static func addresses(_ json: JSONValue) throws(BodyError) -> [Int64: String] {
        var addresses: [Int64: String] = [:]
        for member in try json.members("brokerAddrs") {
            guard let id = Int64(member.name), let address = member.value.text else {
                throw .wrongType(field: "brokerAddrs", expected: "a table of ids and addresses")
            }
            addresses[id] = address
        }
        return addresses
    }

    static func json(_ addresses: [Int64: String]) -> JSONValue {
        .object(
            addresses.sorted { $0.key < $1.key }
                .map { JSONMember(String($0.key), .string($0.value)) })
    }

    package var json: JSONValue {
        [
            "brokerAddrs": Self.json(self.addresses),
            "brokerName": .string(self.brokerName),
            "cluster": .string(self.cluster),
            "enableActingMaster": false,
        ]
    }
}

/// How many queues of a topic one broker group has.
package struct QueueData: Hashable, Sendable {
    package var brokerName: String
    package var readQueues: Int32
    package var writeQueues: Int32
    package var permission: TopicPermission
    package var systemFlag: Int32

    package init(
        brokerName: String, readQueues: Int32, writeQueues: Int32, permission: TopicPermission,
        systemFlag: Int32 = 0
    ) {
        self.brokerName = brokerName
        self.readQueues = readQueues
        self.writeQueues = writeQueues
        self.permission = permission
        self.systemFlag = systemFlag
    }
}

extension QueueData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            brokerName: try json.requiredText("brokerName"),
            readQueues: try json.int32("readQueueNums", default: 0),
            writeQueues: try json.int32("writeQueueNums", default: 0),
            permission: TopicPermission(rawValue: try json.int32("perm", default: 0)),
            systemFlag: try json.int32("topicSysFlag", default: 0))
    }

    package var json: JSONValue {
        [
            "brokerName": .string(self.brokerName),
            "perm": .integer(Int64(self.permission.rawValue)),
            "readQueueNums": .integer(Int64(self.readQueues)),
            "topicSysFlag": .integer(Int64(self.systemFlag)),
            "writeQueueNums": .integer(Int64(self.writeQueues)),
        ]
    }
}

/// Where a topic's queues are: the answer to `getRouteInfoByTopic`.
///
/// Written compactly, sorted and with quoted broker ids, which every client reads: one splits the
/// text at commas, another knows only standard JSON.
package struct TopicRouteData: Hashable, Sendable {
    package var brokers: [BrokerData]
    package var queues: [QueueData]
    package var orderTopicConf: String?

    package init(brokers: [BrokerData], queues: [QueueData], orderTopicConf: String? = nil) {
        self.brokers = brokers
        self.queues = queues
        self.orderTopicConf = orderTopicConf
    }
}

extension TopicRouteData: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            brokers: try JSONValue.map(try json.elements("brokerDatas"), BrokerData.init(json:)),
            queues: try JSONValue.map(try json.elements("queueDatas"), QueueData.init(json:)),
            orderTopicConf: json["orderTopicConf"]?.text)
    }

    package var json: JSONValue {
        var members = [
            JSONMember("brokerDatas", .array(self.brokers.map(\.json))),
            JSONMember("filterServerTable", [:]),
        ]
        if let conf = self.orderTopicConf {
            members.append(JSONMember("orderTopicConf", .string(conf)))
        }
        members.append(JSONMember("queueDatas", .array(self.queues.map(\.json))))
        return .object(members)
    }
}
