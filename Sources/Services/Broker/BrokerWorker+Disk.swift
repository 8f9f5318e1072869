import BrokerEngine
import LogCore
import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import Storage

// Orders to the disk, and what becomes of segments.
extension BrokerWorker {
    /// Hands over the orders of one plan, so that they share one flush. Returns whether the engine
    /// has heard already what became of them.
    func write(_ orders: [WriteOrder]) -> Bool {
        if self.unwritten.isEmpty { self.writingSince = Clock.now().tick }
        self.unwritten += orders
        guard !self.isWaitingForSpace else { return false }
        if self.pace.isWorthWaiting(for: orders), let completion = self.writer.writeInline(orders) {
            self.take(completion)
            return true
        }
        if !self.writer.submit(orders) { self.isWaitingForSpace = true }
        return false
    }

    /// What the disk did becomes an input of the engine.
    func take(_ completion: WriteCompletion) {
        if let failure = completion.failure, !failure.isNoSpace { return self.fail(failure) }
        self.pace.note(completion)
        self.writerFigures.note(completion, isSync: self.engine.settings.flushMode == .sync)
        self.unwritten.removeAll { $0.end <= completion.written }
        self.writingSince = self.unwritten.isEmpty ? nil : Clock.now().tick
        if completion.failure != nil { self.isWaitingForSpace = true }
        self.engine.written(
            upTo: completion.written, durable: completion.durable, at: Clock.now())
    }

    /// A full disk costs nothing but time: sends are refused meanwhile, and what was taken is
    /// written when there is room again.
    func lookAtDisk() {
        switch self.writer.space {
        case .ok:
            self.engine.refusal = self.refusalOfAll
        case .low, .full:
            self.engine.refusal = Refusal(
                .serviceNotAvailable,
                "the disk under \(self.store.directory) is full; free space, or add a broker")
        }
        self.engine.isHandingOver = self.isRefusingForDrain
        if let usage = try? self.store.diskUsage() {
            self.engine.diskUsedRatio = usage.usedRatio
            self.writerFigures.note(usage, at: Clock.now().tick)
        }
        if let failure = self.writer.failure { return self.fail(failure) }
        guard self.isWaitingForSpace else { return }
        self.isWaitingForSpace = false
        let orders = self.unwritten
        self.unwritten.removeAll()
        if self.write(orders) { self.turn() }
    }

    private var refusalOfAll: Refusal? {
        if self.isStopping {
            return Refusal(.serviceNotAvailable, "this broker is stopping; use another one")
        }
        return self.isRefusingForDrain
            ? Refusal(.serviceNotAvailable, "this broker is drained; use another one") : nil
    }

    /// Makes the index file on another thread; until it is there the entries stay in memory.
    func seal(_ contents: SegmentContents) {
        let store = self.store
        self.inBackground(
            { try SealedSegment(sealing: contents, in: store) },
            then: { $0.sealed(contents.base, $1) })
    }

    private func sealed(_ base: PhysicalOffset, _ result: Result<SealedSegment, any Error>) {
        switch result {
        case .success(let segment):
            self.engine.sealed(base, youngest: segment.youngest, runs: segment.runs)
        case .failure(let error):
            self.logger.error(
                "no index file for the segment at \(base.bytes) yet, trying on: \(error)")
            self.engine.sealingFailed(base, at: Clock.now())
        }
        self.turn()
    }

    /// The log is the truth: a damaged index file is thrown away and made again from its segment.
    func rebuildIndex(_ base: PhysicalOffset, because failure: ReadFailure) {
        self.indexes.close(base)
        guard self.rebuilding.insert(base).inserted else { return }
        self.logger.error("making the index file of \(base.bytes) anew: \(failure.reason)")
        let recovery = Recovery(store: self.store, logger: self.logger)
        let end = self.engine.segments.end(of: base)
        self.inBackground(
            { try recovery.madeAnew(base, endingAt: end) },
            then: { worker, result in
                worker.rebuilding.remove(base)
                worker.indexes.close(base)
                switch result {
                case .success(let segment): worker.engine.indexed(segment, at: Clock.now())
                case .failure(let error):
                    worker.logger.error("the index file of \(base.bytes) cannot be made: \(error)")
                }
                worker.turn()
            })
    }

    /// Deleting takes the file system a while: not on this loop.
    func delete(_ base: PhysicalOffset) {
        self.indexes.close(base)
        let store = self.store
        self.inBackground(
            { try store.deleteSegment(base) },
            then: { worker, result in
                switch result {
                case .success:
                    worker.logger.info(
                        "deleted the segment at \(base.bytes): old, or the disk is full")
                    worker.engine.deleted(base)
                case .failure(let error):
                    worker.logger.error("cannot delete the segment at \(base.bytes): \(error)")
                }
            })
    }

    /// `done` is not called when the engine was replaced meanwhile.
    func inBackground<T: Sendable>(
        _ work: @escaping @Sendable () throws -> T,
        then done: @escaping @Sendable (BrokerWorker, Result<T, any Error>) -> Void
    ) {
        let worker = NIOLoopBound(self, eventLoop: self.loop)
        let (loop, generation) = (self.loop, self.generation)
        self.outside.background {
            let result = Result { try work() }
            loop.execute {
                if worker.value.generation == generation { done(worker.value, result) }
            }
        }
    }
}

/// Index files that are open, a bounded number of them.
struct OpenIndexes {
    private let store: LogStore
    private var readers: [PhysicalOffset: SegmentIndexReader] = [:]
    private static let readersMax = 64

    init(store: LogStore) { self.store = store }

    mutating func reader(_ base: PhysicalOffset) throws -> SegmentIndexReader {
        if let reader = self.readers[base] { return reader }
        guard let reader = try self.store.openIndex(base) else {
            throw ReadFailure(reason: "the index file of the segment at \(base.bytes) is missing")
        }
        if self.readers.count >= Self.readersMax { self.readers.removeAll() }
        self.readers[base] = reader
        return reader
    }

    mutating func close(_ base: PhysicalOffset) { self.readers[base] = nil }
}

/// Decides whether the loop waits for the disk itself or has the writer's thread do it.
///
/// Two changes of thread cost some 40 µs. While little is in flight and the disk is quick, waiting
/// costs less than that; with more in flight the loop is better busy gathering the next batch.
struct DiskPace {
    /// A flush as it was lately, in nanoseconds.
    private var flush = Int64(0)

    private static let bytesMax = 16 << 10
    private static let flushNanosecondsMax = Int64(200_000)

    func isWorthWaiting(for orders: [WriteOrder]) -> Bool {
        orders.count == 1 && orders[0].bytes.count <= Self.bytesMax
            && self.flush <= Self.flushNanosecondsMax
    }

    /// Slow flushes count at once, quick ones only little by little. A single one, however slow, is
    /// forgotten after some six quick ones.
    mutating func note(_ completion: WriteCompletion) {
        let latest = min(
            completion.writeNanoseconds + completion.flushNanoseconds,
            2 * Self.flushNanosecondsMax)
        guard completion.orders > 0 else { return }
        self.flush = latest > self.flush ? latest : self.flush + (latest - self.flush) / 8
    }
}
