import Foundation
import Glibc
import MessageFormat
import Testing

@testable import Storage

/// Failures of the disk: descriptors that were swapped for ones that fail, and a small tmpfs.
@Suite("Disk failures")
struct DiskFailureTests {
    private let log = TestLog()

    @Test("a failed flush is final: an error once, and no more IO")
    func failedFlushIsFatal() throws {
        let store = try self.log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        let starts = try write([100, 100], from: .zero, with: writer, logID: store.logID)
        let before = writer.durable
        let second = batch(at: before, logID: store.logID, payload: 100)
        // Takes what is written and fails to flush it.
        try swapDescriptors(of: self.log.segmentPath(), for: "/dev/null")
        let failed = try #require(
            writer.writeInline(WriteOrder(position: before, bytes: second, sync: true)))
        guard case .system("fdatasync", _, _) = failed.failure else {
            Issue.record("not a failed flush: \(failed)")
            return
        }
        #expect(failed.durable == before)
        let statistics = writer.statistics
        let end = before.advanced(by: second.count)
        let third = batch(at: end, logID: store.logID, payload: 100)
        let refused = try #require(
            writer.writeInline(WriteOrder(position: end, bytes: third, sync: true)))
        #expect(refused.failure == failed.failure)
        #expect(writer.statistics == statistics)
        writer.stop()
        store.close()
        let result = try self.log.withStore { try $0.scanAll() }
        #expect(result.end == before)
        #expect(result.batches == starts.count)
    }

    @Test("a failed write is final as well")
    func failedWriteIsFatal() throws {
        let store = try self.log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        try swapDescriptors(of: self.log.segmentPath(), for: self.log.segmentPath(), O_RDONLY)
        let bytes = batch(at: .zero, logID: store.logID, payload: 100)
        let completion = writer.writeInline(WriteOrder(position: .zero, bytes: bytes, sync: true))
        #expect(
            completion?.failure
                == .system(operation: "pwrite", path: self.log.segmentPath(), errno: EBADF))
        #expect(completion?.written == .zero)
        #expect(writer.failure != nil)
        writer.stop()
        store.close()
    }

    @Test("a flush in the background that fails is reported and stops the writer")
    func failedBackgroundFlushIsFatal() throws {
        let store = try self.log.open()
        try store.recover()
        let completions = Completions()
        var options = StoreWriter.Options()
        options.flushDelayMilliseconds = 10
        let writer = try StoreWriter.start(store, options: options) { completions.add($0) }
        try swapDescriptors(of: self.log.segmentPath(), for: "/dev/null")
        let bytes = batch(at: .zero, logID: store.logID, payload: 100)
        _ = writer.writeInline(WriteOrder(position: .zero, bytes: bytes, sync: false))
        let failed = try #require(completions.first { $0.failure != nil })
        #expect(failed.durable == .zero)
        #expect(writer.failure == failed.failure)
        writer.stop()
        store.close()
    }

    @Test(
        "a full disk refuses batches whole, and takes them again when space returns",
        .enabled(if: SmallDisk.isPossible, "mounting a tmpfs needs root"))
    func survivesAFullDisk() throws {
        let disk = try #require(SmallDisk(bytes: 2 << 20))
        var options = LogStore.Options()
        options.segmentBytes = 8 << 20
        options.zeroedAtStartBytes = 256 << 10
        options.zeroedAheadBytes = 512 << 10
        options.zeroChunkBytes = 64 << 10
        try disk.fill(leaving: 700 << 10)
        let store = try LogStore.open(directory: disk.path + "/log", options: options)
        try store.recover()
        let completions = Completions()
        let writer = try StoreWriter.start(store) { completions.add($0) }
        #expect(writer.space != .full)
        var position = PhysicalOffset.zero
        var refused: WriteOrder?
        while refused == nil {
            let bytes = batch(at: position, logID: store.logID, payload: 50_000)
            let order = WriteOrder(position: position, bytes: bytes, sync: true)
            let completion = try #require(writer.writeInline(order))
            if let failure = completion.failure {
                #expect(failure.isNoSpace)
                #expect(completion.written == position)
                refused = order
            } else {
                position = position.advanced(by: bytes.count)
            }
        }
        let first = try #require(refused)
        #expect(position.bytes > 400 << 10)
        #expect(writer.space == .full)
        #expect(writer.failure == nil)

        // What was on its way behind the refused batch has no place in the log.
        let later = first.position.advanced(by: first.bytes.count)
        let orphan = batch(at: later, logID: store.logID, payload: 10)
        let second = writer.writeInline(WriteOrder(position: later, bytes: orphan, sync: true))
        #expect(second?.failure?.isNoSpace == true)
        #expect(second?.written == position)
        #expect(try store.scanAll().end == position)

        try disk.empty()
        let again = try #require(writer.writeInline(first))
        #expect(again.failure == nil)
        #expect(again.durable == later)
        #expect(writer.space == .ok)
        writer.stop()
        #expect(try store.scanAll().end == later)
        store.close()
    }

    @Test(
        "a full disk is known before a batch needs the room, and tried again every second",
        .enabled(if: SmallDisk.isPossible, "mounting a tmpfs needs root"))
    func warnsOfAFullDisk() throws {
        let disk = try #require(SmallDisk(bytes: 2 << 20))
        var options = LogStore.Options()
        options.segmentBytes = 8 << 20
        options.zeroedAtStartBytes = 256 << 10
        options.zeroedAheadBytes = 1 << 20
        options.zeroChunkBytes = 64 << 10
        try disk.fill(leaving: 500 << 10)
        let store = try LogStore.open(directory: disk.path + "/log", options: options)
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        let isLow = becomesTrue {
            if case .low(let left) = writer.space { left >= 256 << 10 } else { false }
        }
        #expect(isLow)
        try disk.empty()
        #expect(becomesTrue { writer.space == .ok })
        writer.stop()
        store.close()
    }
}

