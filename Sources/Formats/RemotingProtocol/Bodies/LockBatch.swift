package import MessageFormat

/// Queues that a consumer wants to itself, or gives back: `lockBatchMQ`, `unlockBatchMQ`.
package struct LockBatchBody: Hashable, Sendable {
    package var clientID: String
    package var group: String
    package var queues: [MessageQueue]
    package var onlyThisBroker: Bool

    package init(
        clientID: String, group: String, queues: [MessageQueue], onlyThisBroker: Bool = false
    ) {
        self.clientID = clientID
        self.group = group
        self.queues = queues
        self.onlyThisBroker = onlyThisBroker
    }
}

extension LockBatchBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            clientID: try json.requiredText("clientId"),
            group: try json.requiredText("consumerGroup"),
            queues: try JSONValue.map(try json.elements("mqSet"), MessageQueue.init(json:)),
            onlyThisBroker: try json.bool("onlyThisBroker", default: false))
    }

    package var json: JSONValue {
        [
            "clientId": .string(self.clientID),
            "consumerGroup": .string(self.group),
            "mqSet": .array(self.queues.map(\.json)),
            "onlyThisBroker": .bool(self.onlyThisBroker),
        ]
    }
}

/// Which of the queues the client now holds.
package struct LockBatchResult: Hashable, Sendable {
    package var queues: [MessageQueue]

    package init(queues: [MessageQueue]) { self.queues = queues }
}

extension LockBatchResult: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            queues: try JSONValue.map(try json.elements("lockOKMQSet"), MessageQueue.init(json:)))
    }

    package var json: JSONValue { ["lockOKMQSet": .array(self.queues.map(\.json))] }
}
