import Foundation
import MessageFormat
import Testing

@testable import Storage

@Suite("Opening a log")
struct OpeningTests {
    private let log = TestLog()

    @Test("a new log has an identity that it keeps")
    func keepsItsIdentity() throws {
        let first = try self.log.withStore { $0.logID }
        let second = try self.log.withStore { $0.logID }
        #expect(first == second)
        #expect(first != 0)
    }

    @Test("a second opener is told who is in the way")
    func isExclusive() throws {
        let store = try self.log.open()
        let lock = self.log.path + "/lock"
        #expect(throws: StorageError.locked(path: lock)) { try self.log.open() }
        store.close()
        try self.log.withStore { _ in }
    }

    @Test("another process sees the lock, and no longer when the store is closed")
    func isExclusiveAcrossProcesses() throws {
        let store = try self.log.open()
        #expect(try Self.otherProcessCanLock(self.log.path + "/lock") == false)
        store.close()
        #expect(try Self.otherProcessCanLock(self.log.path + "/lock") == true)
    }

    @Test("the segment size of an existing log stays")
    func keepsItsSegmentSize() throws {
        try self.log.withStore { #expect($0.segmentBytes == 64 << 10) }
        var other = self.log
        other.options.segmentBytes = 128 << 10
        try other.withStore { #expect($0.segmentBytes == 64 << 10) }
    }

    @Test("segment sizes are multiples of a block", arguments: [0, 100, 4095, 5000])
    func refusesOddSegmentSizes(bytes: Int) {
        let log = TestLog(segmentBytes: bytes)
        #expect(throws: StorageError.wrongSegmentSize(bytes: bytes)) { try log.open() }
    }

    @Test("a flipped bit anywhere in the identity is noticed")
    func checksIdentity() throws {
        try self.log.withStore { _ in }
        let url = URL(fileURLWithPath: self.log.path + "/log-identity")
        let good = try Data(contentsOf: url)
        for at in 0..<good.count {
            var bad = good
            bad[at] ^= 0x10
            try bad.write(to: url)
            #expect(throws: StorageError.self, "byte \(at)") { try self.log.open() }
        }
        for count in 0..<good.count {
            try good.prefix(count).write(to: url)
            #expect(throws: StorageError.self, "\(count) bytes") { try self.log.open() }
        }
        try good.write(to: url)
        try self.log.withStore { _ in }
    }

    @Test("a lost identity is not replaced when the log holds batches")
    func refusesSegmentsWithoutIdentity() throws {
        try self.log.fill([100])
        try FileManager.default.removeItem(atPath: self.log.path + "/log-identity")
        #expect(throws: StorageError.self) { try self.log.open() }
    }

    @Test("a crash before the identity was written starts the log anew")
    func survivesACrashAtFirstStart() throws {
        try self.log.withStore { _ in }
        try FileManager.default.removeItem(atPath: self.log.path + "/log-identity")
        try self.log.withStore { #expect($0.segmentBases == [.zero]) }
    }

    @Test("an identity without segments is a log that lost them")
    func refusesLostSegments() throws {
        try self.log.fill([100])
        try FileManager.default.removeItem(atPath: self.log.segmentPath())
        #expect(throws: StorageError.self) { try self.log.open() }
    }

    @Test("a gap between segments is refused, with both numbers")
    func refusesGaps() throws {
        try self.log.withStore { _ in }
        let directory = self.log.path + "/commitlog"
        try Data().write(to: URL(fileURLWithPath: self.log.segmentPath(3 * 65536)))
        #expect(
            throws: StorageError.segmentGap(
                directory: directory, expected: PhysicalOffset(65536),
                found: PhysicalOffset(3 * 65536))
        ) { try self.log.open() }
    }

    @Test(
        "foreign names among the segments are refused",
        arguments: ["notes.txt", "00000000000000000001", "0000000000000000000a", "65536"])
    func refusesForeignFiles(name: String) throws {
        try self.log.withStore { _ in }
        let path = self.log.path + "/commitlog/" + name
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(throws: StorageError.foreignFile(path: path)) { try self.log.open() }
    }

    @Test("left-overs of a cut-off write are ignored")
    func ignoresTemporaryFiles() throws {
        try self.log.withStore { _ in }
        for name in ["commitlog/x.tmp", "log-identity.tmp", "index/x.index.tmp"] {
            try Data([1]).write(to: URL(fileURLWithPath: self.log.path + "/" + name))
        }
        try self.log.withStore { #expect($0.segmentBases == [.zero]) }
    }

    @Test("a segment longer than the log's size is refused")
    func refusesLongSegments() throws {
        try self.log.withStore { _ in }
        try self.log.replaceSegment(with: [UInt8](repeating: 0, count: 65537))
        #expect(throws: StorageError.self) { try self.log.open() }
    }

    private static func otherProcessCanLock(_ path: String) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
        process.arguments = ["--nonblock", path, "true"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
