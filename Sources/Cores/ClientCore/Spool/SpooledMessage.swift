package import MessageFormat

/// A message on the client's disk, complete: a new process can send it without knowing more.
package struct SpooledMessage: Hashable, Sendable {
    package enum Destination: Hashable, Sendable {
        case anyQueue
        /// The queue that the key belongs to when the message is sent.
        case shardingKey(String)
        case queue(brokerName: String, queueID: Int32)
    }

    /// The order of the user's calls. Never given twice while the spool holds anything.
    package var sequence: UInt64
    package var topic: String
    package var destination: Destination
    package var flag: Int32
    package var systemFlag: Int32
    package var bornTimestamp: Timestamp
    /// In the wire's form; with the unique key by which a repetition is recognized.
    package var properties: String
    package var body: [UInt8]

    package init(
        sequence: UInt64, topic: String, destination: Destination = .anyQueue, flag: Int32 = 0,
        systemFlag: Int32 = 0, bornTimestamp: Timestamp, properties: String, body: [UInt8]
    ) {
        self.sequence = sequence
        self.topic = topic
        self.destination = destination
        self.flag = flag
        self.systemFlag = systemFlag
        self.bornTimestamp = bornTimestamp
        self.properties = properties
        self.body = body
    }
}

/// Where a record lies.
package struct SpoolPlace: Hashable, Sendable {
    package var segment: UInt64
    package var position: Int
    package var count: Int
}

/// Why bytes of a spool are no record.
package enum SpoolRecordError: Error, Hashable {
    case truncated
    case notARecord
    case wrongVersion(UInt8)
    /// A record of another segment or place: copied, or left over from an earlier file.
    case misplaced
    /// The header holds, the rest does not.
    case damaged(sequence: UInt64, count: Int)
    case illegalValue(field: String)
}
