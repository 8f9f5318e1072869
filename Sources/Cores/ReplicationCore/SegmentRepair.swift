package import MessageFormat

/// Full segments whose bytes are not what was written, and how they get sound again.
///
/// Suspected (somebody read bytes that did not pass their check, or the scrub did) → examined: the
/// damaged ranges are known, or nothing is wrong → as a replica: each range is fetched from the
/// master piece by piece, and written into a new copy of the segment → the copy takes the segment's
/// place. A master cannot fetch: it gives way, if somebody who may have sound bytes can take over.
///
/// One segment at a time, one piece in memory.
package struct SegmentRepair: Sendable {
    package enum Step: Hashable, Sendable {
        /// Ask the master for whole batches of this range, from its beginning on.
        case fetch(Range<PhysicalOffset>)
        /// Write them into the copy of the segment at `base`.
        case write([UInt8], at: PhysicalOffset, base: PhysicalOffset, isFirst: Bool)
        /// The copy has all of these ranges: put the rest in, check it, and put it in place.
        case finish(base: PhysicalOffset, mended: [Range<PhysicalOffset>], isFirst: Bool)
    }

    /// What a master said about a range: batches from its beginning on, and where they end.
    package struct Piece: Hashable, Sendable {
        package var position: PhysicalOffset
        /// Behind the batches; the segment's end when nothing more lies in it; `position` when the
        /// master cannot read it either.
        package var next: PhysicalOffset
        package var bytes: [UInt8]

        package init(position: PhysicalOffset, next: PhysicalOffset, bytes: [UInt8]) {
            self.position = position
            self.next = next
            self.bytes = bytes
        }
    }

    private struct Suspicion {
        /// nil: not examined yet.
        var ranges: [Range<PhysicalOffset>]?
        /// Masters that could not read it either.
        var refusedBy: Set<Int64> = []
        var notBefore = Tick.zero
    }

    private struct Job {
        enum Stage: Hashable {
            case fetching(since: Tick), writing(next: PhysicalOffset), finishing
        }

        let base: PhysicalOffset
        let ranges: [Range<PhysicalOffset>]
        var range = 0
        var position: PhysicalOffset
        var hasWritten = false
        var stage: Stage
    }

    private var suspicions: [PhysicalOffset: Suspicion] = [:]
    private var examining: PhysicalOffset?
    private var job: Job?

    /// A segment that cannot be repaired now is tried again after this.
    private static let pause = Duration.seconds(5)
    /// The same when the master cannot read it either.
    private static let refusedPause = Duration.seconds(60)
    private static let answerTimeMax = Duration.seconds(10)

    package init() {}

    /// Segments that are known to be damaged, oldest first.
    package var damaged: [PhysicalOffset] {
        self.suspicions.filter { $0.value.ranges != nil }.keys.sorted()
    }

    package func ranges(of base: PhysicalOffset) -> [Range<PhysicalOffset>] {
        self.suspicions[base]?.ranges ?? []
    }

    /// Bytes of this segment did not pass their check. Returns whether that is news.
    @discardableResult
    package mutating func suspect(_ base: PhysicalOffset) -> Bool {
        guard self.suspicions[base] == nil else { return false }
        self.suspicions[base] = Suspicion()
        return true
    }

    /// The segment to read through next.
    package mutating func nextToExamine(at now: Tick) -> PhysicalOffset? {
        guard self.examining == nil else { return nil }
        let due = self.suspicions.filter { $0.value.ranges == nil && $0.value.notBefore <= now }
        self.examining = due.keys.min()
        return self.examining
    }

    /// Returns whether damage was found that was not known.
    @discardableResult
    package mutating func examined(
        _ base: PhysicalOffset, _ ranges: [Range<PhysicalOffset>]
    ) -> Bool {
        if self.examining == base { self.examining = nil }
        guard !ranges.isEmpty else {
            if self.job?.base != base { self.suspicions[base] = nil }
            return false
        }
        guard self.suspicions[base]?.ranges == nil else { return false }
        self.suspicions[base, default: Suspicion()].ranges = ranges
        return true
    }

    /// A damaged segment of which one of these brokers may have sound bytes.
    package func worthLeaving(to members: [Int64]) -> PhysicalOffset? {
        self.damaged.first { base in
            members.contains { self.suspicions[base]?.refusedBy.contains($0) == false }
        }
    }

    // MARK: A replica

    /// Begins the next repair; `isReady` says which segments are full, and confirmed to their ends.
    package mutating func begin(at now: Tick, isReady: (PhysicalOffset) -> Bool) -> Step? {
        if let job = self.job {
            if case .fetching(let since) = job.stage, now - since > Self.answerTimeMax {
                self.giveUp(at: now)
            }
            return nil
        }
        let due = self.damaged.first { base in
            isReady(base) && self.suspicions[base].map { $0.notBefore <= now } ?? false
        }
        guard let base = due, let ranges = self.suspicions[base]?.ranges, let first = ranges.first
        else { return nil }
        self.job = Job(
            base: base, ranges: ranges, position: first.lowerBound, stage: .fetching(since: now))
        return .fetch(first)
    }

    /// The master has answered. Nothing of a piece that fails its check is written.
    ///
    /// - Parameter epoch: of the batch at a position, as this broker's history knows it.
    package mutating func fetched(
        _ piece: Piece, from master: Int64, logID: UInt64, segmentBytes: Int, at now: Tick,
        epoch: (PhysicalOffset) -> Epoch?
    ) -> Step? {
        guard let job = self.job, case .fetching = job.stage, piece.position == job.position
        else { return nil }
        let end = job.ranges[job.range].upperBound
        let isLast =
            piece.bytes.isEmpty && piece.next == end
            && piece.next == job.base.advanced(by: segmentBytes)
        if isLast { return self.goOn(from: end, at: now) }
        guard
            Self.isSound(
                piece, upTo: end, logID: logID, epoch: epoch)
        else {
            self.suspicions[job.base]?.refusedBy.insert(master)
            self.suspicions[job.base]?.notBefore = now + Self.refusedPause
            self.job = nil
            return nil
        }
        self.job?.stage = .writing(next: piece.next)
        self.job?.hasWritten = true
        return .write(piece.bytes, at: piece.position, base: job.base, isFirst: !job.hasWritten)
    }

    /// Whether these are whole batches of this log, each where and of the epoch that it must be.
    private static func isSound(
        _ piece: Piece, upTo end: PhysicalOffset, logID: UInt64, epoch: (PhysicalOffset) -> Epoch?
    ) -> Bool {
        guard !piece.bytes.isEmpty, piece.next <= end,
            piece.next == piece.position.advanced(by: piece.bytes.count)
        else { return false }
        return piece.bytes.withUnsafeBytes { bytes in
            var at = 0
            while at < bytes.count {
                let position = piece.position.advanced(by: at)
                let rest = UnsafeRawBufferPointer(rebasing: bytes[at...])
                guard
                    let header = try? LogBatchHeader(checking: rest, at: position, logID: logID),
                    header.epoch == epoch(position), header.paddedLength <= rest.count,
                    rest[header.length..<header.paddedLength].allSatisfy({ $0 == 0 })
                else { return false }
                at += header.paddedLength
            }
            return true
        }
    }

    /// What the last step asked for is done, or could not be. Returns what is next.
    package mutating func written(_ isDone: Bool, at now: Tick) -> Step? {
        guard let job = self.job, case .writing(let next) = job.stage else { return nil }
        guard isDone else {
            self.giveUp(at: now)
            return nil
        }
        return self.goOn(from: next, at: now)
    }

    private mutating func goOn(from position: PhysicalOffset, at now: Tick) -> Step? {
        guard var job = self.job else { return nil }
        job.position = position
        if position >= job.ranges[job.range].upperBound {
            job.range += 1
            guard job.range < job.ranges.count else {
                job.stage = .finishing
                self.job = job
                return .finish(
                    base: job.base, mended: job.ranges, isFirst: !job.hasWritten)
            }
            job.position = job.ranges[job.range].lowerBound
        }
        job.stage = .fetching(since: now)
        self.job = job
        return .fetch(job.position..<job.ranges[job.range].upperBound)
    }

    /// Returns whether the segment is sound again.
    package mutating func finished(_ base: PhysicalOffset, _ isDone: Bool, at now: Tick) -> Bool {
        guard let job = self.job, job.base == base, job.stage == .finishing else { return false }
        guard isDone else {
            self.giveUp(at: now)
            // What is damaged may be more by now.
            self.suspicions[base]?.ranges = nil
            return false
        }
        self.job = nil
        self.suspicions[base] = nil
        return true
    }

    /// The link to the master is gone: what was asked for does not come.
    package mutating func disconnected(at now: Tick) {
        if case .fetching = self.job?.stage { self.giveUp(at: now) }
    }

    private mutating func giveUp(at now: Tick) {
        guard let base = self.job?.base else { return }
        self.suspicions[base]?.notBefore = now + Self.pause
        self.job = nil
    }

    // MARK: The log changes

    /// The segment is not there any more.
    package mutating func deleted(_ base: PhysicalOffset) { self.suspicions[base] = nil }

    /// Another engine goes on: what was under way is lost, and everything from `active` on was just
    /// read anew.
    package mutating func recovered(active: PhysicalOffset) {
        self.job = nil
        self.examining = nil
        self.suspicions = self.suspicions.filter { $0.key < active }
        for base in self.suspicions.keys { self.suspicions[base]?.notBefore = .zero }
    }
}
