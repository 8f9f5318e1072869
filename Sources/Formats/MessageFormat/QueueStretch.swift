/// Messages of one queue whose offsets follow each other.
///
/// What is read for it is named by queue and offset, and never by its place in a file: an index file
/// may be made anew between the moment in which a read is asked for and the read, and may hold fewer
/// entries then.
package struct QueueStretch: Hashable, Sendable {
    package let key: QueueKey
    package let first: QueueOffset
    package let count: Int

    package init(of key: QueueKey, from first: QueueOffset, count: Int) {
        self.key = key
        self.first = first
        self.count = max(0, count)
    }

    package var end: QueueOffset { self.first.advanced(by: self.count) }
}

extension QueueStretch {
    /// How many of the messages that fill `messages`, one behind the other, say themselves that they
    /// belong here, each with a higher offset than the one before it, and how many bytes those are.
    ///
    /// Checksums only prove that a message is whole, not that it is the one that was asked for.
    package func own(in messages: UnsafeRawBufferPointer) -> (count: Int, bytes: Int) {
        var (count, bytes) = (0, 0)
        var next = self.first
        while let message = try? StoredMessageView(messages.slice(bytes..<messages.count)),
            message.queueID == self.key.queueID, message.queueOffset >= next,
            message.queueOffset < self.end, self.key.topic.utf8.elementsEqual(message.topicBytes)
        {
            next = message.queueOffset.advanced(by: 1)
            bytes += message.size
            count += 1
        }
        return (count, bytes)
    }
}

extension SegmentIndexReader {
    /// The entries of these messages: all of them, or those up to the first that the segment does
    /// not hold. The first one must be there.
    package func entries(_ stretch: QueueStretch) throws(SegmentIndexError) -> [IndexEntry] {
        try self.entries(self.ordinals(of: stretch))
    }

    /// The first of these messages that was stored at `time` or later; nil when there is none.
    package func firstOffset(
        in stretch: QueueStretch, storedAtOrAfter time: Timestamp
    ) throws(SegmentIndexError) -> QueueOffset? {
        let ordinals = try self.ordinals(of: stretch)
        let found = try self.firstOrdinal(in: ordinals, storedAtOrAfter: time)
        guard found < ordinals.upperBound else { return nil }
        return stretch.first.advanced(by: found - ordinals.lowerBound)
    }

    private func ordinals(of stretch: QueueStretch) throws(SegmentIndexError) -> Range<Int> {
        for place in self.places(of: stretch.key) {
            guard let first = place.ordinal(of: stretch.first) else { continue }
            let count = min(stretch.count, place.ordinals.upperBound - first)
            return first..<(first + count)
        }
        throw .noSuchMessage(stretch.key, stretch.first)
    }
}
