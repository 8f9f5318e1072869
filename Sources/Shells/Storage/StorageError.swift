import Glibc
package import MessageFormat

/// Why the disk, or what lies on it, did not do what was asked.
package enum StorageError: Error, Hashable, Sendable {
    /// A system call failed.
    case system(operation: String, path: String, errno: Int32)
    /// The disk or a quota is full. Nothing was written; worth another try when space returns.
    case noSpace(path: String, bytesNeeded: Int)
    /// Another process has the directory open.
    case locked(path: String)
    case damagedIdentity(path: String, reason: String)
    /// A file that is no segment lies among the segments.
    case foreignFile(path: String)
    case segmentGap(directory: String, expected: PhysicalOffset, found: PhysicalOffset)
    case segmentTooLong(path: String, bytes: Int, bytesMax: Int)
    case wrongSegmentSize(bytes: Int)
    case noSuchSegment(base: PhysicalOffset)
    /// Only the oldest segment may be deleted, and never the one that is being written.
    case segmentInUse(base: PhysicalOffset)
    /// A range that leaves its segment, or has no bytes.
    case outOfSegment(position: PhysicalOffset, count: Int, segmentBytes: Int)
    case shortRead(path: String, position: PhysicalOffset, bytes: Int, needed: Int)
    /// An order that neither continues the log nor starts the next segment.
    case misplacedOrder(position: PhysicalOffset, expected: PhysicalOffset)
    /// Writing starts only after `LogStore.truncate(to:)` said where the log ends.
    case notRecovered(directory: String)
    /// The log has a writer already.
    case alreadyWriting(directory: String)
    case damagedIndex(path: String, SegmentIndexError)
    /// What lies at a position where a batch must be.
    case damagedBatch(position: PhysicalOffset, LogBatchError)

    /// Whether the same call may succeed later. Everything else about a write is final.
    package var isNoSpace: Bool {
        if case .noSpace = self { true } else { false }
    }

    /// The error of the system call that has just failed.
    static func last(_ operation: String, _ path: String) -> Self {
        .system(operation: operation, path: path, errno: Glibc.errno)
    }

    /// The same error, told apart from others when it is that space is missing.
    func orNoSpace(bytesNeeded: Int) -> Self {
        guard case .system(_, let path, let errno) = self, errno == ENOSPC || errno == EDQUOT
        else { return self }
        return .noSpace(path: path, bytesNeeded: bytesNeeded)
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .system(let operation, let path, let errno):
            "\(operation) \(path) failed: \(String(cString: strerror(errno))) (errno \(errno))"
        case .noSpace(let path, let bytes):
            "no space for \(bytes) bytes in \(path)"
        case .locked(let path):
            "\(path) is locked by another process: one broker per directory"
        case .damagedIdentity(let path, let reason):
            "log identity \(path): \(reason)"
        case .foreignFile(let path):
            "\(path) is not a segment: segments are named by their position in 20 digits, "
                + "a multiple of the segment size"
        case .segmentGap(let directory, let expected, let found):
            "segments in \(directory) have a gap: expected \(expected.bytes), "
                + "found \(found.bytes)"
        case .segmentTooLong(let path, let bytes, let bytesMax):
            "segment \(path) has \(bytes) bytes, more than the log's \(bytesMax)"
        case .wrongSegmentSize(let bytes):
            "a segment size is a multiple of 4096 from 4096 up, got \(bytes)"
        case .noSuchSegment(let base):
            "there is no segment at \(base.bytes)"
        case .segmentInUse(let base):
            "segment \(base.bytes) is not the oldest one or is being written"
        case .outOfSegment(let position, let count, let segmentBytes):
            "\(count) bytes at \(position.bytes) do not lie in one segment of \(segmentBytes)"
        case .shortRead(let path, let position, let bytes, let needed):
            "\(path) ends too early: \(bytes) of \(needed) bytes at \(position.bytes)"
        case .misplacedOrder(let position, let expected):
            "the log goes on at \(expected.bytes), got a batch for \(position.bytes)"
        case .notRecovered(let directory):
            "the log in \(directory) was not recovered before writing"
        case .alreadyWriting(let directory):
            "the log in \(directory) has a writer already"
        case .damagedIndex(let path, let error):
            "index \(path): \(error)"
        case .damagedBatch(let position, let error):
            "no sound batch at \(position.bytes): \(error)"
        }
    }
}
