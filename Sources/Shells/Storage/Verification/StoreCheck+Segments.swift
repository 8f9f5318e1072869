import Logging
import MessageFormat
import Synchronization

// The segments of the log, batch by batch.
extension StoreCheck {
    mutating func checkLog(_ identity: LogIdentity) {
        guard let bases = self.segments(identity) else { return }
        let store = LogStore(toRead: self.paths, identity, segments: bases)
        guard let active = bases.last(where: { self.opensWithSnapshot($0, in: store) }) else {
            return self.checkLogWithoutSnapshot(store)
        }
        self.ledger.knowsBeginnings = bases[0] == .zero
        self.report.log?.start = bases[0]
        self.report.log?.end = active
        for base in bases {
            if base > active {
                self.checkLater(base, in: store)
            } else {
                self.check(base, isSealed: base < active, in: store)
            }
        }
        self.checkIndexes(of: store, active: active)
        self.report.log?.queues = self.ledger.facts
    }

    /// The segments that are there, in order; nil when they cannot be looked at.
    private mutating func segments(_ identity: LogIdentity) -> [PhysicalOffset]? {
        let names: [String]
        do throws(StorageError) {
            names = try Directory.names(in: self.paths.commitLog)
        } catch {
            self.report.found(StoreDamage("commitlog", "\(error)", means: Self.allGone))
            return nil
        }
        var bases: [PhysicalOffset] = []
        for name in names {
            if name.hasSuffix(Directory.temporarySuffix) {
                self.report.note("commitlog/\(name): left by a crash; it means nothing")
            } else if let base = LogPaths.base(ofName: name),
                base.bytes % Int64(identity.segmentBytes) == 0
            {
                bases.append(base)
            } else {
                self.report.found(
                    StoreDamage(
                        "commitlog/\(name)", "not a segment",
                        means: "the broker does not start; move the file away"))
            }
        }
        for (base, next) in zip(bases, bases.dropFirst()) {
            var missing = base.advanced(by: identity.segmentBytes)
            while missing < next {
                self.report.found(StoreDamage(Self.name(missing), Self.missing, means: Self.gap))
                missing = missing.advanced(by: identity.segmentBytes)
            }
        }
        if bases.isEmpty {
            self.report.found(StoreDamage("commitlog", "no segment", means: Self.allGone))
            return nil
        }
        return bases
    }

    static func name(_ base: PhysicalOffset) -> String { "commitlog/\(LogPaths.digits(base))" }

    static var missing: String { "the file is missing" }
    static var gap: String {
        "the messages in it are gone, and the broker does not start; restore the file, or in a "
            + "group empty the directory and let the broker fetch everything"
    }
    private static var allGone: String {
        "the messages are gone, and the broker does not start; restore a copy, or in a group "
            + "empty the directory"
    }

    private struct Found: Error {}

