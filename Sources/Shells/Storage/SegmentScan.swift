package import MessageFormat

extension LogStore {
    /// Reads the segment at `base` from `start` on, and hands each good batch to `visit`.
    ///
    /// The buffer that `visit` gets holds exactly the batch, without padding, and is valid during
    /// the call only.
    package func scan(
        segment base: PhysicalOffset, from start: PhysicalOffset? = nil,
        visit: (UnsafeRawBufferPointer, LogBatchHeader) throws -> Void
    ) throws -> ScanResult {
        var window = try SegmentWindow(
            file: try self.openSegments.file(base), base: base, segmentBytes: self.segmentBytes)
        var position = start ?? base
        guard self.base(of: position) == base else {
            throw StorageError.outOfSegment(
                position: position, count: 0, segmentBytes: self.segmentBytes)
        }
        var batches = 0
        while window.offset(of: position) + LogBatchHeader.count <= self.segmentBytes {
            let found = try window.batch(at: position, logID: self.logID)
            switch found {
            case .success(let (bytes, header)):
                try visit(bytes, header)
                batches += 1
                position = position.advanced(by: header.paddedLength)
            case .failure(let reason):
                let later = try window.nextBatch(behind: position, logID: self.logID)
                return ScanResult(
                    end: position, batches: batches, stoppedBy: reason, laterValidBatch: later)
            }
        }
        return ScanResult(
            end: position, batches: batches, stoppedBy: nil, laterValidBatch: nil)
    }
}
