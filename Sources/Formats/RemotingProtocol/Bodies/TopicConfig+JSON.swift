package import MessageFormat

extension TopicConfig: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            name: try json.requiredText("topicName"),
            readQueues: try json.int32("readQueueNums", default: 16),
            writeQueues: try json.int32("writeQueueNums", default: 16),
            permission: TopicPermission(rawValue: try json.int32("perm", default: 6)),
            systemFlag: try json.int32("topicSysFlag", default: 0),
            isOrdered: try json.bool("order", default: false),
            filterType: json["topicFilterType"]?.text ?? "SINGLE_TAG",
            attributes: try json.textTable("attributes"))
    }

    package var json: JSONValue {
        [
            "attributes": .textTable(self.attributes),
            "order": .bool(self.isOrdered),
            "perm": .integer(Int64(self.permission.rawValue)),
            "readQueueNums": .integer(Int64(self.readQueues)),
            "topicFilterType": .string(self.filterType),
            "topicName": .string(self.name),
            "topicSysFlag": .integer(Int64(self.systemFlag)),
            "writeQueueNums": .integer(Int64(self.writeQueues)),
        ]
    }
}

extension DataVersion: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            stateVersion: try json.int64("stateVersion", default: 0),
            timestamp: Timestamp(milliseconds: try json.int64("timestamp", default: 0)),
            counter: try json.int64("counter", default: 0))
    }

    package var json: JSONValue {
        [
            "counter": .integer(self.counter),
            "stateVersion": .integer(self.stateVersion),
            "timestamp": .integer(self.timestamp.milliseconds),
        ]
    }

    /// What a body without a version counts as.
    static let none = Self(timestamp: Timestamp(milliseconds: 0))
}

extension MessageQueue: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            topic: try json.requiredText("topic"), brokerName: json["brokerName"]?.text ?? "",
            queueID: try json.int32("queueId", default: 0))
    }

    package var json: JSONValue {
        [
            "brokerName": .string(self.brokerName),
            "queueId": .integer(Int64(self.queueID)),
            "topic": .string(self.topic),
        ]
    }
}
