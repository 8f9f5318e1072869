import MessageFormat
import Synchronization

/// Carries out write orders, one set at a time. Whoever holds it is the log's only writer.
struct WriteDesk: ~Copyable {
    private let store: LogStore
    private let preparer: SegmentPreparer
    private let durability: Durability
    private var file: OpenFile
    private var base: PhysicalOffset
    /// End of the orders that were taken: what lies behind `written` waits in `gathered`.
    private var end: PhysicalOffset
    /// The first order that was refused for lack of space: those behind it have no place until it
    /// comes again.
    private var refusedAt: PhysicalOffset?
    private var gathered = GatherBuffer()
    private var writes = 0
    private var bytes = 0

    init(
        store: LogStore, preparer: SegmentPreparer, durability: Durability, file: OpenFile,
        end: PhysicalOffset
    ) {
        self.store = store
        self.preparer = preparer
        self.durability = durability
        self.file = file
        self.base = store.base(of: end)
        self.end = end
    }

    var statistics: WriterStatistics {
        WriterStatistics(
            writes: self.writes, flushes: self.durability.flushes, bytes: self.bytes)
    }

    /// Writes the orders, neighbours together, and flushes once if any of them asks for it.
    mutating func perform(_ orders: [WriteOrder]) -> WriteCompletion {
        let bytesBefore = self.bytes
        let started = MonotonicClock.now()
        var failure = self.durability.failure
        if failure == nil { failure = self.write(orders) }
        let written = MonotonicClock.now()
        #if APUS_SABOTAGE
            let mustFlush = !Sabotage.ackBeforeFlush.isOn
        #else
            let mustFlush = true
        #endif
        if failure?.isNoSpace ?? true, mustFlush, orders.contains(where: \.sync) {
            do throws(StorageError) { try self.durability.flush() } catch { failure = error }
        }
        var completion = WriteCompletion(
            written: self.durability.written, durable: self.durability.durable, failure: failure)
        completion.orders = orders.count
        completion.bytes = self.bytes - bytesBefore
        completion.writeNanoseconds = written - started
        completion.flushNanoseconds = MonotonicClock.now() - written
        self.preparer.advanced(to: completion.written)
        return completion
    }

    /// Returns why it stopped before the last order. What was taken before a refusal is written.
    private mutating func write(_ orders: [WriteOrder]) -> StorageError? {
        do throws(StorageError) {
            do throws(StorageError) {
                for order in orders { try self.take(order, mayGather: orders.count > 1) }
            } catch {
                guard error.isNoSpace else { throw error }
                try self.writeGathered()
                return error
            }
            try self.writeGathered()
            return nil
        } catch {
            self.durability.fail(error)
            return error
        }
    }

    private mutating func take(_ order: WriteOrder, mayGather: Bool) throws(StorageError) {
        if let refusedAt, order.position > refusedAt {
            throw .noSpace(path: self.file.path, bytesNeeded: order.bytes.count)
        }
        do throws(StorageError) {
            try self.makeRoom(for: order)
        } catch {
            if error.isNoSpace { self.refusedAt = order.position }
            throw error
        }
        self.refusedAt = nil
        try self.put(order, mayGather: mayGather)
    }

    private mutating func makeRoom(for order: WriteOrder) throws(StorageError) {
        let next = self.base.advanced(by: self.store.segmentBytes)
        if order.position == next {
            try self.roll(to: next)
        } else if order.position != self.end {
            throw .misplacedOrder(position: order.position, expected: self.end)
        }
        let segmentEnd = self.base.advanced(by: self.store.segmentBytes)
        guard !order.bytes.isEmpty, order.end <= segmentEnd else {
            throw .outOfSegment(
                position: order.position, count: order.bytes.count,
                segmentBytes: self.store.segmentBytes)
        }
        try self.preparer.ensureReady(upTo: order.end)
    }

    private mutating func roll(to next: PhysicalOffset) throws(StorageError) {
        try self.writeGathered()
        try self.durability.flush()
        try self.preparer.roll(to: next)
        self.file = try OpenFile(self.store.paths.segment(next), .readWrite)
        self.base = next
        self.end = next
        self.durability.moved(to: self.file, at: next)
        self.store.table.withLock { $0.activeBase = next }
    }

    private mutating func put(_ order: WriteOrder, mayGather: Bool) throws(StorageError) {
        if !self.gathered.fits(order.bytes.count) { try self.writeGathered() }
        self.end = order.end
        if mayGather && self.gathered.fits(order.bytes.count) {
            self.gathered.append(order.bytes)
        } else {
            try order.bytes.withRawBytes { (bytes) throws(StorageError) in
                try self.writeOut(bytes)
            }
        }
    }

    private mutating func writeGathered() throws(StorageError) {
        guard !self.gathered.isEmpty else { return }
        try self.writeOut(self.gathered.bytes)
        self.gathered.removeAll()
    }

    /// Writes bytes that end at `end`.
    private mutating func writeOut(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
        let offset = self.end.distance(from: self.base) - bytes.count
        try self.file.write(bytes, at: offset)
        self.writes += 1
        self.bytes += bytes.count
        _ = self.durability.wrote(upTo: self.end)
    }
}

/// Small orders side by side, so that one call writes them all.
private struct GatherBuffer: ~Copyable {
    private static let bytesMax = 4 << 20

    private let memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: GatherBuffer.bytesMax, alignment: 4096)
    private var count = 0

    deinit { self.memory.deallocate() }

    var isEmpty: Bool { self.count == 0 }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(self.memory).slice(0..<self.count) }

    func fits(_ count: Int) -> Bool { count <= self.memory.count - self.count }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.memory.copy($0, at: self.count) }
        self.count += bytes.count
    }

    mutating func removeAll() { self.count = 0 }
}
