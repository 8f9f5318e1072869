internal import DequeModule
internal import MessageFormat

/// Messages of one queue in their order, from the pull to the end of their work.
struct OrderlyBuffer<Message: Sendable>: Sendable {
    struct Entry: Sendable {
        let offset: QueueOffset
        let bytes: Int
        let message: Message
        /// How often it was handed out.
        var attempts = 0
    }

    private(set) var entries: Deque<Entry> = []
    private(set) var bytes = 0
    /// Where the next pull begins.
    private(set) var pullOffset: QueueOffset

    init(startingAt offset: QueueOffset) { self.pullOffset = offset }

    var commitOffset: QueueOffset { self.entries.first?.offset ?? self.pullOffset }

    /// False for an offset that is not beyond everything known.
    mutating func append(_ message: Message, at offset: QueueOffset, bytes: Int) -> Bool {
        guard offset >= self.pullOffset, offset.isPlausible else { return false }
        self.entries.append(Entry(offset: offset, bytes: bytes, message: message))
        self.bytes += bytes
        self.pullOffset = offset.advanced(by: 1)
        return true
    }

    mutating func examined(upTo offset: QueueOffset) {
        guard offset.isPlausible else { return }
        self.pullOffset = max(self.pullOffset, offset)
    }

    /// The first messages; the same ones again if they were handed out together before.
    mutating func handOut(_ countMax: Int) -> [Entry] {
        let before = self.entries.first?.attempts ?? 0
        let isRepeated = before > 0
        var count = 0
        while count < min(countMax, self.entries.count),
            isRepeated == (self.entries[count].attempts > 0)
        {
            self.entries[count].attempts += 1
            count += 1
        }
        return Array(self.entries.prefix(count))
    }

    mutating func removeFirst(_ count: Int) {
        for _ in 0..<min(count, self.entries.count) {
            self.bytes -= self.entries.removeFirst().bytes
        }
    }

    func checkInvariants() {
        precondition(self.entries.reduce(0) { $0 + $1.bytes } == self.bytes, "bytes add up")
        precondition(
            zip(self.entries, self.entries.dropFirst()).allSatisfy { $0.offset < $1.offset },
            "offsets rise")
        precondition(self.commitOffset <= self.pullOffset, "nothing unseen is committed")
    }
}
