package import MessageFormat

// Tables whose keys are message queues. RocketMQ writes the key as an object without quotes
// (`{{"brokerName":…}:{…}}`), and some of its readers take nothing else; we read that, and a text
// that holds the object's JSON.

extension JSONValue {
    static func queueTable<T>(
        _ table: [MessageQueue: T], _ value: (T) -> JSONValue
    ) -> JSONValue {
        .object(
            table.sorted { $0.key < $1.key }.map { queue, item in
                JSONMember(queue.json.encodedText, value(item), isBare: true)
            })
    }

    func queueTable<T>(
        _ field: String, _ value: (JSONValue) throws(BodyError) -> T
    ) throws(BodyError) -> [MessageQueue: T] {
        var table: [MessageQueue: T] = [:]
        for member in try self.members(field) {
            let key = try JSONValue(parsing: member.name)
            table[try MessageQueue(json: key)] = try value(member.value)
        }
        return table
    }
}

/// The ends of a topic's queues: the answer to `getTopicStatsInfo`.
package struct TopicStatsTable: Hashable, Sendable {
    package struct Queue: Hashable, Sendable {
        package var minOffset: Int64
        package var maxOffset: Int64
        /// Milliseconds since 1970.
        package var lastUpdateTimestamp: Int64

        package init(minOffset: Int64, maxOffset: Int64, lastUpdateTimestamp: Int64) {
            self.minOffset = minOffset
            self.maxOffset = maxOffset
            self.lastUpdateTimestamp = lastUpdateTimestamp
        }
    }

    package var queues: [MessageQueue: Queue]
    package var putTps: Double

    package init(queues: [MessageQueue: Queue], putTps: Double = 0) {
        self.queues = queues
        self.putTps = putTps
    }
}

extension TopicStatsTable: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            queues: try json.queueTable("offsetTable") { json throws(BodyError) -> Queue in
                Queue(
                    minOffset: try json.int64("minOffset", default: 0),
                    maxOffset: try json.int64("maxOffset", default: 0),
                    lastUpdateTimestamp: try json.int64("lastUpdateTimestamp", default: 0))
            },
            putTps: json["topicPutTps"]?.double ?? 0)
    }

    package var json: JSONValue {
        [
            "offsetTable": .queueTable(self.queues) { queue in
                [
                    "lastUpdateTimestamp": .integer(queue.lastUpdateTimestamp),
                    "maxOffset": .integer(queue.maxOffset),
                    "minOffset": .integer(queue.minOffset),
                ]
            },
            "topicPutTps": .double(self.putTps),
        ]
    }
}

/// How far a group has come on each queue: the answer to `getConsumeStats`.
package struct ConsumeStats: Hashable, Sendable {
    package struct Queue: Hashable, Sendable {
        package var brokerOffset: Int64
        package var consumerOffset: Int64
        package var pullOffset: Int64
        /// Store time of the last consumed message, milliseconds since 1970.
        package var lastTimestamp: Int64

        package init(
            brokerOffset: Int64, consumerOffset: Int64, pullOffset: Int64, lastTimestamp: Int64
        ) {
            self.brokerOffset = brokerOffset
            self.consumerOffset = consumerOffset
            self.pullOffset = pullOffset
            self.lastTimestamp = lastTimestamp
        }
    }

    package var queues: [MessageQueue: Queue]
    package var consumeTps: Double

    package init(queues: [MessageQueue: Queue], consumeTps: Double = 0) {
        self.queues = queues
        self.consumeTps = consumeTps
    }
}

extension ConsumeStats: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            queues: try json.queueTable("offsetTable") { json throws(BodyError) -> Queue in
                Queue(
                    brokerOffset: try json.int64("brokerOffset", default: 0),
                    consumerOffset: try json.int64("consumerOffset", default: 0),
                    pullOffset: try json.int64("pullOffset", default: 0),
                    lastTimestamp: try json.int64("lastTimestamp", default: 0))
            },
            consumeTps: json["consumeTps"]?.double ?? 0)
    }

    package var json: JSONValue {
        [
            "consumeTps": .double(self.consumeTps),
            "offsetTable": .queueTable(self.queues) { queue in
                [
                    "brokerOffset": .integer(queue.brokerOffset),
                    "consumerOffset": .integer(queue.consumerOffset),
                    "lastTimestamp": .integer(queue.lastTimestamp),
                    "pullOffset": .integer(queue.pullOffset),
                ]
            },
        ]
    }
}

/// New offsets of a group: the answer to `invokeBrokerToResetOffset` and the body of
/// `resetConsumerClientOffset`.
package struct ResetOffsetBody: Hashable, Sendable {
    package var offsets: [MessageQueue: Int64]

    package init(offsets: [MessageQueue: Int64]) { self.offsets = offsets }
}

extension ResetOffsetBody: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            offsets: try json.queueTable("offsetTable") { value throws(BodyError) -> Int64 in
                guard let offset = value.int64 else {
                    throw .wrongType(field: "offsetTable", expected: "a table of offsets")
                }
                return offset
            })
    }

    package var json: JSONValue {
        ["offsetTable": .queueTable(self.offsets) { .integer($0) }]
    }

    /// As C++ clients read it, whose parser takes no objects as names.
    package var encodedAsArray: [UInt8] {
        let queues = self.offsets.sorted { $0.key < $1.key }.map { queue, offset -> JSONValue in
            [
                "brokerName": .string(queue.brokerName), "offset": .integer(offset),
                "queueId": .integer(Int64(queue.queueID)), "topic": .string(queue.topic),
            ]
        }
        return JSONValue.object([JSONMember("offsetTable", .array(queues))]).encoded
    }
}
