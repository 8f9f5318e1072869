package import LogCore
package import MessageFormat

/// A segment whose index file is on disk.
package struct SealedSegment: Sendable {
    package let base: PhysicalOffset
    package let youngest: Timestamp
    /// Behind its last batch; nil when the file does not say.
    package let end: PhysicalOffset?
    package let runs: [(key: QueueKey, run: SealedRun)]
    /// What was lost, when the file was made from a damaged segment.
    var loss: SegmentLoss?

    package init(_ reader: SegmentIndexReader, in source: some LogSource) {
        let base = reader.header.base
        let end = reader.header.end
        self.base = base
        // So says also who does not know it.
        self.end = end < base.advanced(by: source.segmentBytes) ? end : nil
        self.youngest = reader.header.youngest
        self.runs = reader.directory.map { place in
            (
                place.key,
                SealedRun(segment: base, first: place.first, count: place.ordinals.count)
            )
        }
    }

    /// Writes the index file, and opens it as everybody else will.
    package init(
        sealing contents: SegmentContents, in source: some LogSource,
        losing loss: SegmentLoss? = nil
    ) throws {
        let image = SegmentIndexImage.encode(
            logID: source.logID, base: contents.base,
            end: contents.end ?? contents.base.advanced(by: source.segmentBytes),
            runs: contents.runs.map {
                SegmentIndexRun(key: $0.key, first: $0.first, entries: $0.entries)
            },
            keys: contents.keys.map {
                SegmentIndexKey(hash: $0.hash, position: $0.entry.position)
            }, isPartial: loss != nil || contents.isPartial)
        try source.putIndex(contents.base, image: image)
        guard let reader = try source.index(of: contents.base) else {
            throw ReadFailure(reason: "the index file vanished")
        }
        self.init(reader, in: source)
        self.loss = loss
    }
}

/// Messages of a segment that its index file cannot name, because they cannot be read.
package struct SegmentLoss: Sendable {
    /// Where the first damage begins.
    let start: PhysicalOffset
    /// Where queues stood when the segment began, as far as the disk still says.
    let begins: [QueueKey: QueueOffset]
}
