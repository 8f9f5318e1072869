import LogCore
package import MessageFormat

/// What an operator should hear about a recovery.
package enum RecoveryNote: Hashable, Sendable {
    case cutOffTornWrite(at: PhysicalOffset, LogBatchError)
    /// Messages that lay there cannot be served.
    case damage(from: PhysicalOffset, to: PhysicalOffset)
    case indexMissing(PhysicalOffset)
    case indexDamaged(PhysicalOffset, reason: String)
}

/// Brings an engine to where its stored log ends.
///
/// Sealed segments are known by their index files (a missing or damaged one is made anew from its
/// segment); the last segment that opens with a whole snapshot is replayed. What follows the last
/// good batch is cut off: a batch that was torn by a crash was never acknowledged.
package struct LogRecovery<Source: LogSource> {
    private let source: Source
    private let note: (RecoveryNote) -> Void

    package init(source: Source, note: @escaping (RecoveryNote) -> Void) {
        self.source = source
        self.note = note
    }

    package func run(_ engine: inout BrokerEngine, at now: Now) throws {
        let bases = self.source.segmentBases
        guard let active = try bases.last(where: self.opensWithSnapshot) else {
            // In a group a log may begin anywhere: where its master's did.
            guard let first = bases.first, first == .zero || engine.group != nil,
                try bases.allSatisfy(self.isEmpty)
            else {
                throw ReadFailure(
                    reason: "no segment under \(self.source.directory) opens with a sound "
                        + "snapshot; the log cannot be read")
            }
            try self.source.cut(to: first)
            return engine.recovered(to: first, activeSegment: nil, at: now)
        }
        for base in bases where base < active {
            let segment = try self.sealedSegment(base, &engine)
            engine.found(segment: base, youngest: segment.youngest)
            engine.sealed(base, youngest: segment.youngest, runs: segment.runs)
        }
        for base in bases where base > active {
            // A crash while a segment began leaves no batch in it. Batches without their snapshot are
            // damage, and cutting them off would lose messages in silence.
            guard try self.isEmpty(base) || engine.endsLog(atDamage: base) else {
                throw ReadFailure(
                    reason:
                        "the segment at \(base.bytes) holds batches, but its snapshot is damaged")
            }
        }
        let end = try self.replay(active, into: &engine)
        try self.source.cut(to: end)
        engine.recovered(to: end, activeSegment: active, at: now)
    }

    /// Reads the whole segment and writes its index file.
    package func madeAnew(
        _ base: PhysicalOffset, damage: (PhysicalOffset) -> Void = { _ in }
    ) throws -> SealedSegment {
        var contents = SegmentContents(base: base)
        var start: PhysicalOffset? = base
        while let from = start {
            let result = try self.source.scan(segment: base, from: from) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .message(let message, let at) = record { contents.add(message, at: at) }
                }
            }
            start = result.laterValidBatch
            if let later = start {
                self.note(.damage(from: result.end, to: later))
                damage(result.end)
            }
        }
        contents.sort()
        return try SealedSegment(sealing: contents, in: self.source)
    }

    private func sealedSegment(
        _ base: PhysicalOffset, _ engine: inout BrokerEngine
    ) throws -> SealedSegment {
        do {
            if let reader = try self.source.index(of: base) { return SealedSegment(reader) }
            self.note(.indexMissing(base))
        } catch {
            self.note(.indexDamaged(base, reason: "\(error)"))
        }
        return try self.madeAnew(base) { engine.foundDamage(at: $0) }
    }

    private func replay(
        _ base: PhysicalOffset, into engine: inout BrokerEngine
    ) throws -> PhysicalOffset {
        var result = try self.source.scan(segment: base, from: nil) { batch, header in
            try engine.replay(batch, header, segment: base)
        }
        while let later = result.laterValidBatch, !engine.endsLog(atDamage: result.end) {
            // Never passed over in silence: acknowledged messages may have lain there.
            self.note(.damage(from: result.end, to: later))
            engine.foundDamage(at: result.end)
            result = try self.source.scan(segment: base, from: later) { batch, header in
                try engine.replay(batch, header, segment: base)
            }
        }
        if let reason = result.stoppedBy, reason != .empty {
            self.note(.cutOffTornWrite(at: result.end, reason))
        }
        return result.end
    }

    private struct Found: Error {}

    /// Nothing that was acknowledged can be in it: no message, at most the beginning of a snapshot.
    private func isEmpty(_ base: PhysicalOffset) throws -> Bool {
        do {
            let result = try self.source.scan(segment: base, from: nil) { batch, header in
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
            _ = try self.source.scan(segment: base, from: nil) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .state(SnapshotEnd.kind, _, _) = record { throw Found() }
                }
            }
            return false
        } catch is Found {
            return true
        }
    }
}
