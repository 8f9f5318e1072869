import Foundation
import MessageFormat
import Synchronization

@testable import Storage

/// A directory that goes when the test is over.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        let name = "apus-storage-\(UInt64.random(in: 0...UInt64.max))"
        self.path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}

/// A log in a temporary directory, with what a broker does around a store.
struct TestLog {
    let directory = TemporaryDirectory()
    var options = LogStore.Options()

    init(segmentBytes: Int = 64 << 10) {
        self.options.segmentBytes = segmentBytes
        self.options.zeroedAheadBytes = segmentBytes
        self.options.zeroedAtStartBytes = segmentBytes
    }

    var path: String { self.directory.path }

    func open() throws -> LogStore {
        try LogStore.open(directory: self.path, options: self.options)
    }

    /// Runs `body` with the store and closes it.
    func withStore<R>(_ body: (LogStore) throws -> R) throws -> R {
        let store = try self.open()
        defer { store.close() }
        return try body(store)
    }

    /// A log of batches with these payload sizes, written in order; returns where each starts.
    @discardableResult
    func fill(_ payloads: [Int]) throws -> [PhysicalOffset] {
        try self.withStore { store in
            let end = try store.recover()
            let writer = try StoreWriter.start(store) { _ in }
            defer { writer.stop() }
            return try write(payloads, from: end, with: writer, logID: store.logID)
        }
    }

    func segmentPath(_ base: Int = 0) -> String {
        LogPaths(root: self.path).segment(PhysicalOffset(Int64(base)))
    }

    func segmentBytes(_ base: Int = 0) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: self.segmentPath(base))))
    }

    func replaceSegment(_ base: Int = 0, with bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: self.segmentPath(base)))
    }
}

/// Writes batches one by one and checks each completion.
@discardableResult
func write(
    _ payloads: [Int], from start: PhysicalOffset, with writer: StoreWriter, logID: UInt64,
    sync: Bool = true
) throws -> [PhysicalOffset] {
    var position = start
    var starts: [PhysicalOffset] = []
    for payload in payloads {
        let bytes = batch(at: position, logID: logID, payload: payload)
        guard
            let completion = writer.writeInline(
                WriteOrder(position: position, bytes: bytes, sync: sync))
        else { throw TestFailure("the writer is busy") }
        if let failure = completion.failure { throw failure }
        starts.append(position)
        position = position.advanced(by: bytes.count)
    }
    return starts
}

struct TestFailure: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// A batch of one state record, padded.
func batch(
    at position: PhysicalOffset, logID: UInt64, payload: Int, fill: UInt8 = 0x5A
) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
    StateRecord(kind: 7, payload: [UInt8](repeating: fill, count: payload)).append(to: &bytes)
    let header = LogBatchHeader(
        length: bytes.count, position: position, epoch: Epoch(1), records: 1,
        storeTimestamp: Timestamp(milliseconds: 1_000), logID: logID)
    bytes += [UInt8](repeating: 0, count: header.paddedLength - bytes.count)
    bytes.withUnsafeMutableBytes { header.seal($0) }
    return bytes
}

extension LogStore {
    /// What a broker does at its start: scans all, truncates at the end of the last batch.
    @discardableResult
    func recover() throws -> PhysicalOffset {
        var end = self.segmentBases[0]
        for base in self.segmentBases {
            let result = try self.scan(segment: base) { _, _ in }
            if result.batches > 0 { end = result.end }
        }
        try self.truncate(to: end)
        return end
    }

    func scanAll(_ base: Int = 0) throws -> ScanResult {
        try self.scan(segment: PhysicalOffset(Int64(base))) { _, _ in }
    }
}

/// Collects completions and lets a test wait for them.
final class Completions: Sendable {
    private let list = Mutex<[WriteCompletion]>([])
    private let arrived = Wakeup()

    var all: [WriteCompletion] { self.list.withLock { $0 } }

    func add(_ completion: WriteCompletion) {
        self.list.withLock { $0.append(completion) }
        self.arrived.signal()
    }

    /// The first completion for which `condition` holds; nil after ten seconds.
    func first(where condition: (WriteCompletion) -> Bool) -> WriteCompletion? {
        let deadline = MonotonicClock.now() + 10_000_000_000
        while MonotonicClock.now() < deadline {
            if let found = self.all.first(where: condition) { return found }
            self.arrived.wait(timeoutMilliseconds: 100)
        }
        return nil
    }
}
