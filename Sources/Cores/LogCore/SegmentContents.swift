package import MessageFormat

/// What one segment holds, by queue: everything its index file says.
///
/// Gathered from memory when a segment is sealed, or from the segment itself when its index file
/// is missing or damaged.
package struct SegmentContents: Sendable {
    package struct Run: Sendable {
        package var key: QueueKey
        package var first: QueueOffset
        package var entries: [IndexEntry]
    }

    package let base: PhysicalOffset
    /// Behind the segment's last batch; nil when that is not known.
    package var end: PhysicalOffset?
    package private(set) var runs: [Run] = []
    package private(set) var keys: [KeyEntry] = []
    /// Whether messages are missing that the segment once held.
    package private(set) var isPartial = false
    private var numbers: [QueueKey: Int] = [:]

    package init(base: PhysicalOffset) { self.base = base }

    package init(
        base: PhysicalOffset, end: PhysicalOffset?, queues: QueueTable, keys: KeyIndex
    ) {
        self.base = base
        self.end = end
        self.runs = queues.memoryRuns(of: base).map {
            Run(key: $0.key, first: $0.run.first, entries: $0.run.entries)
        }
        self.keys = keys.keys(of: base)
        self.isPartial = queues.all.contains { $0.isMissingMessages(of: base) }
    }

    /// Adds a message that was found in the segment. Queue offsets come in order.
    package mutating func add(_ message: StoredMessageView, at position: PhysicalOffset) {
        let entry = IndexEntry(of: message, at: position)
        let key = QueueKey(topic: message.topic, queueID: message.queueID)
        if let number = self.numbers[key], self.runs[number].end == message.queueOffset {
            self.runs[number].entries.append(entry)
        } else {
            self.numbers[key] = self.runs.count
            self.runs.append(Run(key: key, first: message.queueOffset, entries: [entry]))
        }
        self.keys += MessageKeys(of: message).hashes(topic: key.topic).map {
            KeyEntry(hash: $0, entry: entry)
        }
    }

    package mutating func sort() { self.runs.sort { ($0.key, $0.first) < ($1.key, $1.first) } }
}

extension SegmentContents.Run {
    package var end: QueueOffset { self.first.advanced(by: self.entries.count) }
}

extension IndexEntry {
    /// The entry of a message as it lies in the log.
    package init(of message: StoredMessageView, at position: PhysicalOffset) {
        self.init(
            position: position, size: UInt32(message.size),
            checksum: Checksum.crc32c(message.encoded),
            tagHash: MessageKeys(of: message).filingHash(
                topic: message.topicBytes, storeTimestamp: message.storeTimestamp),
            storeTimestamp: message.storeTimestamp)
    }
}
