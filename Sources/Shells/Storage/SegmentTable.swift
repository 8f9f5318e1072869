package import MessageFormat
import Synchronization

/// Which segments exist, and which of them is being written.
struct SegmentTable: Sendable {
    /// Ascending and without gaps.
    var bases: [PhysicalOffset] = []
    /// Where the log ends, as the last recovery found; nil before it.
    var recoveredEnd: PhysicalOffset?
    /// The segment that the writer writes. Segments behind it are spares.
    var activeBase: PhysicalOffset?
    var hasWriter = false
}

/// A segment's file as the directory shows it.
package struct SegmentInfo: Hashable, Sendable {
    package let base: PhysicalOffset
    /// Bytes of the file: written ones and those that are prepared for later writes.
    package let bytes: Int
    package let modified: Timestamp
    package let hasIndex: Bool
    /// Prepared for later, holds no batches.
    package let isSpare: Bool
}

extension LogStore {
    /// All segments, oldest first. Before recovery nobody knows which of them are spares; those
    /// scan as empty.
    package var segments: [SegmentInfo] {
        get throws(StorageError) {
            let (bases, active) = self.table.withLock { ($0.bases, $0.activeBase) }
            var infos: [SegmentInfo] = []
            for base in bases {
                let status = try Directory.status(of: self.paths.segment(base))
                infos.append(
                    SegmentInfo(
                        base: base, bytes: status.bytes,
                        modified: status.modified,
                        hasIndex: Directory.exists(self.paths.index(base)),
                        isSpare: active.map { $0 < base } ?? false))
            }
            return infos
        }
    }

    /// The positions at which segments start, oldest first.
    package var segmentBases: [PhysicalOffset] { self.table.withLock { $0.bases } }

    func listSegments() throws(StorageError) {
        var bases: [PhysicalOffset] = []
        for name in try Directory.names(in: self.paths.commitLog)
        where !name.hasSuffix(Directory.temporarySuffix) {
            let path = "\(self.paths.commitLog)/\(name)"
            guard let base = LogPaths.base(ofName: name), self.base(of: base) == base else {
                throw .foreignFile(path: path)
            }
            let expected = bases.last?.advanced(by: self.segmentBytes) ?? base
            guard base == expected else {
                throw .segmentGap(
                    directory: self.paths.commitLog, expected: expected, found: base)
            }
            let bytes = try OpenFile(path, .read).status().bytes
            guard bytes <= self.segmentBytes else {
                throw .segmentTooLong(path: path, bytes: bytes, bytesMax: self.segmentBytes)
            }
            bases.append(base)
        }
        guard !bases.isEmpty else {
            throw .damagedIdentity(
                path: self.paths.identity, reason: "the log's segments are missing")
        }
        let found = bases
        self.table.withLock { $0.bases = found }
    }

    /// Makes the file of the segment at `base`, which follows the last one.
    func createSegment(_ base: PhysicalOffset) throws(StorageError) -> OpenFile {
        let file: OpenFile
        do throws(StorageError) {
            file = try OpenFile(self.paths.segment(base), .create)
        } catch {
            throw error.orNoSpace(bytesNeeded: self.segmentBytes)
        }
        try Directory.flush(self.paths.commitLog)
        self.table.withLock { table in
            if table.bases.last != base { table.bases.append(base) }
        }
        return file
    }
}
