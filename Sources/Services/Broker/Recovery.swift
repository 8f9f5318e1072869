import BrokerEngine
import LogCore
import Logging
import MessageFormat
import Storage

/// Brings an engine to where the log on disk ends.
///
/// Sealed segments are known by their index files (a missing or damaged one is made anew from its
/// segment); the last segment that opens with a whole snapshot is replayed. What follows the last
/// good batch is cut off: a batch that was torn by a crash was never acknowledged.
struct Recovery {
    let store: LogStore
    let logger: Logger

    func run(_ engine: inout BrokerEngine) throws {
        let bases = self.store.segmentBases
        guard let active = try bases.last(where: self.opensWithSnapshot) else {
            guard let first = bases.first, first == .zero, try bases.allSatisfy(self.isEmpty) else {
                throw ReadFailure(
                    reason: "no segment under \(self.store.directory) opens with a sound snapshot; "
                        + "the log cannot be read")
            }
            try self.store.truncate(to: first)
            return engine.recovered(to: first, activeSegment: nil, at: Clock.now())
        }
        for base in bases where base < active {
            let segment = try self.sealedSegment(base)
            engine.found(segment: base, youngest: segment.youngest)
            engine.sealed(base, youngest: segment.youngest, runs: segment.runs)
        }
        for base in bases where base > active {
            // A crash while a segment began leaves no batch in it. Batches without their snapshot are
            // damage, and cutting them off would lose messages in silence.
            guard try self.isEmpty(base) else {
                throw ReadFailure(
                    reason:
                        "the segment at \(base.bytes) holds batches, but its snapshot is damaged")
            }
        }
        let end = try self.replay(active, into: &engine)
        try self.store.truncate(to: end)
        engine.recovered(to: end, activeSegment: active, at: Clock.now())
    }

    private struct Found: Error {}

    /// Nothing that was acknowledged can be in it: no message, at most the beginning of a snapshot.
    private func isEmpty(_ base: PhysicalOffset) throws -> Bool {
        do {
            let result = try self.store.scan(segment: base) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .message = record { throw Found() }
                }
            }
            return result.isCleanOrTorn
        } catch is Found {
            return false
        }
    }

    private func opensWithSnapshot(_ base: PhysicalOffset) throws -> Bool {
        do {
            _ = try self.store.scan(segment: base) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .state(BrokerEngine.snapshotEndKind, _, _) = record { throw Found() }
                }
            }
            return false
        } catch is Found {
            return true
        }
    }

    private func replay(
        _ base: PhysicalOffset, into engine: inout BrokerEngine
    ) throws -> PhysicalOffset {
        var result = try self.store.scan(segment: base) { batch, header in
            try engine.replay(batch, header, segment: base)
        }
        while let later = result.laterValidBatch {
            self.reportDamage(from: result.end, to: later)
            result = try self.store.scan(segment: base, from: later) { batch, header in
                try engine.replay(batch, header, segment: base)
            }
        }
        if let reason = result.stoppedBy, reason != .empty {
            self.logger.notice("cut off a torn write at \(result.end.bytes): \(reason)")
        }
        return result.end
    }

    /// Damage is never passed over in silence: acknowledged messages may have lain there.
    private func reportDamage(from start: PhysicalOffset, to end: PhysicalOffset) {
        self.logger.error(
            """
            the log is damaged from \(start.bytes) to \(end.bytes): messages that were there \
            cannot be served
            """)
    }

    private func sealedSegment(_ base: PhysicalOffset) throws -> SealedSegment {
        do {
            if let reader = try self.store.openIndex(base) { return SealedSegment(reader) }
            self.logger.notice("the segment at \(base.bytes) has no index file, making one")
        } catch {
            self.logger.warning("making the index file of \(base.bytes) anew: \(error)")
        }
        return try self.madeAnew(base)
    }

    /// Reads the whole segment and writes its index file.
    func madeAnew(_ base: PhysicalOffset) throws -> SealedSegment {
        var contents = SegmentContents(base: base)
        var start: PhysicalOffset? = base
        while let from = start {
            let result = try self.store.scan(segment: base, from: from) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .message(let message, let at) = record { contents.add(message, at: at) }
                }
            }
            start = result.laterValidBatch
            if let later = start { self.reportDamage(from: result.end, to: later) }
        }
        contents.sort()
        return try SealedSegment(sealing: contents, in: self.store)
    }
}
