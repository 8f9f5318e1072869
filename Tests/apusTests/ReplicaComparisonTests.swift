import Foundation
import MessageFormat
import Testing

@testable import apus

/// Method: logs written by hand, in segments of 4 KiB.
@Suite("comparing replicas' logs")
struct ReplicaComparisonTests {
    @Test("copies are identical up to the shortest")
    func identical() throws {
        let scratch = try LogScratch()
        defer { scratch.delete() }
        let long = try scratch.log("a", batches: [100, 200, 300])
        let short = try scratch.log("b", batches: [100, 200])
        let comparison = ReplicaComparison(group: "g", logs: [long, short], limit: nil)
        #expect(comparison.finding == .identical)
        #expect(comparison.range == 0..<416)
        #expect(comparison.extents.map(\.end) == [768, 416])
        #expect(long.group == "g")
    }

    @Test("one different byte is found, in the second segment too")
    func different() throws {
        let scratch = try LogScratch()
        defer { scratch.delete() }
        let batches = [3_000, 900, 500]  // the third one opens the second segment
        let one = try scratch.log("a", batches: batches)
        let same = try scratch.log("b", batches: batches)
        let other = try scratch.log("c", batches: batches, filledWith: [1, 1, 2])
        #expect(one.scan().end == 4_656)
        let good = ReplicaComparison(group: "g", logs: [one, same], limit: nil)
        #expect(good.finding == .identical)
        let bad = ReplicaComparison(group: "g", logs: [one, other], limit: nil)
        // The checksum in the batch's header is the first byte that can differ.
        guard case .differ(let position, let directory) = bad.finding else {
            Issue.record("\(bad.finding)")
            return
        }
        #expect((4_100...4_103).contains(position))
        #expect(directory == other.directory)
        let confirmed = ReplicaComparison(group: "g", logs: [one, other], limit: 4_096)
        #expect(confirmed.finding == .identical)
    }

    @Test("a batch that rotted in the middle is damage, not the log's end")
    func damaged() throws {
        let scratch = try LogScratch()
        defer { scratch.delete() }
        let log = try scratch.log("a", batches: [100, 100, 100])
        try scratch.change("a", at: 160 + 60)
        let comparison = ReplicaComparison(group: "g", logs: [log], limit: nil)
        #expect(
            comparison.finding
                == .damaged(in: log.directory, "the log breaks off at 160 and goes on at 320"))
    }

    @Test("a torn last batch is the log's end")
    func torn() throws {
        let scratch = try LogScratch()
        defer { scratch.delete() }
        let log = try scratch.log("a", batches: [100, 100])
        try scratch.change("a", at: 160 + 60)
        #expect(log.scan().end == 160)
        #expect(log.scan().damage == nil)
    }

    @Test("logs of different identities are no copies of each other")
    func otherLog() throws {
        let scratch = try LogScratch()
        defer { scratch.delete() }
        let logs = [
            try scratch.log("a", batches: [100]), try scratch.log("b", batches: [100], logID: 8),
        ]
        let comparison = ReplicaComparison(group: "g", logs: logs, limit: nil)
        #expect(comparison.finding == .differentLogs)
    }

    @Test("a directory without a log is refused with a reason")
    func noLog() throws {
        let scratch = try LogScratch()
        defer { scratch.delete() }
        #expect(throws: CommandFailure.self) { try StoredLog(directory: scratch.path) }
    }
}

/// Writes logs as brokers do.
private struct LogScratch {
    static let segmentBytes = 4_096

    let path: String

    init() throws {
        self.path = FileManager.default.temporaryDirectory.path + "/apus-log-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func delete() { try? FileManager.default.removeItem(atPath: self.path) }

    /// A log with batches of so many bytes of records.
    func log(
        _ name: String, batches: [Int], filledWith fillers: [UInt8] = [1, 1, 1], logID: UInt64 = 7
    ) throws -> StoredLog {
        let directory = "\(self.path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: "\(directory)/commitlog", withIntermediateDirectories: true)
        try self.write("cluster#g#1", to: "\(directory)/brokerIdentity")
        try self.write(self.identity(logID), to: "\(directory)/log-identity")
        var segments: [Int: [UInt8]] = [0: []]
        var position = 0
        for (count, filler) in zip(batches, fillers) {
            let padded = LogBatchHeader.padded(LogBatchHeader.count + count)
            if position % Self.segmentBytes + padded > Self.segmentBytes {
                position = (position / Self.segmentBytes + 1) * Self.segmentBytes
            }
            let base = position / Self.segmentBytes * Self.segmentBytes
            segments[base, default: []] += self.batch(position, count, filler, logID)
            position += padded
        }
        for (base, bytes) in segments {
            let padding = [UInt8](repeating: 0, count: Self.segmentBytes - bytes.count)
            let digits = String(base)
            let file = String(repeating: "0", count: 20 - digits.count) + digits
            try self.write(bytes + padding, to: "\(directory)/commitlog/\(file)")
        }
        return try StoredLog(directory: directory)
    }

    /// Turns a byte of the first segment over.
    func change(_ name: String, at offset: Int) throws {
        let file = "\(self.path)/\(name)/commitlog/00000000000000000000"
        var data = try Data(contentsOf: URL(fileURLWithPath: file))
        data[offset] ^= 0x10
        try data.write(to: URL(fileURLWithPath: file))
    }

    private func batch(_ position: Int, _ count: Int, _ filler: UInt8, _ logID: UInt64) -> [UInt8] {
        let length = LogBatchHeader.count + count
        var bytes = [UInt8](repeating: filler, count: length)
        let header = LogBatchHeader(
            length: length, position: PhysicalOffset(Int64(position)), epoch: Epoch(3), records: 1,
            storeTimestamp: Timestamp(milliseconds: 5), logID: logID)
        bytes.withUnsafeMutableBytes { header.seal($0) }
        return bytes + [UInt8](repeating: 0, count: LogBatchHeader.padded(length) - length)
    }

    private func identity(_ logID: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt32(0x4150_4944))
        bytes.append(bigEndian: UInt16(1))
        bytes.append(bigEndian: UInt16(0))
        bytes.append(bigEndian: logID)
        bytes.append(bigEndian: Int64(Self.segmentBytes))
        bytes.append(bigEndian: bytes.withUnsafeBytes { Checksum.crc32c($0) })
        return bytes
    }

    private func write(_ text: String, to path: String) throws {
        try self.write(Array(text.utf8), to: path)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
