package import MessageFormat

/// The batch that is being gathered: bytes with room for the header, and what they mean.
struct Gathering: Sendable {
    let start: PhysicalOffset
    var bytes: [UInt8] = []
    var records = 0
    private var entries: [UnconfirmedEntry] = []
    private var keys: [KeyEntry] = []
    private let expected: Size

    /// How large a batch was, and the next one will likely be.
    struct Size: Sendable {
        var bytes = 0
        var entries = 0
        var keys = 0
    }

    init(start: PhysicalOffset, expecting expected: Size = Size()) {
        self.start = start
        self.expected = expected
    }

    var size: Size {
        Size(bytes: self.bytes.count, entries: self.entries.count, keys: self.keys.count)
    }

    var isEmpty: Bool { self.bytes.isEmpty }

    /// The end that the batch would have if it were closed now.
    var end: PhysicalOffset { self.start.advanced(by: LogBatchHeader.padded(self.bytes.count)) }

    /// Reserves the header's room before the first record.
    mutating func begin() {
        guard self.isEmpty else { return }
        self.bytes.reserveCapacity(LogBatchHeader.padded(self.expected.bytes))
        self.entries.reserveCapacity(self.expected.entries)
        self.keys.reserveCapacity(self.expected.keys)
        self.bytes.append(contentsOf: repeatElement(0, count: LogBatchHeader.count))
    }

    mutating func add(_ entry: UnconfirmedEntry, keys: [UInt64]) {
        self.records += 1
        self.entries.append(entry)
        for hash in keys { self.keys.append(KeyEntry(hash: hash, entry: entry.entry)) }
    }

    /// Writes header and padding. Nobody else may hold the bytes, or they are all copied.
    mutating func seal(
        epoch: Epoch, now: Timestamp, logID: UInt64
    ) -> (PlannedBatch, UnconfirmedBatch) {
        let header = LogBatchHeader(
            length: self.bytes.count, position: self.start, epoch: epoch, records: self.records,
            storeTimestamp: now, logID: logID)
        self.bytes.append(
            contentsOf: repeatElement(0, count: header.paddedLength - header.length))
        self.bytes.withUnsafeMutableBytes { header.seal($0) }
        let end = self.start.advanced(by: self.bytes.count)
        return (
            PlannedBatch(position: self.start, end: end, bytes: self.bytes),
            UnconfirmedBatch(end: end, entries: self.entries, keys: self.keys)
        )
    }
}

/// A message that is in the log but not confirmed: nobody may see it yet.
package struct UnconfirmedEntry: Hashable, Sendable {
    package var queue: QueueNumber
    package var queueOffset: QueueOffset
    package var entry: IndexEntry

    package init(queue: QueueNumber, queueOffset: QueueOffset, entry: IndexEntry) {
        self.queue = queue
        self.queueOffset = queueOffset
        self.entry = entry
    }
}

/// What becomes visible when the confirm offset reaches `end`.
package struct UnconfirmedBatch: Sendable {
    package var end: PhysicalOffset
    package var entries: [UnconfirmedEntry]
    package var keys: [KeyEntry]

    package init(end: PhysicalOffset, entries: [UnconfirmedEntry], keys: [KeyEntry]) {
        self.end = end
        self.entries = entries
        self.keys = keys
    }
}
