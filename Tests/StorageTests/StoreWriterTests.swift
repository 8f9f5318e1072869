import Foundation
import MessageFormat
import Synchronization
import Testing

@testable import Storage

@Suite("The writer")
struct StoreWriterTests {
    private let log = TestLog()

    @Test("what is written can be read at once, and is durable when the completion says so")
    func writesInline() throws {
        let store = try self.log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        let bytes = batch(at: .zero, logID: store.logID, payload: 500)
        let completion = try #require(
            writer.writeInline(WriteOrder(position: .zero, bytes: bytes, sync: true)))
        #expect(completion.failure == nil)
        #expect(completion.written == PhysicalOffset(Int64(bytes.count)))
        #expect(completion.durable == completion.written)
        #expect(completion.orders == 1)
        #expect(completion.bytes == bytes.count)
        #expect(try store.bytes(at: .zero, count: bytes.count) == bytes)
        writer.stop()
        store.close()
    }

    @Test("orders that gathered while one was written share one write and one flush")
    func groupsCommits() throws {
        let store = try self.log.open()
        try store.recover()
        let completions = Completions()
        let gate = Gate()
        let writer = try StoreWriter.start(store) { completion in
            gate.pass()
            completions.add(completion)
        }
        var position = PhysicalOffset.zero
        for _ in 0..<100 {
            let bytes = batch(at: position, logID: store.logID, payload: 100)
            #expect(writer.submit(WriteOrder(position: position, bytes: bytes, sync: true)))
            position = position.advanced(by: bytes.count)
            // The first completion is held back until all the others have gathered.
            if position.bytes == Int64(bytes.count) { gate.waitUntilReached() }
        }
        gate.open()
        let last = try #require(completions.first { $0.durable == position })
        #expect(last.orders == 99)
        #expect(writer.statistics.writes == 2)
        #expect(writer.statistics.flushes == 2)
        writer.stop()
        #expect(try store.scanAll().batches == 100)
        store.close()
    }

    @Test("a caller never writes inline past the thread")
    func inlineGivesWay() throws {
        let store = try self.log.open()
        try store.recover()
        let completions = Completions()
        let gate = Gate()
        let writer = try StoreWriter.start(store) { completion in
            gate.pass()
            completions.add(completion)
        }
        let bytes = batch(at: .zero, logID: store.logID, payload: 100)
        let next = PhysicalOffset(Int64(bytes.count))
        #expect(writer.submit(WriteOrder(position: .zero, bytes: bytes, sync: true)))
        gate.waitUntilReached()
        let second = batch(at: next, logID: store.logID, payload: 100)
        #expect(writer.writeInline(WriteOrder(position: next, bytes: second, sync: true)) == nil)
        gate.open()
        #expect(writer.submit(WriteOrder(position: next, bytes: second, sync: true)))
        #expect(completions.first { $0.durable == next.advanced(by: second.count) } != nil)
        writer.stop()
        store.close()
    }

    @Test("many threads, inline and not: one order at a time, nothing lost, nothing doubled")
    func neverOverlaps() async throws {
        let log = TestLog(segmentBytes: 4 << 20)
        let store = try log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        let logEnd = LogEnd()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for number in 0..<200 {
                        logEnd.position.withLock { position in
                            let bytes = batch(at: position, logID: store.logID, payload: number)
                            let order = WriteOrder(
                                position: position, bytes: bytes, sync: number % 3 == 0)
                            if number % 2 == 0 || writer.writeInline(order) == nil {
                                _ = writer.submit(order)
                            }
                            position = position.advanced(by: bytes.count)
                        }
                    }
                }
            }
        }
        writer.stop()
        #expect(writer.failure == nil)
        let result = try store.scanAll()
        #expect(result.batches == 800)
        #expect(result.end == logEnd.position.withLock { $0 })
        store.close()
    }

    @Test("the log goes on at the next segment's start, and the old one is flushed before")
    func rollsOver() throws {
        let store = try self.log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        try write([30_000], from: .zero, with: writer, logID: store.logID, sync: false)
        let next = PhysicalOffset(64 << 10)
        try write([1_000], from: next, with: writer, logID: store.logID)
        #expect(store.segmentBases.prefix(2) == [.zero, next])
        #expect(writer.durable > next)
        writer.stop()
        store.close()
        try self.log.withStore { store in
            let batches = try [0, 64 << 10].map { try store.scanAll($0).batches }
            #expect(batches == [1, 1])
        }
    }

    @Test("orders without sync are flushed in the background, and that is reported")
    func flushesInTheBackground() throws {
        let store = try self.log.open()
        try store.recover()
        let completions = Completions()
        var options = StoreWriter.Options()
        options.flushDelayMilliseconds = 20
        let writer = try StoreWriter.start(store, options: options) { completions.add($0) }
        let bytes = batch(at: .zero, logID: store.logID, payload: 100)
        let written = try #require(
            writer.writeInline(WriteOrder(position: .zero, bytes: bytes, sync: false)))
        #expect(written.flushNanoseconds < 20_000_000)
        let end = PhysicalOffset(Int64(bytes.count))
        #expect(written.written == end)
        let flushed = try #require(completions.first { $0.durable == end })
        #expect(flushed.orders == 0)
        #expect(writer.statistics.flushes == 1)
        // Now the flusher sleeps, with nothing at risk.
        let second = try write([100], from: end, with: writer, logID: store.logID, sync: false)
        #expect(completions.first { $0.durable > second[0] } != nil)
        #expect(writer.statistics.flushes == 2)
        writer.stop()
        store.close()
    }

    @Test("many bytes at risk do not wait for the delay")
    func flushesWhenMuchIsAtRisk() throws {
        let store = try self.log.open()
        try store.recover()
        let completions = Completions()
        var options = StoreWriter.Options()
        options.flushDelayMilliseconds = 3_600_000
        options.flushBytes = 10_000
        let writer = try StoreWriter.start(store, options: options) { completions.add($0) }
        let starts = try write(
            [6_000, 6_000], from: .zero, with: writer, logID: store.logID, sync: false)
        #expect(completions.first { $0.durable > starts[1] } != nil)
        writer.stop()
        store.close()
    }

    @Test("stopping carries out what was submitted, and flushes it")
    func drainsBeforeItStops() throws {
        let store = try self.log.open()
        try store.recover()
        let completions = Completions()
        let writer = try StoreWriter.start(store) { completions.add($0) }
        var position = PhysicalOffset.zero
        for _ in 0..<50 {
            let bytes = batch(at: position, logID: store.logID, payload: 100)
            #expect(writer.submit(WriteOrder(position: position, bytes: bytes, sync: false)))
            position = position.advanced(by: bytes.count)
        }
        writer.stop()
        #expect(completions.all.map(\.durable).max() == position)
        #expect(!writer.submit(WriteOrder(position: position, bytes: [1], sync: true)))
        store.close()
    }

    @Test("too many waiting bytes are refused instead of kept")
    func boundsItsQueue() throws {
        let store = try self.log.open()
        try store.recover()
        let gate = Gate()
        var options = StoreWriter.Options()
        options.queuedBytesMax = 1_000
        let writer = try StoreWriter.start(store, options: options) { _ in gate.pass() }
        var position = PhysicalOffset.zero
        var taken: [Bool] = []
        for _ in 0..<4 {
            let bytes = batch(at: position, logID: store.logID, payload: 900)
            taken.append(
                writer.submit(WriteOrder(position: position, bytes: bytes, sync: false)))
            position = position.advanced(by: bytes.count)
            gate.waitUntilReached()
        }
        #expect(taken == [true, true, true, false] || taken == [true, true, false, false])
        gate.open()
        writer.stop()
        store.close()
    }

    @Test("a batch that neither continues the log nor starts the next segment is never written")
    func refusesMisplacedOrders() throws {
        for position in [16, 128 << 10, 1_000_000] {
            let log = TestLog()
            let store = try log.open()
            try store.recover()
            let writer = try StoreWriter.start(store) { _ in }
            let place = PhysicalOffset(Int64(position))
            let bytes = batch(at: place, logID: store.logID, payload: 100)
            let completion = writer.writeInline(
                WriteOrder(position: place, bytes: bytes, sync: true))
            #expect(
                completion?.failure == .misplacedOrder(position: place, expected: .zero))
            #expect(writer.failure != nil)
            writer.stop()
            #expect(try store.scanAll().batches == 0)
            store.close()
        }
    }

    @Test("a batch that would cross the segment's end is never written")
    func refusesStraddlingOrders() throws {
        let store = try self.log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        let bytes = batch(at: .zero, logID: store.logID, payload: 64 << 10)
        let completion = writer.writeInline(WriteOrder(position: .zero, bytes: bytes, sync: true))
        #expect(
            completion?.failure
                == .outOfSegment(position: .zero, count: bytes.count, segmentBytes: 64 << 10))
        writer.stop()
        store.close()
    }

    @Test("one writer per log, and only after recovery")
    func isTheOnlyWriter() throws {
        let store = try self.log.open()
        #expect(throws: StorageError.notRecovered(directory: self.log.path)) {
            try StoreWriter.start(store) { _ in }
        }
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        #expect(throws: StorageError.alreadyWriting(directory: self.log.path)) {
            try StoreWriter.start(store) { _ in }
        }
        #expect(throws: StorageError.alreadyWriting(directory: self.log.path)) {
            try store.truncate(to: .zero)
        }
        writer.stop()
        try store.recover()
        try StoreWriter.start(store) { _ in }.stop()
        store.close()
    }

    @Test("the first write is accepted within a fraction of a second")
    func startsQuickly() throws {
        var log = TestLog(segmentBytes: 256 << 20)
        log.options.zeroedAtStartBytes = LogStore.Options().zeroedAtStartBytes
        log.options.zeroedAheadBytes = 0
        let started = MonotonicClock.now()
        let store = try log.open()
        try store.truncate(to: .zero)
        let writer = try StoreWriter.start(store) { _ in }
        try write([100], from: .zero, with: writer, logID: store.logID)
        // Ten times what it takes on an idle machine.
        #expect(MonotonicClock.now() - started < 1_000_000_000)
        writer.stop()
        store.close()
    }
}

/// Where the next order goes, shared by threads.
private final class LogEnd: Sendable {
    let position = Mutex(PhysicalOffset.zero)
}

/// Holds the writer's thread in its first completion.
final class Gate: Sendable {
    private let reached = Wakeup()
    private let opened = Wakeup()
    private let state = Mutex((isReached: false, isOpen: false))

    func pass() {
        self.state.withLock { $0.isReached = true }
        self.reached.signal()
        while !self.state.withLock({ $0.isOpen }) { self.opened.wait() }
    }

    func waitUntilReached() {
        while !self.state.withLock({ $0.isReached }) { self.reached.wait() }
    }

    func open() {
        self.state.withLock { $0.isOpen = true }
        self.opened.signal()
    }
}

extension LogStore {
    func bytes(at position: PhysicalOffset, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes {
            try self.read(position: position, count: count, into: $0)
        }
        return bytes
    }
}
