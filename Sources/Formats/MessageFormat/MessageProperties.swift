/// A message's properties: text pairs in the order in which they were written.
///
/// On the wire and on disk: `name \u{1} value \u{2}` for each pair; the last separator may be
/// missing. A name that occurs twice counts with its last value (`messages.md` §2).
package struct MessageProperties: Hashable, Sendable {
    package private(set) var pairs: [(name: String, value: String)] = []

    package init() {}

    package init(parsing bytes: UnsafeRawBufferPointer) {
        var places: [String: Int] = [:]
        for pair in bytes.split(separator: 2) {
            guard let separator = pair.firstIndex(of: 1), separator > pair.startIndex,
                pair.index(after: separator) < pair.endIndex
            else { continue }
            let name = String(decoding: pair[..<separator], as: UTF8.self)
            let value = String(decoding: pair[pair.index(after: separator)...], as: UTF8.self)
            self.put(name, value, &places)
        }
    }

    /// A few names are found by looking at each; of thousands, which only a stranger sends, each is
    /// looked up.
    private mutating func put(_ name: String, _ value: String, _ places: inout [String: Int]) {
        guard self.pairs.count >= Self.searchedMax else { return self[name] = value }
        if places.isEmpty {
            for (place, pair) in self.pairs.enumerated() { places[pair.name] = place }
        }
        if let place = places[name] {
            self.pairs[place].value = value
        } else {
            places[name] = self.pairs.count
            self.pairs.append((name, value))
        }
    }

    private static let searchedMax = 32

    package init(parsing text: String) {
        var text = text
        self = text.withUTF8 { Self(parsing: UnsafeRawBufferPointer($0)) }
    }

    /// Setting nil removes the pair.
    package subscript(name: String) -> String? {
        get { self.pairs.last { $0.name == name }?.value }
        set {
            if let index = self.pairs.firstIndex(where: { $0.name == name }) {
                if let newValue {
                    self.pairs[index].value = newValue
                } else {
                    self.pairs.remove(at: index)
                }
            } else if let newValue {
                self.pairs.append((name, newValue))
            }
        }
    }

    /// The wire's form, each pair ended by a separator.
    package var encoded: String {
        self.pairs.reduce(into: "") { $0 += "\($1.name)\u{1}\($1.value)\u{2}" }
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.pairs.elementsEqual(right.pairs, by: ==)
    }

    package func hash(into hasher: inout Hasher) {
        for pair in self.pairs {
            hasher.combine(pair.name)
            hasher.combine(pair.value)
        }
    }
}

/// Names of properties that RocketMQ's clients and servers agree on.
package enum PropertyName {
    package static let keys = "KEYS"
    package static let tags = "TAGS"
    package static let waitForStore = "WAIT"
    package static let delayLevel = "DELAY"
    package static let timerDelaySeconds = "TIMER_DELAY_SEC"
    package static let timerDelayMilliseconds = "TIMER_DELAY_MS"
    package static let timerDeliverAt = "TIMER_DELIVER_MS"
    /// When a message that waits in the timer topic is to be delivered, ms since 1970.
    package static let timerDueAt = "TIMER_OUT_MS"
    package static let retryTopic = "RETRY_TOPIC"
    package static let realTopic = "REAL_TOPIC"
    package static let realQueueID = "REAL_QID"
    package static let transactionPrepared = "TRAN_MSG"
    package static let producerGroup = "PGROUP"
    package static let originMessageID = "ORIGIN_MESSAGE_ID"
    package static let reconsumeTime = "RECONSUME_TIME"
    package static let maxReconsumeTimes = "MAX_RECONSUME_TIMES"
    package static let region = "MSG_REGION"
    package static let traceOn = "TRACE_ON"
    /// The namespace of whoever sent it.
    package static let instanceID = "INSTANCE_ID"
    package static let uniqueKey = "UNIQ_KEY"
    package static let cluster = "CLUSTER"
    package static let popCheckpoint = "POP_CK"
    package static let shardingKey = "__SHARDINGKEY"
    package static let correlationID = "CORRELATION_ID"
    package static let replyToClient = "REPLY_TO_CLIENT"

    /// Apus: producer session, put in by the sequence interceptor.
    package static let sequenceProducer = "APUS_SEQ_PRODUCER"
    /// Apus: the message's number from that session on that queue, from 1.
    package static let sequenceNumber = "APUS_SEQ"
}
