package import MessageFormat

/// Decides where everything lies in the log, and gathers it into batches.
///
/// The log is a sequence of checked batches in segments of fixed size (`docs/formats/log.md`).
/// Whatever is appended while one write is under way goes into the next batch: one write and one
/// flush for all of it (group commit). A batch never crosses a segment's end; the first batch of a
/// segment holds a snapshot of all state, so that any suffix of segments stands alone.
///
/// Offsets are final when an append returns, bytes are not: answer only after
/// `FlushProgress.confirmed` has passed the append's `end` ("acked means durable").
package struct CommitLog: Sendable {
    package struct Options: Sendable {
        package var segmentBytes = 256 << 20
        /// A batch is closed when it has grown to this.
        package var batchBytesMax = 4 << 20

        package init() {}
    }

    package let logID: UInt64
    package let options: Options
    package private(set) var epoch: Epoch
    /// Messages, index entries and keys of batches that are not confirmed yet, oldest first.
    package private(set) var unconfirmed = UnconfirmedBatches()
    private var gathering: Gathering
    private var closed: [PlannedBatch] = []
    private var latestStoreTimestamp = Timestamp(milliseconds: 0)
    /// Up to here the gathering batch grows, whatever the options say.
    private var keptTogether = 0

    /// Continues a log whose last batch ends at `end`, a multiple of the batches' alignment.
    package init(logID: UInt64, epoch: Epoch, end: PhysicalOffset, options: Options) {
        precondition(end.bytes % Int64(LogBatchHeader.alignment) == 0, "batches start aligned")
        self.logID = logID
        self.epoch = epoch
        self.options = options
        self.gathering = Gathering(start: end)
    }

    /// Where the next record would lie, at the earliest.
    package var end: PhysicalOffset { self.gathering.end }

    /// Where the first batch lies that was not handed out yet, or will lie.
    package var firstPlanned: PhysicalOffset {
        self.closed.first?.position ?? self.gathering.start
    }

    /// Start of the segment in which `end` lies.
    package var segmentBase: PhysicalOffset { self.base(of: self.gathering.start) }

    package var hasGathered: Bool { !self.gathering.isEmpty || !self.closed.isEmpty }

    /// Nothing has been written into the current segment: it needs its snapshot first.
    package var isAtSegmentStart: Bool {
        self.gathering.isEmpty && self.gathering.start == self.segmentBase
    }

    /// Whether a record of `size` bytes still fits into the current segment.
    ///
    /// When it does not, `roll()` and append the snapshot's records before it.
    package func fits(_ size: Int) -> Bool {
        let alone = LogBatchHeader.padded(LogBatchHeader.count + size)
        let gathered = self.gathering.bytes.count
        let needed =
            if self.gathering.isEmpty {
                alone
            } else if self.closesBatch(before: size) {
                LogBatchHeader.padded(gathered) + alone
            } else {
                LogBatchHeader.padded(gathered + size)
            }
        let offset = self.gathering.start.distance(from: self.segmentBase)
        return offset + needed <= self.options.segmentBytes
    }

    /// The batch has grown so long that the record starts another one.
    private func closesBatch(before size: Int) -> Bool {
        !self.gathering.isEmpty
            && self.gathering.bytes.count + size
                > max(self.options.batchBytesMax, self.keptTogether)
    }

    /// The records appended next, `size` bytes in all, share one batch: on disk, on replicas and
    /// where a log is cut there are all of them or none. The caller has made sure that they `fit`.
    package mutating func keepTogether(_ size: Int) {
        precondition(self.fits(size), "the caller rolls to the next segment first")
        if self.closesBatch(before: size) { self.closeBatch() }
        let header = self.gathering.isEmpty ? LogBatchHeader.count : 0
        self.keptTogether = self.gathering.bytes.count + header + size
    }

    /// What is appended from now on belongs to this epoch.
    package mutating func begin(_ epoch: Epoch) {
        precondition(!self.hasGathered, "a batch has one epoch")
        self.epoch = epoch
    }

    /// Recovery: batches that lie before `end` and are not confirmed yet, oldest first.
    package mutating func resume(_ batches: [UnconfirmedBatch]) {
        for batch in batches { self.unconfirmed.append(batch) }
    }

    /// A batch of the group's master continues the log here, as it is.
    package mutating func adopted(_ batch: UnconfirmedBatch, of header: LogBatchHeader) {
        precondition(!self.hasGathered, "who follows a master appends nothing itself")
        self.epoch = header.epoch
        self.latestStoreTimestamp = max(self.latestStoreTimestamp, header.storeTimestamp)
        self.unconfirmed.append(batch)
        self.gathering = Gathering(start: batch.end)
    }

    /// What a message that is appended at `now` is stamped with: time never goes back in a log.
    package func storeTimestamp(at now: Timestamp) -> Timestamp {
        max(self.latestStoreTimestamp, now)
    }

    /// Goes on at the start of the next segment.
    package mutating func roll() {
        let next = self.segmentBase.advanced(by: self.options.segmentBytes)
        self.closeBatch()
        self.gathering = Gathering(start: next)
        self.keptTogether = 0
    }

    /// Appends a message to `queue`. The caller has made sure that it `fits`.
    package mutating func append(
        _ draft: MessageDraft, body: UnsafeRawBufferPointer, properties: UnsafeRawBufferPointer,
        to queue: QueueNumber, at queueOffset: QueueOffset, tagHash: Int32,
        keys: [UInt64], now: Timestamp
    ) -> Appended {
        self.beginRecord(
            size: draft.encodedCount(bodyCount: body.count, propertiesCount: properties.count),
            now: now)
        let start = self.gathering.bytes.count
        let position = self.gathering.start.advanced(by: start)
        draft.append(
            to: &self.gathering.bytes, body: body, properties: properties,
            queueOffset: queueOffset, physicalOffset: position,
            storeTimestamp: self.latestStoreTimestamp)
        let checksum = self.gathering.bytes.withUnsafeBytes {
            Checksum.crc32c($0.slice(start..<$0.count))
        }
        let entry = IndexEntry(
            position: position, size: UInt32(self.gathering.bytes.count - start),
            checksum: checksum, tagHash: tagHash, storeTimestamp: self.latestStoreTimestamp)
        self.gathering.add(
            UnconfirmedEntry(queue: queue, queueOffset: queueOffset, entry: entry), keys: keys)
        return Appended(position: position, queueOffset: queueOffset, end: self.end)
    }

    /// Appends a state record. The caller has made sure that it `fits`. Returns the end to wait for.
    @discardableResult
    package mutating func append(_ record: StateRecord, now: Timestamp) -> PhysicalOffset {
        self.beginRecord(size: StateRecord.headerCount + record.payload.count, now: now)
        record.append(to: &self.gathering.bytes)
        self.gathering.records += 1
        return self.end
    }

    /// Everything that has gathered, ready to be written, in order.
    package mutating func takePlanned() -> [PlannedBatch] {
        self.closeBatch()
        return exchange(&self.closed, with: [])
    }

    /// The confirm offset has moved: hands out what consumers may now see, batch by batch.
    package mutating func confirmed(
        upTo offset: PhysicalOffset, _ body: (UnconfirmedBatch) -> Void
    ) {
        self.unconfirmed.confirmed(upTo: offset, body)
    }

    private func base(of position: PhysicalOffset) -> PhysicalOffset {
        PhysicalOffset(position.bytes - position.bytes % Int64(self.options.segmentBytes))
    }

    private mutating func beginRecord(size: Int, now: Timestamp) {
        precondition(self.fits(size), "the caller rolls to the next segment first")
        if self.closesBatch(before: size) { self.closeBatch() }
        self.latestStoreTimestamp = max(self.latestStoreTimestamp, now)
        self.gathering.begin()
    }

    private mutating func closeBatch() {
        guard !self.gathering.isEmpty else { return }
        let size = self.gathering.size
        let (planned, waiting) = self.gathering.seal(
            epoch: self.epoch, now: self.latestStoreTimestamp, logID: self.logID)
        self.closed.append(planned)
        self.unconfirmed.append(waiting)
        self.gathering = Gathering(start: planned.end, expecting: size)
        self.keptTogether = 0
    }
}

/// Where a message was put.
package struct Appended: Hashable, Sendable {
    package var position: PhysicalOffset
    package var queueOffset: QueueOffset
    /// The message is durable when everything before this is.
    package var end: PhysicalOffset

    package init(position: PhysicalOffset, queueOffset: QueueOffset, end: PhysicalOffset) {
        self.position = position
        self.queueOffset = queueOffset
        self.end = end
    }
}

/// A finished batch: bytes for the writer.
package struct PlannedBatch: Sendable {
    package var position: PhysicalOffset
    /// Where the next batch of the same segment starts: behind the padding.
    package var end: PhysicalOffset
    package var bytes: [UInt8]

    package init(position: PhysicalOffset, end: PhysicalOffset, bytes: [UInt8]) {
        self.position = position
        self.end = end
        self.bytes = bytes
    }
}
