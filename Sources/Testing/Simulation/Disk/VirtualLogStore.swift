package import BrokerEngine
import LogCore
package import MessageFormat

/// The log of one broker on a virtual disk: what `LogStore` is on a real one.
package final class VirtualLogStore: MendableLog {
    package let directory: String
    package private(set) var logID: UInt64
    package private(set) var segmentBytes: Int
    private(set) var segments: [PhysicalOffset: VirtualFile] = [:]
    private var indexes: [PhysicalOffset: VirtualFile] = [:]
    private var damaged = DamagedRanges()
    /// Copies of segments that are being mended.
    private var copies: [PhysicalOffset: VirtualFile] = [:]
    /// Written over damage, and not flushed: it may yet be lost again.
    private var mending: [Range<Int64>] = []

    package init(directory: String, logID: UInt64, segmentBytes: Int) {
        self.directory = directory
        self.logID = logID
        self.segmentBytes = segmentBytes
        self.segments[.zero] = VirtualFile()
    }

    package var segmentBases: [PhysicalOffset] { self.segments.keys.sorted() }

    package func base(of position: PhysicalOffset) -> PhysicalOffset {
        PhysicalOffset(position.bytes - position.bytes % Int64(self.segmentBytes))
    }

    // MARK: Recovery

    package func scan(
        segment base: PhysicalOffset, from start: PhysicalOffset?,
        visit: (UnsafeRawBufferPointer, LogBatchHeader) throws -> Void
    ) throws -> ScanResult {
        guard let file = self.segments[base] else {
            throw ReadFailure(reason: "no segment at \(base.bytes)")
        }
        return try file.bytes.withUnsafeBytes {
            try self.scan($0, base: base, from: start ?? base, visit: visit)
        }
    }

    private func scan(
        _ bytes: UnsafeRawBufferPointer, base: PhysicalOffset, from start: PhysicalOffset,
        visit: (UnsafeRawBufferPointer, LogBatchHeader) throws -> Void
    ) throws -> ScanResult {
        var position = start
        var batches = 0
        while position.distance(from: base) + LogBatchHeader.count <= self.segmentBytes {
            switch self.batch(in: bytes, base: base, at: position) {
            case .success(let header):
                let offset = position.distance(from: base)
                try visit(
                    UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + header.length)]),
                    header)
                batches += 1
                position = position.advanced(by: header.paddedLength)
            case .failure(let reason):
                let later = self.nextBatch(in: bytes, base: base, behind: position)
                return ScanResult(
                    end: position, batches: batches, stoppedBy: reason, laterValidBatch: later)
            }
        }
        return ScanResult(end: position, batches: batches, stoppedBy: nil, laterValidBatch: nil)
    }

    private func batch(
        in bytes: UnsafeRawBufferPointer, base: PhysicalOffset, at position: PhysicalOffset
    ) -> Result<LogBatchHeader, LogBatchError> {
        let offset = min(position.distance(from: base), bytes.count)
        let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
        guard rest.count >= LogBatchHeader.count else {
            let isZero = rest.allSatisfy { $0 == 0 }
            return .failure(
                isZero ? .empty : .truncated(bytes: rest.count, needed: LogBatchHeader.count))
        }
        return Result { () throws(LogBatchError) in
            try LogBatchHeader(checking: rest, at: position, logID: self.logID)
        }
    }

    private func nextBatch(
        in bytes: UnsafeRawBufferPointer, base: PhysicalOffset, behind position: PhysicalOffset
    ) -> PhysicalOffset? {
        var candidate = position.advanced(by: LogBatchHeader.alignment)
        while candidate.distance(from: base) + LogBatchHeader.count <= bytes.count {
            let magic = bytes.loadUnaligned(
                fromByteOffset: candidate.distance(from: base), as: UInt32.self)
            if UInt32(bigEndian: magic) == LogBatchHeader.magic,
                case .success = self.batch(in: bytes, base: base, at: candidate)
            {
                return candidate
            }
            candidate = candidate.advanced(by: LogBatchHeader.alignment)
        }
        return nil
    }

    package func index(of base: PhysicalOffset) throws -> SegmentIndexReader? {
        guard let file = self.indexes[base] else { return nil }
        let bytes = file.bytes
        return try SegmentIndexReader(base: base, logID: self.logID, fileBytes: bytes.count) {
            offset, buffer throws(SegmentIndexError) in
            guard offset + buffer.count <= bytes.count else {
                throw .truncated(bytes: bytes.count, needed: offset + buffer.count)
            }
            bytes.withUnsafeBytes { buffer.copyBytes(from: $0[offset..<(offset + buffer.count)]) }
        }
    }

    package func putIndex(_ base: PhysicalOffset, image: [UInt8]) throws {
        self.indexes[base] = VirtualFile(image)
    }

    package func cut(to end: PhysicalOffset) throws {
        let base = self.base(of: end)
        for later in self.segmentBases where later > base {
            self.segments[later] = nil
            self.indexes[later] = nil
        }
        self.indexes[base] = nil
        let file = self.makeSegment(base)
        file.truncate(to: end.distance(from: base))
        self.flush()
        self.damaged.cut(to: end.bytes)
    }

    // MARK: Changes of the whole log

    /// Everything goes; an empty log of this identity begins at `start`.
    package func startOver(logID: UInt64, segmentBytes: Int, start: PhysicalOffset) {
        self.logID = logID
        self.segmentBytes = segmentBytes
        self.segments = [start: VirtualFile()]
        self.indexes.removeAll()
        self.damaged.cut(to: start.bytes)
    }

    package func deleteSegment(_ base: PhysicalOffset) {
        self.segments[base] = nil
        self.indexes[base] = nil
    }

    func losePower(_ random: inout SeededGenerator) {
        self.mending.removeAll()
        for base in self.segmentBases { self.segments[base]?.losePower(&random) }
    }
}

