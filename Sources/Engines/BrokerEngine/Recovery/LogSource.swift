package import MessageFormat

/// The stored segments of one log, as recovery needs them.
///
/// A service gives it files, the simulator the bytes of a virtual disk; what is decided about them
/// is the same code.
package protocol LogSource {
    /// Where the log lies, for messages to operators.
    var directory: String { get }
    var logID: UInt64 { get }
    var segmentBytes: Int { get }
    /// First positions of the segments that exist, in order.
    var segmentBases: [PhysicalOffset] { get }

    /// Hands each good batch from `start` on to `visit`, until there is no batch.
    func scan(
        segment base: PhysicalOffset, from start: PhysicalOffset?,
        visit: (UnsafeRawBufferPointer, LogBatchHeader) throws -> Void
    ) throws -> ScanResult

    /// The index file of a segment; nil when there is none. Throws when it is damaged.
    func index(of base: PhysicalOffset) throws -> SegmentIndexReader?
    func putIndex(_ base: PhysicalOffset, image: [UInt8]) throws

    /// Makes `end` the durable end of the log: nothing lies behind it any more.
    func cut(to end: PhysicalOffset) throws
}
