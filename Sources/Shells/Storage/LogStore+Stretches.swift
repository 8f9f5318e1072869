package import MessageFormat

/// A piece of the log as it is copied to a replica.
package struct StretchRead: Hashable, Sendable {
    /// Whole batches with their padding, one behind the other. Empty when the rest of the segment
    /// is unused.
    package let bytes: [UInt8]
    /// Where the log goes on: behind these bytes, or at the start of the next segment when nothing
    /// more lies in this one.
    package let next: PhysicalOffset
}

extension LogStore {
    /// Reads whole batches of one segment from `start` on, up to `end` and to `bytesMax`; one batch
    /// at least, however long it is.
    ///
    /// `start` is a batch's first byte or the end of a segment's batches, `end` is where the log
    /// ends or an earlier batch does. Every batch is checked: what is damaged here must not spread.
    package func readStretch(
        from start: PhysicalOffset, end: PhysicalOffset, bytesMax: Int
    ) throws(StorageError) -> StretchRead {
        let base = self.base(of: start)
        guard start >= .zero, start < end else {
            throw .outOfSegment(position: start, count: 0, segmentBytes: self.segmentBytes)
        }
        let segmentEnd = base.advanced(by: self.segmentBytes)
        let room = min(end, segmentEnd).distance(from: start)
        let bytes = try self.batches(from: start, room: room, bytesMax: bytesMax)
        let next = start.advanced(by: bytes.count)
        if bytes.isEmpty {
            guard end >= segmentEnd, try !self.hasBatches(behind: start) else {
                throw .damagedBatch(position: start, .empty)
            }
            return StretchRead(bytes: [], next: segmentEnd)
        }
        return StretchRead(bytes: bytes, next: next)
    }

    /// Zeroes with batches behind them are a write that never came, not a segment's unused end:
    /// who skipped them would lack messages and not know it.
    private func hasBatches(behind start: PhysicalOffset) throws(StorageError) -> Bool {
        let base = self.base(of: start)
        guard self.offsetInSegment(start) + LogBatchHeader.count <= self.segmentBytes else {
            return false
        }
        var window = try SegmentWindow(
            file: try self.openSegments.file(base), base: base, segmentBytes: self.segmentBytes)
        return try window.nextBatch(behind: start, logID: self.logID) != nil
    }

    private func batches(
        from start: PhysicalOffset, room: Int, bytesMax: Int
    ) throws(StorageError) -> [UInt8] {
        guard room >= LogBatchHeader.count else { return [] }
        let bytes = try self.bytes(at: start, count: min(room, max(bytesMax, Self.stretchMin)))
        let good = try self.wholeBatches(in: bytes, at: start)
        if good > 0 || bytes.count == room { return Array(bytes[..<good]) }
        // The first batch is longer than asked for.
        guard let header = self.header(of: bytes, at: start) else { return [] }
        let whole = try self.bytes(at: start, count: min(room, header.paddedLength))
        return Array(whole[..<(try self.wholeBatches(in: whole, at: start))])
    }

    /// Less than a page is not worth a call.
    private static let stretchMin = 4_096

    private func bytes(
        at start: PhysicalOffset, count: Int
    ) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let file = try self.openSegments.file(self.base(of: start))
        let found = try bytes.withMutableRawBytes { (buffer) throws(StorageError) in
            try file.read(into: buffer, at: self.offsetInSegment(start))
        }
        bytes.removeLast(count - found)
        return bytes
    }

    private func header(of bytes: [UInt8], at start: PhysicalOffset) -> LogBatchHeader? {
        bytes.withUnsafeBytes { try? LogBatchHeader(parsing: $0, at: start, logID: self.logID) }
    }

    /// How many bytes the whole batches at the start of `bytes` have.
    private func wholeBatches(
        in bytes: [UInt8], at start: PhysicalOffset
    ) throws(StorageError) -> Int {
        try bytes.withRawBytes { (bytes) throws(StorageError) in
            var good = 0
            while bytes.count - good >= LogBatchHeader.count {
                let position = start.advanced(by: good)
                do throws(LogBatchError) {
                    let header = try LogBatchHeader(
                        checking: bytes.slice(good..<bytes.count), at: position, logID: self.logID)
                    guard header.paddedLength <= bytes.count - good else { return good }
                    good += header.paddedLength
                } catch .empty {
                    return good
                } catch .truncated {
                    return good
                } catch {
                    throw .damagedBatch(position: position, error)
                }
            }
            return good
        }
    }
}
