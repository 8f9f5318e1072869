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
    private let durableAtLeast: PhysicalOffset
    private let note: (RecoveryNote) -> Void

    /// - Parameter durableAtLeast: for a broker that is alone, an end that the log is known to have
    ///   had on disk: a log that ends before it has lost something, and is left as it is.
    package init(
        source: Source, durableAtLeast: PhysicalOffset = .zero,
        note: @escaping (RecoveryNote) -> Void
    ) {
        self.source = source
        self.durableAtLeast = durableAtLeast
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
            try self.cut(to: first)
            return engine.recovered(to: first, activeSegment: nil, at: now)
        }
        for base in bases where base < active {
            let segment = try self.sealedSegment(base)
            engine.found(segment)
            engine.indexed(segment, at: now)
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
        try self.cut(to: end)
        engine.recovered(to: end, activeSegment: active, at: now)
    }

    private func cut(to end: PhysicalOffset) throws {
        guard end >= self.durableAtLeast else {
            throw ReadFailure(
                reason: "the log under \(self.source.directory) is sound up to \(end.bytes) only, "
                    + "and was on disk up to \(self.durableAtLeast.bytes): its end is damaged or "
                    + "missing. Restore a copy; or delete the file confirmed there to go on without "
                    + "what is lost")
        }
        try self.source.cut(to: end)
    }

    private func sealedSegment(_ base: PhysicalOffset) throws -> SealedSegment {
        var end: PhysicalOffset?
        do {
            if let reader = try self.source.index(of: base) {
                let segment = SealedSegment(reader, in: self.source)
                guard reader.header.isPartial else { return segment }
                end = segment.end
            } else {
                self.note(.indexMissing(base))
            }
        } catch {
            self.note(.indexDamaged(base, reason: "\(error)"))
        }
        return try self.madeAnew(base, endingAt: end)
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
        try self.openingQueues(of: base) != nil
    }

    /// Where each queue stood when the segment began; nil when its opening snapshot is not whole.
    private func openingQueues(of base: PhysicalOffset) throws -> [QueueKey: QueueOffset]? {
        var queues = QueueTable()
        do {
            _ = try self.source.scan(segment: base, from: nil) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    guard case .state(let kind, let payload, _) = record else { return }
                    if kind == SnapshotEnd.kind { throw Found() }
                    if kind == QueueSnapshot.recordKind {
                        try QueueSnapshot.apply(payload, to: &queues)
                    }
                }
            }
            return nil
        } catch is Found {
            return Dictionary(uniqueKeysWithValues: queues.all.map { ($0.key, $0.assignedEnd) })
        }
    }
}

// Index files that are made from their segments.
extension LogRecovery {
    /// Reads the whole segment and writes its index file. What cannot be read is missing in it, and
    /// the file says so: the next start looks again. `known` is where the segment's last batch
    /// ended, if anybody knows it.
    package func madeAnew(
        _ base: PhysicalOffset, endingAt known: PhysicalOffset? = nil
    ) throws -> SealedSegment {
        var contents = SegmentContents(base: base)
        var damage: PhysicalOffset?
        var start: PhysicalOffset? = base
        var end = base
        while let from = start {
            let result = try self.source.scan(segment: base, from: from) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .message(let message, let at) = record { contents.add(message, at: at) }
                }
            }
            (start, end) = (result.laterValidBatch, result.end)
            // A segment was whole before the log left it, so a torn end is damage, too.
            guard let reason = result.stoppedBy, reason != .empty || start != nil else { break }
            self.note(.damage(from: end, to: start ?? self.end(of: base)))
            damage = damage ?? end
        }
        contents.sort()
        let edges = self.edges(of: contents)
        let isShort = known.map { end < $0 } ?? contents.isShort(from: edges.begins, to: edges.ends)
        if damage == nil, isShort {
            self.note(.damage(from: end, to: known ?? self.end(of: base)))
            damage = end
        }
        contents.end = damage == nil ? end : known
        return try SealedSegment(
            sealing: contents, in: self.source,
            losing: damage.map { SegmentLoss(start: $0, begins: edges.begins) })
    }

    private func end(of base: PhysicalOffset) -> PhysicalOffset {
        base.advanced(by: self.source.segmentBytes)
    }

    /// Where queues stood when the segment began, and when the log left it, as far as snapshots
    /// that are whole still say.
    private func edges(
        of contents: SegmentContents
    ) -> (begins: [QueueKey: QueueOffset], ends: [QueueKey: QueueOffset]) {
        let base = contents.base
        let ends = (try? self.openingQueues(of: self.end(of: base))) ?? [:]
        let known = base == .zero ? [:] : try? self.openingQueues(of: base)
        guard var begins = known else { return ([:], ends) }
        // The others began in this segment.
        for key in contents.runs.map(\.key) + ends.keys where begins[key] == nil {
            begins[key] = .zero
        }
        return (begins, ends)
    }
}

extension SegmentContents {
    /// Whether the last messages of a queue are missing. A write that went elsewhere leaves nothing
    /// that could be seen in its place.
    fileprivate func isShort(
        from begins: [QueueKey: QueueOffset], to ends: [QueueKey: QueueOffset]
    ) -> Bool {
        var found = begins
        for run in self.runs { found[run.key] = max(found[run.key] ?? .zero, run.end) }
        return ends.contains { key, end in found[key].map { $0 < end } ?? false }
    }
}