    private func opensWithSnapshot(_ base: PhysicalOffset, in store: LogStore) -> Bool {
        do {
            _ = try store.scan(segment: base) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    guard case .state(let kind, _, _) = record else { return }
                    if kind == self.rules.snapshotEnd { throw Found() }
                }
            }
            return false
        } catch {
            return error is Found
        }
    }

    /// No segment can be begun with: a new log, or one that no broker can read.
    private mutating func checkLogWithoutSnapshot(_ store: LogStore) {
        let bases = store.segmentBases
        self.report.log?.start = bases[0]
        self.report.log?.end = bases[0]
        for base in bases { self.checkLater(base, in: store) }
    }

    /// A segment that the log has not reached: a spare, or the beginning of one that a crash cut off.
    private mutating func checkLater(_ base: PhysicalOffset, in store: LogStore) {
        var segment = LogFacts.Segment(base: base, state: .spare, end: base)
        defer { self.report.log?.segments.append(segment) }
        do {
            guard try !self.isZero(base, from: base, in: store) else { return }
            var messages = 0
            let result = try store.scan(segment: base) { batch, header in
                try LogRecord.forEach(in: batch, of: header) { record in
                    if case .message = record { messages += 1 }
                }
            }
            segment.end = result.end
            if messages == 0, result.isCleanOrTorn {
                self.report.log?.tail = .torn(
                    at: base, "a segment whose opening snapshot was cut off")
                return
            }
        } catch {
            return self.cannotRead(base, error)
        }
        self.report.found(
            StoreDamage(
                Self.name(base), at: 0, "the opening snapshot is damaged, and batches follow it",
                means: "alone, the broker does not start; in a group it cuts off what is not known "
                    + "to be confirmed, and fetches it from its master"))
    }

    /// Reads every batch from `base` on, over whatever is damaged between them.
    private mutating func check(_ base: PhysicalOffset, isSealed: Bool, in store: LogStore) {
        var walk = SegmentWalk(base: base, isSealed: isSealed)
        walk.index = self.openIndex(base, isSealed: isSealed, in: store)
        walk.knownEnd = walk.index?.header.knownEnd(segmentBytes: store.segmentBytes)
        do {
            var from: PhysicalOffset? = base
            while let start = from {
                let result = try store.scan(segment: base, from: start) { batch, header in
                    try self.take(batch, header, &walk, in: store)
                }
                walk.facts.end = result.end
                from = result.laterValidBatch
                try self.stopped(result, &walk, in: store)
            }
        } catch {
            walk.isDamaged = true
            self.cannotRead(base, error)
        }
        self.report.log?.end = walk.facts.end
        self.report.log?.segments.append(walk.facts)
        self.checkEntries(walk)
    }

    private mutating func cannotRead(_ base: PhysicalOffset, _ error: any Error) {
        self.report.found(
            StoreDamage(
                Self.name(base), "\(error)",
                means: "nothing behind it in this segment was looked at"))
    }

    /// A sound batch.
    private mutating func take(
        _ batch: UnsafeRawBufferPointer, _ header: LogBatchHeader, _ walk: inout SegmentWalk,
        in store: LogStore
    ) throws {
        let offset = Int64(header.position.distance(from: walk.facts.base))
        walk.facts.batches += 1
        if let last = self.report.log?.epochs.last, header.epoch < last.epoch {
            self.report.found(
                StoreDamage(
                    Self.name(walk.facts.base), at: offset,
                    "epoch \(header.epoch.value) behind epoch \(last.epoch.value)",
                    means: "two masters wrote this log: which messages count is open"))
        } else if self.report.log?.epochs.last?.epoch != header.epoch {
            self.report.log?.epochs.append(EpochStart(epoch: header.epoch, start: header.position))
        }
        try LogRecord.forEach(in: batch, of: header) { record in
            switch record {
            case .message(let message, let position):
                self.take(message, at: position, &walk)
            case .state(let kind, let payload, let position):
                for (key, end) in try self.rules.queueEnds(kind, payload) {
                    self.tell(self.ledger.reached(key, end), at: position, in: walk.facts.base)
                }
                // From the end of a whole snapshot on every queue is known.
                if kind == self.rules.snapshotEnd { self.ledger.knowsBeginnings = true }
            }
        }
        try self.checkPadding(header, in: store, walk)
    }

    private mutating func take(
        _ message: StoredMessageView, at position: PhysicalOffset, _ walk: inout SegmentWalk
    ) {
        let key = QueueKey(topic: message.topic, queueID: message.queueID)
        walk.facts.messages += 1
        walk.found(message, of: key, at: position)
        self.acknowledged.found(message, of: key)
        self.tell(self.ledger.found(key, message.queueOffset), at: position, in: walk.facts.base)
        if message.physicalOffset != position {
            self.report.found(
                StoreDamage(
                    Self.name(walk.facts.base),
                    at: Int64(position.distance(from: walk.facts.base)),
                    "a message that says that it lies at \(message.physicalOffset.bytes)",
                    means: "whoever asks for it by its id does not find it"))
        }
    }

    private mutating func tell(
        _ irregularity: QueueLedger.Irregularity?, at position: PhysicalOffset,
        in base: PhysicalOffset
    ) {
        guard let irregularity else { return }
        let (what, means) =
            switch irregularity {
            case .missing(let key, let offsets):
                (
                    "\(offsets.count) messages of \(key.topic)/\(key.queueID) are missing before "
                        + "this place, offsets \(offsets.lowerBound) to \(offsets.upperBound - 1)",
                    "these messages are gone from this copy"
                )
            case .repeated(let key, let offset):
                (
                    "offset \(offset.value) of \(key.topic)/\(key.queueID) a second time",
                    "which of the messages counts is open"
                )
            }
        self.report.found(
            StoreDamage(
                Self.name(base), at: Int64(position.distance(from: base)), what, means: means))
    }

    /// No checksum covers the zeroes between two batches.
    private mutating func checkPadding(
        _ header: LogBatchHeader, in store: LogStore, _ walk: SegmentWalk
    ) throws {
        let count = header.paddedLength - header.length
        let start = header.position.advanced(by: header.length)
        let room = walk.facts.base.advanced(by: store.segmentBytes).distance(from: start)
        guard count > 0, room > 0 else { return }
        var isZero = true
        try withUnsafeTemporaryAllocation(byteCount: LogBatchHeader.alignment, alignment: 1) {
            let found = try store.openSegments.file(walk.facts.base).read(
                into: UnsafeMutableRawBufferPointer(rebasing: $0[..<min(count, room)]),
                at: start.distance(from: walk.facts.base))
            isZero = UnsafeRawBufferPointer(rebasing: $0[..<found]).isZero
        }
        guard !isZero else { return }
        self.report.found(
            StoreDamage(
                Self.name(walk.facts.base), at: Int64(start.distance(from: walk.facts.base)),
                "bytes between two batches are not zero", means: Self.harmless))
    }

    private static var harmless: String { "no message lies there: nothing is lost" }

    /// There is no sound batch where the last one ended.
    private mutating func stopped(
        _ result: ScanResult, _ walk: inout SegmentWalk, in store: LogStore
    ) throws {
        let base = walk.facts.base
        let offset = Int64(result.end.distance(from: base))
        if let later = result.laterValidBatch {
            walk.isDamaged = true
            return self.report.found(
                StoreDamage(
                    Self.name(base), at: offset,
                    "no sound batch for \(later.distance(from: result.end)) bytes "
                        + "(\(result.reason))", means: Self.unreadable))
        }
        let isZero = try self.isZero(base, from: result.end, in: store)
        guard walk.facts.state == .sealed else {
            if !isZero { self.report.log?.tail = .torn(at: result.end, result.reason) }
            return
        }
        guard let end = walk.knownEnd else {
            if isZero { return }
            walk.isDamaged = true
            return self.report.found(
                StoreDamage(
                    Self.name(base), at: offset, "no sound batch (\(result.reason))",
                    means: Self.unreadable))
        }
        if result.end < end {
            walk.isDamaged = true
            self.report.found(
                StoreDamage(
                    Self.name(base), at: offset,
                    "no sound batch for \(end.distance(from: result.end)) bytes "
                        + "(\(result.reason))", means: Self.unreadable))
        } else if !isZero {
            self.report.found(
                StoreDamage(
                    Self.name(base), at: offset, "bytes behind the last batch are not zero",
                    means: Self.harmless))
        }
    }

    private static var unreadable: String {
        "messages that lie there cannot be served from this copy; in a group they are fetched "
            + "from another one"
    }

    private func isZero(
        _ base: PhysicalOffset, from start: PhysicalOffset, in store: LogStore
    ) throws -> Bool {
        var window = try SegmentWindow(
            file: try store.openSegments.file(base), base: base, segmentBytes: store.segmentBytes)
        return try window.isZero(from: start.distance(from: base))
    }
}