/// Polls for ten seconds.
func becomesTrue(_ condition: () -> Bool) -> Bool {
    let pause = Wakeup()
    for _ in 0..<1_000 {
        if condition() { return true }
        pause.wait(timeoutMilliseconds: 10)
    }
    return false
}

/// Replaces every descriptor of this process that stands for `path`.
func swapDescriptors(
    of path: String, for other: String, _ flags: Int32 = O_RDWR
) throws {
    let replacement = open(other, flags | O_CLOEXEC)
    defer { close(replacement) }
    var swapped = 0
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
        let target = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/self/fd/\(name)")
        guard target == path, let descriptor = Int32(name), descriptor != replacement else {
            continue
        }
        dup2(replacement, descriptor)
        swapped += 1
    }
    if swapped == 0 { throw TestFailure("nobody has \(path) open") }
}

/// A tmpfs of a few megabytes, with a file that fills it.
private final class SmallDisk {
    private let directory = TemporaryDirectory()
    private let bytes: Int

    static let isPossible = SmallDisk(bytes: 4096) != nil

    var path: String { self.directory.path }

    init?(bytes: Int) {
        self.bytes = bytes
        try? FileManager.default.createDirectory(
            atPath: self.directory.path, withIntermediateDirectories: true)
        guard run("/bin/mount", "-t", "tmpfs", "-o", "size=\(bytes)", "tmpfs", self.path) else {
            return nil
        }
    }

    deinit { _ = run("/bin/umount", "-l", self.path) }

    func fill(leaving rest: Int) throws {
        try Data(count: self.bytes - rest).write(to: URL(fileURLWithPath: self.path + "/filler"))
    }

    func empty() throws { try FileManager.default.removeItem(atPath: self.path + "/filler") }
}

private func run(_ path: String, _ arguments: String...) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}