// MARK: - Writing and reading

extension VirtualLogStore {
    @discardableResult
    func makeSegment(_ base: PhysicalOffset) -> VirtualFile {
        if let file = self.segments[base] { return file }
        let file = VirtualFile()
        self.segments[base] = file
        return file
    }

    func write(_ bytes: [UInt8], at position: PhysicalOffset) {
        let base = self.base(of: position)
        self.makeSegment(base).write(bytes, at: position.distance(from: base))
        if self.isDamaged {
            self.mending.append(position.bytes..<(position.bytes + Int64(bytes.count)))
        }
    }

    func flush() {
        for file in self.segments.values where file.hasPending { file.flush() }
        for range in self.mending { self.damaged.mend(range) }
        self.mending.removeAll()
    }

    /// The bytes of a range that lies in one segment; nil when they are not all there.
    func bytes(at position: PhysicalOffset, count: Int) -> ArraySlice<UInt8>? {
        let base = self.base(of: position)
        let offset = position.distance(from: base)
        guard let file = self.segments[base], offset + count <= file.bytes.count else {
            return nil
        }
        return file.bytes[offset..<(offset + count)]
    }

    func isDurable(at position: PhysicalOffset, count: Int) -> Bool {
        let base = self.base(of: position)
        let offset = position.distance(from: base)
        return self.segments[base]?.isDurable(offset..<(offset + count)) ?? false
    }

    /// One message, checked against its entry.
    func message(_ entry: IndexEntry) -> ArraySlice<UInt8>? {
        guard let bytes = self.bytes(at: entry.position, count: Int(entry.size)) else { return nil }
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        return checksum == entry.checksum ? bytes : nil
    }

    /// A message found only by its position: it must say itself that it lies there.
    func message(at position: PhysicalOffset) -> ArraySlice<UInt8>? {
        guard let head = self.bytes(at: position, count: MessageLayout.bytesMin) else { return nil }
        let size = head.withUnsafeBytes { Int($0.bigEndian(Int32.self, at: 0)) }
        guard size >= MessageLayout.bytesMin, let bytes = self.bytes(at: position, count: size)
        else { return nil }
        let isSound = bytes.withUnsafeBytes { all in
            guard let message = try? StoredMessageView(all) else { return false }
            return message.physicalOffset == position && message.isBodyIntact
        }
        return isSound ? bytes : nil
    }

