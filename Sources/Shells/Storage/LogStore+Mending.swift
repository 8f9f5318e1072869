package import MessageFormat
import Synchronization

// A full segment with damaged parts gets sound again: a copy is made beside it, of what somebody
// else has and of what is sound here, and takes its place when all of it was checked. A crash leaves
// the old segment or the new one; a copy that was begun means nothing.
extension LogStore {
    /// Small, because the writer's flushes wait behind these.
    private static let chunkBytes = 1 << 20

    private func copyName(_ base: PhysicalOffset) -> String {
        LogPaths.digits(base) + Directory.temporarySuffix
    }

    private func copyPath(_ base: PhysicalOffset) -> String {
        "\(self.paths.commitLog)/\(self.copyName(base))"
    }

    /// Puts bytes into the copy of the segment at `base`; the first ones begin it.
    package func writeCopy(
        _ bytes: [UInt8], at position: PhysicalOffset, of base: PhysicalOffset, isFirst: Bool
    ) throws(StorageError) {
        let offset = position.distance(from: base)
        guard offset >= 0, !bytes.isEmpty, bytes.count <= self.segmentBytes - offset else {
            throw .outOfSegment(
                position: position, count: bytes.count, segmentBytes: self.segmentBytes)
        }
        if isFirst { try Directory.delete(self.copyPath(base)) }
        let copy = try OpenFile(self.copyPath(base), isFirst ? .create : .readWrite)
        try bytes.withRawBytes { (bytes) throws(StorageError) in
            try self.write(bytes, at: offset, to: copy)
        }
    }

    /// Puts the rest into the copy, checks every batch of it, and puts it in the segment's place.
    ///
    /// - Parameters:
    ///   - mended: what the copy has already.
    ///   - known: where the segment's last batch ends; nil when nobody knows.
    ///   - isFirst: nothing was put into the copy yet.
    package func finishCopy(
        of base: PhysicalOffset, mended: [Range<PhysicalOffset>], end known: PhysicalOffset?,
        isFirst: Bool
    ) throws(StorageError) {
        try self.table.withLock { (table) throws(StorageError) in
            guard table.bases.contains(base) else { throw .noSuchSegment(base: base) }
            guard let active = table.activeBase, base < active else {
                throw .segmentInUse(base: base)
            }
        }
        if isFirst { try Directory.delete(self.copyPath(base)) }
        let copy = try OpenFile(self.copyPath(base), isFirst ? .create : .readWrite)
        var start = base
        for range in mended.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            try self.copy(start..<max(start, range.lowerBound), of: base, to: copy)
            start = max(start, range.upperBound)
        }
        let end = known ?? base.advanced(by: self.segmentBytes)
        try self.copy(start..<max(start, end), of: base, to: copy)
        try self.checkCopy(copy, of: base, end: known)
        try copy.flushAll()
        try Directory.rename(
            self.copyName(base), to: LogPaths.digits(base), in: self.paths.commitLog)
        self.openSegments.remove(base)
    }

    private func copy(
        _ range: Range<PhysicalOffset>, of base: PhysicalOffset, to copy: OpenFile
    ) throws(StorageError) {
        guard !range.isEmpty else { return }
        let file = try self.openSegments.file(base)
        var bytes = [UInt8](
            repeating: 0,
            count: min(Self.chunkBytes, range.upperBound.distance(from: range.lowerBound)))
        var offset = range.lowerBound.distance(from: base)
        let end = range.upperBound.distance(from: base)
        while offset < end {
            let count = min(bytes.count, end - offset)
            let found = try bytes.withMutableRawBytes { (buffer) throws(StorageError) in
                try file.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
            }
            guard found > 0 else { return }
            try bytes.withRawBytes { (bytes) throws(StorageError) in
                try self.write(bytes.slice(0..<found), at: offset, to: copy)
            }
            offset += found
        }
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, to copy: OpenFile
    ) throws(StorageError) {
        var done = 0
        do throws(StorageError) {
            while done < bytes.count {
                let count = min(Self.chunkBytes, bytes.count - done)
                try copy.write(bytes.slice(done..<(done + count)), at: offset + done)
                try copy.flush()
                done += count
            }
        } catch {
            throw error.orNoSpace(bytesNeeded: bytes.count)
        }
    }

    private func checkCopy(
        _ copy: OpenFile, of base: PhysicalOffset, end known: PhysicalOffset?
    ) throws(StorageError) {
        var window = try SegmentWindow(file: copy, base: base, segmentBytes: self.segmentBytes)
        var position = base
        while window.offset(of: position) + LogBatchHeader.count <= self.segmentBytes {
            switch try window.batch(at: position, logID: self.logID) {
            case .success(let (_, header)):
                position = position.advanced(by: header.paddedLength)
                continue
            case .failure(let reason):
                let later = try window.nextBatch(behind: position, logID: self.logID)
                let isEnd = known.map { $0 == position } ?? (later == nil)
                guard isEnd, try window.isZero(from: window.offset(of: position)) else {
                    throw .damagedBatch(position: position, reason)
                }
            }
            return
        }
    }

    /// Copies that a crash cut off.
    func deleteCopies() throws(StorageError) {
        for name in try Directory.names(in: self.paths.commitLog)
        where name.hasSuffix(Directory.temporarySuffix) {
            try Directory.delete("\(self.paths.commitLog)/\(name)")
        }
    }
}
