package import MessageFormat

/// What a broker has of consumer groups' dead letters: the answer to `listDeadLetters`.
package struct DeadLetterList: Hashable, Sendable {
    package struct Queue: Hashable, Sendable {
        package var group: String
        package var queueID: Int32
        /// Letters from here on that are neither gone nor purged.
        package var first: QueueOffset
        package var end: QueueOffset
        /// Those between that were not sent again.
        package var waiting: Int64
        /// How many ever were sent again, and when the last one.
        package var replayed: Int64
        package var replayedAt: Timestamp?
        package var purgedAt: Timestamp?
        /// Which were sent again; only told when one group was asked for.
        package var stretches: [Range<QueueOffset>]

        package init(
            group: String, queueID: Int32, first: QueueOffset, end: QueueOffset, waiting: Int64,
            replayed: Int64, replayedAt: Timestamp?, purgedAt: Timestamp?,
            stretches: [Range<QueueOffset>]
        ) {
            self.group = group
            self.queueID = queueID
            self.first = first
            self.end = end
            self.waiting = waiting
            self.replayed = replayed
            self.replayedAt = replayedAt
            self.purgedAt = purgedAt
            self.stretches = stretches
        }
    }

    package var brokerName: String
    /// Sorted by group.
    package var queues: [Queue]

    package init(brokerName: String, queues: [Queue]) {
        self.brokerName = brokerName
        self.queues = queues
    }
}

extension DeadLetterList: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            brokerName: try json.requiredText("brokerName"),
            queues: try JSONValue.map(try json.elements("queues"), Queue.init(json:)))
    }

    package var json: JSONValue {
        [
            "brokerName": .string(self.brokerName), "queues": .array(self.queues.map(\.json)),
        ]
    }
}

extension DeadLetterList.Queue: JSONBody {
    package init(json: JSONValue) throws(BodyError) {
        self.init(
            group: try json.requiredText("group"),
            queueID: try json.int32("queueId", default: 0),
            first: QueueOffset(try json.int64("first", default: 0)),
            end: QueueOffset(try json.int64("end", default: 0)),
            waiting: try json.int64("waiting", default: 0),
            replayed: try json.int64("replayed", default: 0),
            replayedAt: json["replayedAt"]?.int64.map { Timestamp(milliseconds: $0) },
            purgedAt: json["purgedAt"]?.int64.map { Timestamp(milliseconds: $0) },
            stretches: try JSONValue.map(try json.elements("stretches"), Self.stretch))
    }

    package var json: JSONValue {
        [
            "end": .integer(self.end.value), "first": .integer(self.first.value),
            "group": .string(self.group),
            "purgedAt": self.purgedAt.map { .integer($0.milliseconds) } ?? .null,
            "queueId": .integer(Int64(self.queueID)), "replayed": .integer(self.replayed),
            "replayedAt": self.replayedAt.map { .integer($0.milliseconds) } ?? .null,
            "stretches": .array(
                self.stretches.map {
                    [.integer($0.lowerBound.value), .integer($0.upperBound.value)]
                }),
            "waiting": .integer(self.waiting),
        ]
    }

    private static func stretch(_ json: JSONValue) throws(BodyError) -> Range<QueueOffset> {
        guard let ends = json.elements, ends.count == 2, let start = ends[0].int64,
            let end = ends[1].int64, start <= end
        else { throw .wrongType(field: "stretches", expected: "pairs of offsets") }
        return QueueOffset(start)..<QueueOffset(end)
    }
}