extension ScanResult {
    fileprivate var reason: String { self.stoppedBy.map { "\($0)" } ?? "the segment is full" }
}

/// One segment while it is read.
struct SegmentWalk {
    var facts: LogFacts.Segment
    var index: SegmentIndexReader?
    /// Behind the segment's last batch, if the index file says so.
    var knownEnd: PhysicalOffset?
    /// What the index file must hold: its entries of the messages that were found, in any order.
    private(set) var entries = EntrySum()
    /// Not all of the segment could be read.
    var isDamaged = false

    init(base: PhysicalOffset, isSealed: Bool) {
        self.facts = LogFacts.Segment(base: base, state: isSealed ? .sealed : .active, end: base)
    }

    mutating func found(
        _ message: StoredMessageView, of key: QueueKey, at position: PhysicalOffset
    ) {
        // The index file of a segment names no messages of topics that were deleted meanwhile.
        guard let index = self.index else { return }
        for place in index.places(of: key) {
            guard let ordinal = place.ordinal(of: message.queueOffset) else { continue }
            self.entries.add(
                ordinal, position, UInt32(message.size), Checksum.crc32c(message.encoded))
        }
    }
}

/// A sum over index entries in which the order plays no part.
struct EntrySum: Hashable, Sendable {
    private var count = 0
    private var sum = UInt64(0)

    mutating func add(
        _ ordinal: Int, _ position: PhysicalOffset, _ size: UInt32, _ checksum: UInt32
    ) {
        self.count += 1
        self.sum &+= [
            UInt64(ordinal), UInt64(bitPattern: position.bytes), UInt64(size),
            UInt64(checksum),
        ].reduce(0x9E37_79B9_7F4A_7C15, Self.mix)
    }

    private static func mix(_ seed: UInt64, _ value: UInt64) -> UInt64 {
        var mixed = (seed ^ value) &* 0xBF58_476D_1CE4_E5B9
        mixed ^= mixed >> 27
        mixed = mixed &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
