package import MessageFormat

/// A client asks which queues are its own: code 400.
package struct QueryAssignmentBody: Hashable, Sendable {
    package var clientID: String
    package var consumerGroup: String
    package var topic: String
    package var strategyName: String
    package var messageModel: MessageModel

    package init(
        clientID: String, consumerGroup: String, topic: String, strategyName: String = "AVG",
        messageModel: MessageModel = .clustering
    ) {
        self.clientID = clientID
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.strategyName = strategyName
        self.messageModel = messageModel
    }
}

extension QueryAssignmentBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            clientID: try json.requiredText("clientId"),
            consumerGroup: try json.requiredText("consumerGroup"),
            topic: try json.requiredText("topic"),
            strategyName: json["strategyName"]?.text ?? "AVG",
            messageModel: json["messageModel"]?.text == "BROADCASTING"
                ? .broadcasting : .clustering)
    }

    package var json: JSONValue {
        [
            "clientId": .string(self.clientID),
            "consumerGroup": .string(self.consumerGroup),
            "messageModel": .string(
                self.messageModel == .broadcasting ? "BROADCASTING" : "CLUSTERING"),
            "strategyName": .string(self.strategyName),
            "topic": .string(self.topic),
        ]
    }
}

/// A client's queues, each with `PULL` or `POP`: the answer to code 400.
package struct QueueAssignments: Hashable, Sendable {
    package struct Item: Hashable, Sendable {
        package var queue: MessageQueue
        package var mode: String

        package init(queue: MessageQueue, mode: String) {
            self.queue = queue
            self.mode = mode
        }
    }

    package var items: [Item]

    package init(items: [Item]) { self.items = items }
}

extension QueueAssignments: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            items: try JSONValue.map(try json.elements("messageQueueAssignments")) {
                item throws(BodyError) -> Item in
                guard let queue = item["messageQueue"] else {
                    throw .missing(field: "messageQueue")
                }
                return Item(
                    queue: try MessageQueue(json: queue), mode: item["mode"]?.text ?? "PULL")
            })
    }

    package var json: JSONValue {
        [
            "messageQueueAssignments": .array(
                self.items.map {
                    ["messageQueue": $0.queue.json, "mode": .string($0.mode)]
                })
        ]
    }
}

/// How a group gets a topic's messages: the body of code 401, and an entry of the answer to 402.
package struct RequestModeBody: Hashable, Sendable {
    package var consumerGroup: String
    package var topic: String
    /// `PULL` or `POP`.
    package var mode: String
    package var popShareQueues: Int32

    package init(consumerGroup: String, topic: String, mode: String, popShareQueues: Int32) {
        self.consumerGroup = consumerGroup
        self.topic = topic
        self.mode = mode
        self.popShareQueues = popShareQueues
    }
}

extension RequestModeBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            consumerGroup: try json.requiredText("consumerGroup"),
            topic: try json.requiredText("topic"), mode: json["mode"]?.text ?? "PULL",
            popShareQueues: try json.int32("popShareQueueNum", default: 0))
    }

    package var json: JSONValue {
        [
            "consumerGroup": .string(self.consumerGroup),
            "mode": .string(self.mode),
            "popShareQueueNum": .integer(Int64(self.popShareQueues)),
            "topic": .string(self.topic),
        ]
    }
}

/// Every choice, by topic and group: the answer to code 402.
package struct RequestModeList: Hashable, Sendable {
    package var choices: [RequestModeBody]

    package init(choices: [RequestModeBody]) { self.choices = choices }
}

extension RequestModeList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(choices: [])
        for topic in try json.members("messageRequestModeMap") {
            for group in topic.value.members ?? [] {
                self.choices.append(try RequestModeBody(json: group.value))
            }
        }
    }

    package var json: JSONValue {
        let byTopic = Dictionary(grouping: self.choices, by: \.topic)
        let table = byTopic.mapValues { choices in
            JSONValue.sorted(
                Dictionary(
                    choices.map { ($0.consumerGroup, $0.json) }, uniquingKeysWith: { $1 }))
        }
        return ["messageRequestModeMap": .sorted(table)]
    }
}
