package import MessageFormat

/// Messages that wait for their delivery time: the answer to `listDelayedMessages`.
package struct DelayedMessageList: Hashable, Sendable {
    package struct Message: Hashable, Sendable {
        package var topic: String
        package var queueID: Int32
        package var uniqueKey: String
        package var due: Timestamp
        /// Of the waiting message; the delivered one has another.
        package var messageID: String

        package init(
            topic: String, queueID: Int32, uniqueKey: String, due: Timestamp, messageID: String
        ) {
            self.topic = topic
            self.queueID = queueID
            self.uniqueKey = uniqueKey
            self.due = due
            self.messageID = messageID
        }
    }

    /// All that wait on this broker.
    package var total: Int64
    /// Taken back before their time, and remembered until it has passed.
    package var recalled: Int64
    package var nextDue: Timestamp?
    /// False: more wait than are listed.
    package var isComplete: Bool
    /// The earliest ones, in the order of their times.
    package var messages: [Message]

    package init(
        total: Int64, recalled: Int64, nextDue: Timestamp?, isComplete: Bool, messages: [Message]
    ) {
        self.total = total
        self.recalled = recalled
        self.nextDue = nextDue
        self.isComplete = isComplete
        self.messages = messages
    }
}

extension DelayedMessageList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            total: try json.int64("total", default: 0),
            recalled: try json.int64("recalled", default: 0),
            nextDue: json["nextDue"]?.int64.map { Timestamp(milliseconds: $0) },
            isComplete: try json.bool("complete", default: false),
            messages: try JSONValue.map(try json.elements("messages"), Message.init(json:)))
    }

    package var json: JSONValue {
        [
            "complete": .bool(self.isComplete),
            "messages": .array(self.messages.map(\.json)),
            "nextDue": self.nextDue.map { .integer($0.milliseconds) } ?? .null,
            "recalled": .integer(self.recalled),
            "total": .integer(self.total),
        ]
    }
}

extension DelayedMessageList.Message: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            topic: try json.requiredText("topic"),
            queueID: try json.int32("queueId", default: 0),
            uniqueKey: try json.requiredText("key"),
            due: Timestamp(milliseconds: try json.int64("due", default: 0)),
            messageID: try json.requiredText("msgId"))
    }

    package var json: JSONValue {
        [
            "due": .integer(self.due.milliseconds), "key": .string(self.uniqueKey),
            "msgId": .string(self.messageID), "queueId": .integer(Int64(self.queueID)),
            "topic": .string(self.topic),
        ]
    }
}
