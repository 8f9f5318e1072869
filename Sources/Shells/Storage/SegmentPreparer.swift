import Logging
import MessageFormat
import Synchronization

/// How much room the disk has for the log.
package enum SpaceState: Hashable, Sendable {
    case ok
    /// The disk is full; this much is reserved for the log already.
    case low(bytesLeftPrepared: Int)
    /// The disk is full and nothing is reserved, or too little for the last batch.
    case full
}

/// Keeps the space ahead of the writer reserved, zeroed and flushed, on a thread of its own.
///
/// A flush into space that was written before needs no change of metadata, which makes it several
/// times faster; and a full disk is noticed before a batch needs the room.
///
/// Invariant: zeroes are only ever written behind `zeroedEnd`, batches only before it. Both move it
/// with `ground` locked before they write, so that zeroes never meet a batch.
final class SegmentPreparer: Sendable {
    private struct Ground: Sendable {
        var active: PreparedSegment
        var spare: PreparedSegment?
    }

    /// What is known of the disk's room, in an atomic.
    private enum Shortage {
        static let none = 0
        /// Space could not be prepared.
        static let low = 1
        /// A batch was refused.
        static let refused = 2
    }

    private let store: LogStore
    private let plan: ZeroAheadPlan
    private let ground: Mutex<Ground>
    private let wakeup = Wakeup()
    private let isStopping = Atomic(false)
    /// Absolute: a batch that ends before this can be written at once.
    private let zeroedEnd: Atomic<Int64>
    private let spareZeroed = Atomic(0)
    private let shortage = Atomic(Shortage.none)
    /// Absolute: how far the writer has come.
    private let written: Atomic<Int64>
    /// Absolute: where the writer's progress makes new work.
    private let wakeAt = Atomic(Int64.max)

    /// Prepares what the first writes need, at once.
    init(store: LogStore, from end: PhysicalOffset) throws(StorageError) {
        let base = store.base(of: end)
        let offset = store.offsetInSegment(end)
        let file = try OpenFile(store.paths.segment(base), .readWrite)
        var active = try PreparedSegment(base: base, file: file, written: offset)
        let target = min(store.segmentBytes, offset + store.options.zeroedAtStartBytes)
        if active.zeroed < target {
            do throws(StorageError) {
                try active.zero(active.zeroed..<target)
                try file.flush()
            } catch {
                guard error.isNoSpace else { throw error }
                self.shortage.store(Shortage.low, ordering: .relaxed)
            }
        }
        self.store = store
        self.plan = ZeroAheadPlan(
            segmentBytes: store.segmentBytes, aheadBytes: store.options.zeroedAheadBytes,
            chunkBytes: max(4096, store.options.zeroChunkBytes & ~4095))
        self.zeroedEnd = Atomic(base.bytes + Int64(active.zeroed))
        self.written = Atomic(end.bytes)
        self.ground = Mutex(Ground(active: active))
    }

    // MARK: The writer's side

    /// Makes sure that a batch that ends at `end` has its space. Nothing was written when it throws.
    func ensureReady(upTo end: PhysicalOffset) throws(StorageError) {
        guard end.bytes > self.zeroedEnd.load(ordering: .acquiring) else { return }
        try self.ground.withLock { (ground) throws(StorageError) in
            do throws(StorageError) {
                try ground.active.reserve(upTo: end.distance(from: ground.active.base))
            } catch {
                throw self.refused(error)
            }
            self.foundSpace(ground)
        }
    }

    /// The writer has come to `end`.
    func advanced(to end: PhysicalOffset) {
        self.written.store(end.bytes, ordering: .sequentiallyConsistent)
        guard end.bytes >= self.wakeAt.load(ordering: .sequentiallyConsistent) else { return }
        self.wakeAt.store(.max, ordering: .sequentiallyConsistent)
        self.wakeup.signal()
    }

    /// Goes on with the segment at `base`, the spare if it is ready.
    func roll(to base: PhysicalOffset) throws(StorageError) {
        try self.ground.withLock { (ground) throws(StorageError) in
            if let spare = ground.spare {
                precondition(spare.base == base, "the spare is the next segment")
                ground.active = spare
                ground.spare = nil
            } else {
                do throws(StorageError) {
                    ground.active = try self.makeSegment(base)
                } catch {
                    throw self.refused(error)
                }
            }
            self.written.store(base.bytes, ordering: .sequentiallyConsistent)
            self.publish(ground)
        }
        self.wakeup.signal()
    }

