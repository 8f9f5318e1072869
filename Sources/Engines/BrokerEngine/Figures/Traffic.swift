import LogCore

/// Messages and bytes that went one way.
package struct TrafficCount: Hashable, Sendable {
    package private(set) var messages: Int64 = 0
    package private(set) var bytes: Int64 = 0

    mutating func add(messages: Int, bytes: Int) {
        self.messages += Int64(messages)
        self.bytes += Int64(bytes)
    }
}

/// What went into topics, since the start.
///
/// A message costs two array lookups: its queue's topic was looked up when the queue was first
/// used. Topics beyond a bound share one count, so that their number does not become anybody's load.
struct IncomingTraffic: Sendable {
    static let topicsMax = 1_000
    /// No topic can be called that.
    static let others = "(others)"

    private(set) var topics: [(name: String, count: TrafficCount)] = []
    private var numbers: [String: Int] = [:]
    /// By queue; below zero: not known yet.
    private var topicOfQueue: [Int32] = []

    mutating func put(bytes: Int, on queue: QueueNumber, of topic: String) {
        let missing = queue.index + 1 - self.topicOfQueue.count
        if missing > 0 {
            self.topicOfQueue += repeatElement(-1, count: missing)
        }
        var number = Int(self.topicOfQueue[queue.index])
        if number < 0 {
            number = self.number(of: topic)
            self.topicOfQueue[queue.index] = Int32(number)
        }
        self.topics[number].count.add(messages: 1, bytes: bytes)
    }

    private mutating func number(of topic: String) -> Int {
        if let number = self.numbers[topic] { return number }
        guard self.topics.count < Self.topicsMax || topic == Self.others else {
            return self.number(of: Self.others)
        }
        self.numbers[topic] = self.topics.count
        self.topics.append((topic, TrafficCount()))
        return self.topics.count - 1
    }
}

/// What groups were given, since the start: one look into a table for each answer.
struct OutgoingTraffic: Sendable {
    struct Reader: Hashable {
        var group: String
        var topic: String
    }

    private static let readersMax = 2_000
    private static let others = Reader(
        group: IncomingTraffic.others, topic: IncomingTraffic.others)

    private(set) var readers: [Reader: TrafficCount] = [:]

    mutating func got(_ count: Int, bytes: Int, by group: String, of topic: String) {
        var reader = Reader(group: group, topic: topic)
        if self.readers.count >= Self.readersMax, self.readers[reader] == nil {
            reader = Self.others
        }
        self.readers[reader, default: TrafficCount()].add(messages: count, bytes: bytes)
    }
}
