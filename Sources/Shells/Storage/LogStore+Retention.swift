import Glibc
package import MessageFormat
import Synchronization

/// How full the file system under the log is.
package struct DiskUsage: Hashable, Sendable {
    package let bytesTotal: Int64
    /// What this process may still use.
    package let bytesFree: Int64

    /// Share in use, from 0 to 1, as `df` reckons it.
    package let usedRatio: Double
}

extension LogStore {
    /// Nil from a file system that does not tell its size.
    package func diskUsage() throws(StorageError) -> DiskUsage? {
        var status = statvfs()
        guard statvfs(self.paths.commitLog, &status) == 0 else {
            throw .last("statvfs", self.paths.commitLog)
        }
        guard status.f_blocks > 0 else { return nil }
        let unit = Int64(status.f_frsize)
        let used = Int64(status.f_blocks) - Int64(status.f_bfree)
        let usable = used + Int64(status.f_bavail)
        return DiskUsage(
            bytesTotal: Int64(status.f_blocks) * unit, bytesFree: Int64(status.f_bavail) * unit,
            usedRatio: usable > 0 ? Double(used) / Double(usable) : 1)
    }

    /// Deletes the oldest segment with its index file. Reads that are under way end well.
    ///
    /// The index file goes first: a crash in between costs one more reading of the segment, and an
    /// index file without a segment is always the trace of a loss.
    package func deleteSegment(_ base: PhysicalOffset) throws(StorageError) {
        try self.table.withLock { (table) throws(StorageError) in
            guard table.bases.contains(base) else { throw .noSuchSegment(base: base) }
            guard table.bases.first == base, let active = table.activeBase, base < active else {
                throw .segmentInUse(base: base)
            }
        }
        try self.deleteIndexes([base])
        try Directory.delete(self.paths.segment(base))
        try Directory.flush(self.paths.commitLog)
        self.table.withLock { $0.bases.removeAll { $0 == base } }
        self.openSegments.remove(base)
    }
}