    /// Never waits.
    var space: SpaceState {
        let shortage = self.shortage.load(ordering: .relaxed)
        guard shortage != Shortage.none else { return .ok }
        let left = self.zeroedEnd.load(ordering: .relaxed) - self.written.load(ordering: .relaxed)
        let total = Int(left) + self.spareZeroed.load(ordering: .relaxed)
        return shortage == Shortage.refused || total <= 0
            ? .full : .low(bytesLeftPrepared: total)
    }

    func stop() {
        self.isStopping.store(true, ordering: .releasing)
        self.wakeup.signal()
    }

    // MARK: The preparing thread

    /// Works until `stop`, or until the disk fails; a full disk is tried again every second.
    func run() throws(StorageError) {
        while !self.isStopping.load(ordering: .acquiring) {
            do throws(StorageError) {
                if try !self.step() { self.wakeup.wait() }
            } catch {
                guard error.isNoSpace else { throw error }
                self.report(error)
                self.wakeup.wait(timeoutMilliseconds: 1_000)
            }
        }
    }

    /// Does one piece of work; false when there is none.
    private func step() throws(StorageError) -> Bool {
        let changed = try self.ground.withLock { (ground) throws(StorageError) -> OpenFile? in
            try self.prepareNext(&ground)
        }
        try changed?.flush()
        return changed != nil
    }

    private func prepareNext(_ ground: inout Ground) throws(StorageError) -> OpenFile? {
        switch self.nextWork(ground) {
        case .zeroActive(let range):
            try ground.active.zero(range)
            self.foundSpace(ground)
            return ground.active.file
        case .makeSpare:
            let next = ground.active.base.advanced(by: self.store.segmentBytes)
            ground.spare = try self.makeSegment(next)
            return ground.spare?.file
        case .zeroSpare(let range):
            try ground.spare?.zero(range)
            self.foundSpace(ground)
            return ground.spare?.file
        case .wait:
            return nil
        }
    }

    /// Asks the plan, and once more after the wake mark is set: the writer may have moved meanwhile.
    private func nextWork(_ ground: Ground) -> ZeroAheadPlan.Work {
        let work = self.planned(ground)
        guard case .wait(let until) = work else { return work }
        let mark = until == .max ? Int64.max : ground.active.base.bytes + Int64(until)
        self.wakeAt.store(mark, ordering: .sequentiallyConsistent)
        return self.planned(ground)
    }

    private func planned(_ ground: Ground) -> ZeroAheadPlan.Work {
        let written = self.written.load(ordering: .sequentiallyConsistent)
        return self.plan.next(
            written: max(0, Int(written - ground.active.base.bytes)),
            activeZeroed: ground.active.zeroed, spareZeroed: ground.spare?.zeroed)
    }

    private func makeSegment(_ base: PhysicalOffset) throws(StorageError) -> PreparedSegment {
        let file = try self.store.createSegment(base)
        return try PreparedSegment(base: base, file: file, written: 0)
    }

    private func publish(_ ground: Ground) {
        let end = ground.active.base.bytes + Int64(ground.active.zeroed)
        self.zeroedEnd.store(end, ordering: .releasing)
        self.spareZeroed.store(ground.spare?.zeroed ?? 0, ordering: .relaxed)
    }

    private func foundSpace(_ ground: Ground) {
        self.publish(ground)
        self.shortage.store(Shortage.none, ordering: .relaxed)
    }

    private func refused(_ error: StorageError) -> StorageError {
        if error.isNoSpace { self.shortage.store(Shortage.refused, ordering: .relaxed) }
        return error
    }

    /// Remembers that the disk is full; said once until space returns.
    private func report(_ error: StorageError) {
        let (isFirst, _) = self.shortage.compareExchange(
            expected: Shortage.none, desired: Shortage.low, ordering: .relaxed)
        guard isFirst else { return }
        self.store.logger.warning(
            "disk full, the log cannot be prepared", metadata: ["error": "\(error)"])
    }
}
