import BrokerEngine
import Logging
package import MessageFormat
package import Storage

extension LogStore: LogSource {
    package func index(of base: PhysicalOffset) throws -> SegmentIndexReader? {
        try self.openIndex(base)
    }

    package func putIndex(_ base: PhysicalOffset, image: [UInt8]) throws {
        try self.writeIndex(base, image: image)
    }

    package func cut(to end: PhysicalOffset) throws { try self.truncate(to: end) }
}

/// Recovery from the files of a store, told to the log.
struct Recovery {
    let store: LogStore
    /// What the log is known to have had on disk, when nobody else has it.
    var durableAtLeast = PhysicalOffset.zero
    let logger: Logger

    func run(_ engine: inout BrokerEngine) throws {
        try self.recovery.run(&engine, at: Clock.now())
    }

    /// Reads the whole segment and writes its index file.
    func madeAnew(
        _ base: PhysicalOffset, endingAt end: PhysicalOffset?
    ) throws -> SealedSegment {
        try self.recovery.madeAnew(base, endingAt: end)
    }

    private var recovery: LogRecovery<LogStore> {
        let logger = self.logger
        return LogRecovery(source: self.store, durableAtLeast: self.durableAtLeast) {
            Self.tell($0, to: logger)
        }
    }

    private static func tell(_ note: RecoveryNote, to logger: Logger) {
        switch note {
        case .cutOffTornWrite(let position, let reason):
            logger.notice("cut off a torn write at \(position.bytes): \(reason)")
        case .damage(let start, let end):
            logger.error(
                """
                the log is damaged from \(start.bytes) to \(end.bytes): messages that were there \
                cannot be served
                """)
        case .indexMissing(let base):
            logger.notice("the segment at \(base.bytes) has no index file, making one")
        case .indexDamaged(let base, let reason):
            logger.warning("making the index file of \(base.bytes) anew: \(reason)")
        }
    }
}
