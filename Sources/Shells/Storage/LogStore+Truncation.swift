import Logging
package import MessageFormat
import Synchronization

extension LogStore {
    /// Makes `end` the end of the log, durably: behind it there are zeroes and no segments.
    ///
    /// Called once after every recovery, before the writer starts, with the end that the scan
    /// found; everything before `end` is flushed as well, so that it may count as durable. Space
    /// that was prepared and never written stays.
    package func truncate(to end: PhysicalOffset) throws(StorageError) {
        // A cut at a segment's very start leaves the segment, empty.
        let base = self.base(of: end)
        let bases = self.segmentBases
        guard let first = bases.first, first <= base else { throw .noSuchSegment(base: base) }
        guard !self.table.withLock({ $0.hasWriter }) else {
            throw .alreadyWriting(directory: self.directory)
        }
        let later = bases.filter { $0 > base }
        // An index that outlived its segment would describe the next segment of that name.
        try self.deleteIndexes(later + [base])
        try self.deleteSegmentsFromLast(later)
        if !bases.contains(base) {
            guard bases.last?.advanced(by: self.segmentBytes) == base else {
                throw .noSuchSegment(base: base)
            }
            _ = try self.createSegment(base)
        }
        try self.clear(base, from: self.offsetInSegment(end))
        self.table.withLock { table in
            table.recoveredEnd = end
            table.activeBase = base
        }
    }

    /// From the last one on, so that a crash in between leaves no gap.
    private func deleteSegmentsFromLast(_ bases: [PhysicalOffset]) throws(StorageError) {
        for base in bases.reversed() {
            self.openSegments.remove(base)
            try Directory.delete(self.paths.segment(base))
            self.table.withLock { $0.bases.removeAll { $0 == base } }
            try Directory.flush(self.paths.commitLog)
        }
    }

    /// Cuts the file where something is left behind `offset`: one step for the file system, where
    /// writing zeroes over it would be many.
    private func clear(_ base: PhysicalOffset, from offset: Int) throws(StorageError) {
        let file = try OpenFile(self.paths.segment(base), .readWrite)
        var window = try SegmentWindow(file: file, base: base, segmentBytes: self.segmentBytes)
        if try !window.isZero(from: offset) {
            let dropped = try file.status().bytes - offset
            self.logger.notice(
                "log truncated",
                metadata: ["segment": "\(base.bytes)", "at": "\(offset)", "dropped": "\(dropped)"])
            try file.truncate(to: offset)
        }
        try file.flushAll()
    }
}
