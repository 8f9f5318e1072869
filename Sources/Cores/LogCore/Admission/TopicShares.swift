private import DequeModule
package import MessageFormat

/// How much of what waits for its acknowledgement belongs to which topic.
package struct TopicShares: Sendable {
    /// Neighbours in the log of one topic.
    private struct Run {
        var end: PhysicalOffset
        var slot: Int
        var bytes: Int
    }

    /// A run is no longer, so that a topic which is alone is seen to drain.
    private static let runBytes = 64 << 10
    /// Names that are kept while nothing of theirs waits.
    private static let namesMax = 16_384

    private var slots: [String: Int] = [:]
    private var waiting: [Int] = []
    private var runs: Deque<Run> = []
    private var latest: (topic: String, slot: Int)?
    /// Of all topics together.
    package private(set) var total = 0
    /// Topics of which something waits.
    package private(set) var topics = 0

    package init() {}

    package func waiting(of topic: String) -> Int {
        self.slots[topic].map { self.waiting[$0] } ?? 0
    }

    /// Whether the topic has at least an equal part of `bytes`: it is one of those who make the
    /// others wait.
    package func hasItsPart(_ topic: String, of bytes: Int) -> Bool {
        self.waiting(of: topic) * max(self.topics, 1) >= bytes
    }

    /// A send to `topic` was put into the log, up to `end`.
    package mutating func appended(_ bytes: Int, of topic: String, upTo end: PhysicalOffset) {
        let slot = self.slot(of: topic)
        if self.waiting[slot] == 0 { self.topics += 1 }
        self.waiting[slot] += bytes
        self.total += bytes
        if let last = self.runs.indices.last, self.runs[last].slot == slot,
            self.runs[last].bytes < Self.runBytes
        {
            self.runs[last].end = end
            self.runs[last].bytes += bytes
        } else {
            self.runs.append(Run(end: end, slot: slot, bytes: bytes))
        }
    }

    package mutating func confirmed(upTo offset: PhysicalOffset) {
        while let first = self.runs.first, first.end <= offset {
            self.runs.removeFirst()
            self.total -= first.bytes
            self.waiting[first.slot] -= first.bytes
            if self.waiting[first.slot] == 0 { self.topics -= 1 }
        }
        if self.runs.isEmpty, self.slots.count > Self.namesMax { self = Self() }
    }

    private mutating func slot(of topic: String) -> Int {
        if let latest = self.latest, latest.topic == topic { return latest.slot }
        let slot = self.slots[topic] ?? self.waiting.count
        if slot == self.waiting.count {
            self.slots[topic] = slot
            self.waiting.append(0)
        }
        self.latest = (topic, slot)
        return slot
    }
}
