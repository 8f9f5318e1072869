/// Which names a topic or a group may have (`messages.md` §6).
package enum ResourceName {
    package static let topicBytesMax = 127
    package static let groupBytesMax = 255
    /// A retry or dead-letter topic is a prefix and a group's name.
    package static let storedTopicBytesMax = 255

    package static let retryPrefix = "%RETRY%"
    package static let deadLetterPrefix = "%DLQ%"

    /// What is wrong with a topic's name, or nil.
    package static func problem(withTopic name: String) -> String? {
        let isDerived = name.hasPrefix(Self.retryPrefix) || name.hasPrefix(Self.deadLetterPrefix)
        return Self.problem(
            with: name, kind: "topic",
            bytesMax: isDerived ? Self.storedTopicBytesMax : Self.topicBytesMax)
    }

    /// What is wrong with a group's name, or nil.
    package static func problem(withGroup name: String) -> String? {
        Self.problem(with: name, kind: "group", bytesMax: Self.groupBytesMax)
    }

    private static func problem(with name: String, kind: String, bytesMax: Int) -> String? {
        let count = name.utf8.count
        if count == 0 { return "the \(kind)'s name is empty" }
        if count > bytesMax {
            return "the \(kind)'s name has \(count) bytes, at most \(bytesMax) are allowed"
        }
        guard name.utf8.allSatisfy(Self.isAllowed) else {
            return "the \(kind)'s name has a character outside %, |, a-z, A-Z, 0-9, _ and -"
        }
        return nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "%"), UInt8(ascii: "|"):
            true
        default: false
        }
    }
}

/// Topics with a meaning of their own.
package enum SystemTopic {
    /// The template from which a first send creates its topic.
    package static let autoCreate = "TBW102"
    package static let schedule = "SCHEDULE_TOPIC_XXXX"
    /// Where all delayed messages wait, whatever they were delayed by.
    package static let timer = "rmq_sys_wheel_timer"
    package static let half = "RMQ_SYS_TRANS_HALF_TOPIC"
    package static let operation = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
    package static let transactionGivenUp = "TRANS_CHECK_MAX_TIME_TOPIC"
    package static let selfTest = "SELF_TEST_TOPIC"
    package static let offsetMoved = "OFFSET_MOVED_EVENT"
    /// Where clients write what became of their messages.
    package static let trace = "RMQ_SYS_TRACE_TOPIC"

    /// Clients may not send to these: `NO_PERMISSION`.
    package static let forbiddenToSend: Set<String> = [
        schedule, timer, half, operation, transactionGivenUp, selfTest, offsetMoved,
    ]

    /// The same, at the price of one byte for nearly all other topics.
    package static func isForbiddenToSend(_ topic: String) -> Bool {
        switch topic.utf8.first {
        case UInt8(ascii: "S"), UInt8(ascii: "r"), UInt8(ascii: "R"), UInt8(ascii: "T"),
            UInt8(ascii: "O"):
            self.forbiddenToSend.contains(topic)
        default: false
        }
    }

    package static func isSystem(_ topic: String) -> Bool {
        topic == autoCreate || forbiddenToSend.contains(topic) || topic.hasPrefix("rmq_sys_")
            || topic == "BenchmarkTest" || topic == trace
    }
}

/// What clients may do with a topic on a broker.
package struct TopicPermission: OptionSet, Hashable, Sendable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// The topic may serve as a template for new ones.
    package static let inherit = Self(rawValue: 1)
    package static let write = Self(rawValue: 2)
    package static let read = Self(rawValue: 4)
    package static let readWrite: Self = [.read, .write]
}

/// A topic as one broker keeps it.
package struct TopicConfig: Hashable, Sendable {
    package var name: String
    package var readQueues: Int32
    package var writeQueues: Int32
    package var permission: TopicPermission
    package var systemFlag: Int32
    package var isOrdered: Bool
    /// `SINGLE_TAG` or `MULTI_TAG`.
    package var filterType: String
    package var attributes: [String: String]

    package init(
        name: String, readQueues: Int32 = 16, writeQueues: Int32 = 16,
        permission: TopicPermission = .readWrite, systemFlag: Int32 = 0, isOrdered: Bool = false,
        filterType: String = "SINGLE_TAG", attributes: [String: String] = [:]
    ) {
        self.name = name
        self.readQueues = readQueues
        self.writeQueues = writeQueues
        self.permission = permission
        self.systemFlag = systemFlag
        self.isOrdered = isOrdered
        self.filterType = filterType
        self.attributes = attributes
    }
}

/// A consumer group as one broker keeps it. Defaults are RocketMQ's.
package struct SubscriptionGroupConfig: Hashable, Sendable {
    package var name: String
    package var consumeEnable = true
    package var consumeFromMinEnable = true
    package var consumeBroadcastEnable = true
    package var consumeMessageOrderly = false
    package var retryQueues: Int32 = 1
    package var retryTimesMax: Int32 = 16
    package var brokerID: Int64 = 0
    package var whichBrokerWhenConsumeSlowly: Int64 = 1
    package var notifyConsumerIDsChangedEnable = true
    package var systemFlag: Int32 = 0
    package var consumeTimeoutMinutes: Int32 = 15
    package var attributes: [String: String] = [:]

    package init(name: String) { self.name = name }
}

/// Counts the changes of a table, so that name servers and replicas notice them.
package struct DataVersion: Hashable, Sendable {
    package var stateVersion: Int64
    package var timestamp: Timestamp
    package var counter: Int64

    package init(stateVersion: Int64 = 0, timestamp: Timestamp, counter: Int64 = 0) {
        self.stateVersion = stateVersion
        self.timestamp = timestamp
        self.counter = counter
    }
}
