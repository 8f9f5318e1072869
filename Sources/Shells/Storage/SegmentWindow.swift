import Glibc
import MessageFormat

/// A part of a segment in memory, moved over it while it is scanned.
///
/// Owns its memory; what it hands out is valid until the next call.
struct SegmentWindow: ~Copyable {
    /// Bytes that are read at once.
    static let chunkBytes = 8 << 20

    private let file: OpenFile
    private let base: PhysicalOffset
    /// End of what can hold batches, relative to the segment's start.
    private let fileBytes: Int
    private let memory: UnsafeMutableRawBufferPointer
    /// What `memory` holds, relative to the segment's start.
    private var loaded = 0..<0

    init(file: OpenFile, base: PhysicalOffset, segmentBytes: Int) throws(StorageError) {
        self.file = file
        self.base = base
        self.fileBytes = min(try file.status().bytes, segmentBytes)
        let capacity = max(Self.chunkBytes, LogBatchHeader.padded(LogBatchHeader.lengthMax))
        self.memory = .allocate(byteCount: min(capacity, segmentBytes), alignment: 4096)
    }

    deinit { self.memory.deallocate() }

    func offset(of position: PhysicalOffset) -> Int { position.distance(from: self.base) }

    /// The batch at `position` when it is good in every respect.
    mutating func batch(
        at position: PhysicalOffset, logID: UInt64
    ) throws(StorageError) -> Result<(UnsafeRawBufferPointer, LogBatchHeader), LogBatchError> {
        let offset = self.offset(of: position)
        let head = try self.bytes(from: offset, count: LogBatchHeader.count)
        guard head.count == LogBatchHeader.count else { return .failure(Self.shortHead(head)) }
        let header: LogBatchHeader
        do throws(LogBatchError) {
            header = try LogBatchHeader(parsing: head, at: position, logID: logID)
        } catch {
            return .failure(error)
        }
        let bytes = try self.bytes(from: offset, count: header.length)
        do throws(LogBatchError) {
            return .success((bytes, try .init(checking: bytes, at: position, logID: logID)))
        } catch {
            return .failure(error)
        }
    }

    /// The first good batch behind `position`.
    mutating func nextBatch(
        behind position: PhysicalOffset, logID: UInt64
    ) throws(StorageError) -> PhysicalOffset? {
        var offset = self.offset(of: position) + LogBatchHeader.alignment
        while let candidate = try self.nextMagic(from: offset) {
            let place = self.base.advanced(by: candidate)
            if case .success = try self.batch(at: place, logID: logID) { return place }
            offset = candidate + LogBatchHeader.alignment
        }
        return nil
    }

    /// Whether there is nothing but zeroes from `offset` on.
    mutating func isZero(from offset: Int) throws(StorageError) -> Bool {
        var offset = offset
        while offset < self.fileBytes {
            let bytes = try self.bytes(from: offset, count: 1, orMore: true)
            guard bytes.isZero else { return false }
            offset += bytes.count
        }
        return true
    }

    /// Where the next bytes stand that could start a batch.
    private mutating func nextMagic(from start: Int) throws(StorageError) -> Int? {
        var offset = start
        while offset < self.fileBytes {
            let bytes = try self.bytes(from: offset, count: 1, orMore: true)
            if let found = Self.firstMagic(in: bytes) { return offset + found }
            offset += bytes.count & ~(LogBatchHeader.alignment - 1)
            if bytes.count < LogBatchHeader.alignment { return nil }
        }
        return nil
    }

    /// `bytes` starts at a multiple of the alignment. Prepared space is skipped block by block.
    private static func firstMagic(in bytes: UnsafeRawBufferPointer) -> Int? {
        let block = 4096
        for start in stride(from: 0, to: bytes.count, by: block) {
            let part = bytes.slice(start..<min(start + block, bytes.count))
            if part.isZero { continue }
            var at = 0
            while at + 4 <= part.count {
                if part.bigEndian(UInt32.self, at: at) == LogBatchHeader.magic {
                    return start + at
                }
                at += LogBatchHeader.alignment
            }
        }
        return nil
    }

    private static func shortHead(_ head: UnsafeRawBufferPointer) -> LogBatchError {
        head.isZero ? .empty : .truncated(bytes: head.count, needed: LogBatchHeader.count)
    }

    /// `count` bytes from `offset` on, fewer at the end of the file; with `orMore` whatever else is
    /// in memory behind them.
    private mutating func bytes(
        from offset: Int, count: Int, orMore: Bool = false
    ) throws(StorageError) -> UnsafeRawBufferPointer {
        let end = max(offset, min(offset + count, self.fileBytes))
        if offset < self.loaded.lowerBound || end > self.loaded.upperBound {
            try self.load(from: offset, atLeast: end - offset)
        }
        let last = orMore ? self.loaded.upperBound : min(end, self.loaded.upperBound)
        guard last > offset else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let start = offset - self.loaded.lowerBound
        return UnsafeRawBufferPointer(self.memory).slice(start..<(start + last - offset))
    }

    private mutating func load(from offset: Int, atLeast count: Int) throws(StorageError) {
        let wanted = min(max(count, Self.chunkBytes), self.memory.count, self.fileBytes - offset)
        let target = UnsafeMutableRawBufferPointer(rebasing: self.memory[..<max(0, wanted)])
        let read = try self.file.read(into: target, at: offset)
        self.loaded = offset..<(offset + read)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether all bytes are zero: each equals the one before it, and the first is zero.
    var isZero: Bool {
        guard let start = self.baseAddress, let first = self.first else { return true }
        return first == 0 && memcmp(start, start + 1, self.count - 1) == 0
    }
}
