private import DequeModule
package import MessageFormat

/// Batches that were handed to the writer and may not be readable yet, so that a replica that has
/// caught up gets them from memory.
package struct FeedTail: Sendable {
    package struct Batch: Sendable {
        /// End of the batch before it: smaller than `position` where a segment begins.
        package var previousEnd: PhysicalOffset
        package var position: PhysicalOffset
        package var end: PhysicalOffset
        package var bytes: [UInt8]

        package init(
            previousEnd: PhysicalOffset, position: PhysicalOffset, end: PhysicalOffset,
            bytes: [UInt8]
        ) {
            self.previousEnd = previousEnd
            self.position = position
            self.end = end
            self.bytes = bytes
        }
    }

    private var batches: Deque<Batch> = []

    package init() {}

    package mutating func append(_ batch: Batch) { self.batches.append(batch) }

    /// What is written can be read from the log.
    package mutating func written(upTo end: PhysicalOffset) {
        while let first = self.batches.first, first.end <= end { self.batches.removeFirst() }
    }

    /// The batch that continues a log that ends at `end`.
    func batch(after end: PhysicalOffset) -> Batch? {
        self.batches.first { $0.previousEnd == end || $0.position == end }
    }
}

/// What one replica is sent next: batches from memory while it keeps up, reads of the log while it
/// catches up, and no more than a window of bytes on their way.
package struct ReplicaFeed: Sendable {
    package enum Step: Sendable {
        case send(FeedTail.Batch)
        /// Read the log from here; then `read`.
        case read(from: PhysicalOffset)
        case wait
    }

    package let brokerID: Int64
    /// End of what was sent.
    package private(set) var sent: PhysicalOffset
    /// End of what the replica has written.
    private var written: PhysicalOffset
    private var isReading = false
    private let bytesMax: Int

    package init(brokerID: Int64, from start: PhysicalOffset, bytesMax: Int) {
        self.brokerID = brokerID
        self.sent = start
        self.written = start
        self.bytesMax = bytesMax
    }

    /// The next thing to do; call it until it says `wait`. The log is readable up to `readable`.
    package mutating func next(_ tail: FeedTail, readable: PhysicalOffset) -> Step {
        guard !self.isReading, self.sent.distance(from: self.written) < self.bytesMax else {
            return .wait
        }
        if let batch = tail.batch(after: self.sent) {
            self.sent = batch.end
            return .send(batch)
        }
        guard self.sent < readable else { return .wait }
        self.isReading = true
        return .read(from: self.sent)
    }

    /// A read came back and was sent; the next batch lies at `next`.
    package mutating func read(upTo next: PhysicalOffset) {
        self.isReading = false
        self.sent = max(self.sent, next)
    }

    package mutating func acknowledged(written: PhysicalOffset) {
        self.written = max(self.written, min(written, self.sent))
    }
}
