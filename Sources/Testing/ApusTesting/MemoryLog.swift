import BrokerEngine
import LogCore
import MessageFormat

/// The segments of a broker's log, in memory. What is written is there for good: a broker that
/// starts again recovers from it as from a disk.
final class MemoryLog: LogSource {
    let directory = "memory"
    let logID: UInt64
    let segmentBytes: Int
    private var segments: [PhysicalOffset: [UInt8]] = [.zero: []]
    private var indexes: [PhysicalOffset: [UInt8]] = [:]

    init(logID: UInt64, segmentBytes: Int) {
        self.logID = logID
        self.segmentBytes = segmentBytes
    }

    var segmentBases: [PhysicalOffset] { self.segments.keys.sorted() }

    func write(_ batch: PlannedBatch) {
        let base = self.base(of: batch.position)
        let offset = batch.position.distance(from: base)
        var segment = self.segments.removeValue(forKey: base) ?? []
        precondition(segment.count <= offset, "a log is written from its start to its end")
        segment.append(contentsOf: repeatElement(0, count: offset - segment.count))
        segment += batch.bytes
        self.segments[base] = segment
    }

    func delete(_ base: PhysicalOffset) {
        self.segments[base] = nil
        self.indexes[base] = nil
    }

    private func base(of position: PhysicalOffset) -> PhysicalOffset {
        PhysicalOffset(position.bytes - position.bytes % Int64(self.segmentBytes))
    }

    // MARK: Recovery

    func scan(
        segment base: PhysicalOffset, from start: PhysicalOffset?,
        visit: (UnsafeRawBufferPointer, LogBatchHeader) throws -> Void
    ) throws -> ScanResult {
        let bytes = self.segments[base, default: []]
        return try bytes.withUnsafeBytes { bytes in
            var position = start ?? base
            var batches = 0
            while position.distance(from: base) + LogBatchHeader.count <= bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[position.distance(from: base)...])
                let header = try LogBatchHeader(checking: rest, at: position, logID: self.logID)
                try visit(UnsafeRawBufferPointer(rebasing: rest[..<header.length]), header)
                batches += 1
                position = position.advanced(by: header.paddedLength)
            }
            return ScanResult(
                end: position, batches: batches, stoppedBy: .empty, laterValidBatch: nil)
        }
    }

    func index(of base: PhysicalOffset) throws -> SegmentIndexReader? {
        guard let bytes = self.indexes[base] else { return nil }
        return try SegmentIndexReader(base: base, logID: self.logID, fileBytes: bytes.count) {
            offset, buffer throws(SegmentIndexError) in
            guard offset + buffer.count <= bytes.count else {
                throw .truncated(bytes: bytes.count, needed: offset + buffer.count)
            }
            bytes.withUnsafeBytes { buffer.copyBytes(from: $0[offset..<(offset + buffer.count)]) }
        }
    }

    func putIndex(_ base: PhysicalOffset, image: [UInt8]) { self.indexes[base] = image }

    func cut(to end: PhysicalOffset) {
        let base = self.base(of: end)
        for later in self.segmentBases where later > base { self.delete(later) }
        self.indexes[base] = nil
        let bytes = self.segments[base, default: []]
        self.segments[base] = Array(bytes.prefix(end.distance(from: base)))
    }
}

// MARK: - Messages

extension MemoryLog {
    /// The messages of these entries, one behind the other.
    func messages(_ entries: [IndexEntry]) -> [UInt8] {
        entries.flatMap { self.bytes(at: $0.position, count: Int($0.size)) ?? [] }
    }

    /// A message found only by its position: it must say itself that it lies there.
    func message(at position: PhysicalOffset) throws -> [UInt8] {
        let size = self.bytes(at: position, count: MessageLayout.bytesMin)?.withUnsafeBytes {
            Int($0.bigEndian(Int32.self, at: 0))
        }
        let bytes = size.flatMap { self.bytes(at: position, count: $0) } ?? []
        let isSound = bytes.withUnsafeBytes {
            (try? StoredMessageView($0)).map { $0.physicalOffset == position } ?? false
        }
        guard isSound else {
            throw ReadFailure(reason: "no message starts at offset \(position.bytes)")
        }
        return Array(bytes)
    }

    private func bytes(at position: PhysicalOffset, count: Int) -> ArraySlice<UInt8>? {
        let base = self.base(of: position)
        let offset = position.distance(from: base)
        guard let segment = self.segments[base], count >= 0, offset + count <= segment.count else {
            return nil
        }
        return segment[offset..<(offset + count)]
    }

    /// All messages, in the order in which they were stored.
    func forEachMessage(_ body: (StoredMessageView) -> Void) {
        for base in self.segmentBases {
            _ = try? self.scan(segment: base, from: nil) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .message(let message, _) = record { body(message) }
                }
            }
        }
    }
}
