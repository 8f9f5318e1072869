/// What a scan of a segment found.
package struct ScanResult: Hashable, Sendable {
    /// Behind the last good batch.
    package let end: PhysicalOffset
    /// Batches that were good.
    package let batches: Int
    /// Why the bytes at `end` are no batch; nil when the segment is full to its last byte.
    ///
    /// `.empty` is the ordinary end.
    package let stoppedBy: LogBatchError?
    /// A good batch behind `end`: the segment is damaged in its middle, not torn at its tail.
    package let laterValidBatch: PhysicalOffset?

    package init(
        end: PhysicalOffset, batches: Int, stoppedBy: LogBatchError?,
        laterValidBatch: PhysicalOffset?
    ) {
        self.end = end
        self.batches = batches
        self.stoppedBy = stoppedBy
        self.laterValidBatch = laterValidBatch
    }

    /// The last write was cut off by a crash, or nothing at all is wrong.
    package var isCleanOrTorn: Bool { self.laterValidBatch == nil }
}