    /// Whole batches from `from` on, and where the next one lies.
    func read(from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int) throws -> LogRead {
        let base = self.base(of: from)
        let segmentEnd = base.advanced(by: self.segmentBytes)
        guard let file = self.segments[base] else {
            throw ReadFailure(reason: "no segment at \(base.bytes)")
        }
        let stop = file.bytes.withUnsafeBytes { bytes in
            var position = from
            while position < end, position < segmentEnd,
                case .success(let header) = self.batch(in: bytes, base: base, at: position)
            {
                let next = position.advanced(by: header.paddedLength)
                guard next <= end, position == from || next.distance(from: from) <= bytesMax else {
                    break
                }
                position = next
            }
            return position
        }
        guard stop > from else {
            let hasMore = file.bytes.withUnsafeBytes {
                self.nextBatch(in: $0, base: base, behind: from) != nil
            }
            guard end >= segmentEnd, !hasMore else {
                throw ReadFailure(reason: "no sound batch at \(from.bytes)")
            }
            return LogRead(bytes: [], position: from, next: segmentEnd)
        }
        let first = from.distance(from: base)
        let last = min(stop.distance(from: base), file.bytes.count)
        return LogRead(bytes: Array(file.bytes[first..<last]), position: from, next: stop)
    }

    // MARK: Mending

    package func batches(
        from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int
    ) throws -> LogRead {
        try self.read(from: from, end: end, bytesMax: bytesMax)
    }

    package func writeCopy(
        _ bytes: [UInt8], at position: PhysicalOffset, of base: PhysicalOffset, isFirst: Bool
    ) throws {
        if isFirst { self.copies[base] = VirtualFile() }
        guard let copy = self.copies[base] else { throw ReadFailure(reason: "no copy was begun") }
        copy.write(bytes, at: position.distance(from: base))
    }

    package func finishCopy(
        of base: PhysicalOffset, mended: [Range<PhysicalOffset>], end: PhysicalOffset?,
        isFirst: Bool
    ) throws {
        guard let old = self.segments[base] else {
            throw ReadFailure(reason: "no segment at \(base.bytes)")
        }
        let copy = isFirst ? VirtualFile() : self.copies[base] ?? VirtualFile()
        self.copies[base] = nil
        var bytes = old.bytes
        for range in mended {
            let first = range.lowerBound.distance(from: base)
            let last = min(range.upperBound.distance(from: base), max(copy.bytes.count, first))
            guard first < last else { continue }
            if last > bytes.count {
                bytes.append(contentsOf: repeatElement(0, count: last - bytes.count))
            }
            bytes.replaceSubrange(first..<last, with: copy.bytes[first..<last])
        }
        self.segments[base] = VirtualFile(bytes)
        let left = self.damagedRanges(of: base, endingAt: end, isFull: true)
        guard left.isEmpty else {
            self.segments[base] = old
            throw ReadFailure(reason: "the copy of \(base.bytes) is not whole: \(left)")
        }
        for range in mended { self.damaged.mend(range.lowerBound.bytes..<range.upperBound.bytes) }
    }

    // MARK: Faults

    /// Changes one bit of what is stored, anywhere or in one segment. Returns where, or nil when
    /// nothing is stored.
    func rot(
        _ random: inout SeededGenerator, in segment: PhysicalOffset? = nil
    ) -> PhysicalOffset? {
        let bases = self.segmentBases.filter {
            !(self.segments[$0]?.bytes.isEmpty ?? true) && $0 == segment ?? $0
        }
        guard let base = random.pick(bases), let file = self.segments[base] else { return nil }
        let offset = random.below(file.bytes.count)
        file.flipBit(random.below(8), at: offset)
        let position = base.advanced(by: offset)
        self.noteDamage(position.bytes..<(position.bytes + 1))
        return position
    }

    var hasIndexes: Bool { !self.indexes.isEmpty }

    /// Changes one bit of an index file. Returns of which segment.
    func rotIndex(_ random: inout SeededGenerator) -> PhysicalOffset? {
        guard let base = random.pick(self.indexes.keys.sorted()), let file = self.indexes[base]
        else { return nil }
        file.flipBit(random.below(8), at: random.below(file.bytes.count))
        return base
    }

    func noteDamage(_ range: Range<Int64>) { self.damaged.note(range) }

    var isDamaged: Bool { !self.damaged.ranges.isEmpty }

    /// Whether the broker itself has cut off damaged bytes of this range, and knows it.
    func isMissing(_ range: Range<Int64>) -> Bool {
        self.damaged.ranges.contains { $0.upperBound == .max && $0.overlaps(range) }
    }

    func isDamaged(_ range: Range<Int64>) -> Bool {
        self.damaged.ranges.contains { $0.overlaps(range) }
    }
}
