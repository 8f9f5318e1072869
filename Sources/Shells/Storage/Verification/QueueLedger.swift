import MessageFormat

/// Follows the queues through the log: their offsets leave nothing out.
struct QueueLedger: Sendable {
    enum Irregularity: Hashable, Sendable {
        case missing(QueueKey, Range<Int64>)
        /// An offset that was there before.
        case repeated(QueueKey, QueueOffset)
    }

    /// Whether a queue that was not heard of before begins at offset 0: the log is known from its
    /// first byte, or from a whole snapshot on.
    var knowsBeginnings = false
    private var queues: [QueueKey: QueueFacts] = [:]
    /// Where a snapshot said that a queue goes on.
    private var expected: [QueueKey: QueueOffset] = [:]

    /// Queues that hold a message, in order.
    var facts: [QueueFacts] { self.queues.values.sorted { $0.key < $1.key } }

    mutating func found(_ key: QueueKey, _ offset: QueueOffset) -> Irregularity? {
        let next = self.expected[key] ?? (self.knowsBeginnings ? .zero : offset)
        self.expected[key] = max(next, offset.advanced(by: 1))
        var facts = self.queues[key] ?? QueueFacts(key: key, first: offset, end: offset)
        facts.end = max(facts.end, offset.advanced(by: 1))
        facts.messages += 1
        self.queues[key] = facts
        if offset < next { return .repeated(key, offset) }
        return offset > next ? .missing(key, next.value..<offset.value) : nil
    }

    /// A snapshot says how far the queue had come.
    mutating func reached(_ key: QueueKey, _ end: QueueOffset) -> Irregularity? {
        let next = self.expected[key] ?? (self.knowsBeginnings ? .zero : end)
        self.expected[key] = max(next, end)
        return end > next ? .missing(key, next.value..<end.value) : nil
    }
}
