import Foundation
import MessageFormat

@testable import Storage

/// A broker's directory with one of each file: two full segments with their index files, one that is
/// being written, a spare, and what the broker knows of its group.
///
/// Messages alternate between two queues, two to a batch.
final class WholeStore {
    static let segmentBytes = 8_192
    static let rules = StoreCheckRules(
        snapshotEnd: 101, queueEnds: { kind, payload in WholeStore.ends(kind, payload) },
        smallFiles: [
            "identity": .init(
                means: "nobody knows whose it is",
                problem: { bytes, _ in
                    String(decoding: bytes, as: UTF8.self) == "me" ? nil : "it does not say me"
                })
        ])

    let log = TestLog(segmentBytes: WholeStore.segmentBytes)
    private(set) var logID = UInt64(0)
    /// Where each batch of each segment starts.
    private(set) var batches: [Int: [Int]] = [:]
    private(set) var end = PhysicalOffset.zero
    private var next: [Int64] = [0, 0]

    init() throws {
        try self.log.withStore { store in
            self.logID = store.logID
            var position = try store.recover()
            let writer = try StoreWriter.start(store) { _ in }
            for segment in 0..<3 {
                position = PhysicalOffset(Int64(segment * Self.segmentBytes))
                let runs = try self.fill(from: position, batches: segment < 2 ? 20 : 8, writer)
                guard segment < 2 else { break }
                let image = SegmentIndexImage.encode(
                    logID: self.logID, base: position, end: self.end, runs: runs,
                    keys: runs[0].entries.map { SegmentIndexKey(hash: 7, position: $0.position) })
                try store.writeIndex(position, image: image)
            }
            writer.stop()
            try store.writeCheckpoint(
                LogCheckpoint(logID: self.logID, confirmed: self.end, masterEpoch: Epoch(3)))
            try store.replaceFile("identity", with: Array("me".utf8))
            _ = try store.createSegment(PhysicalOffset(Int64(3 * Self.segmentBytes)))
        }
    }

    var messages: Int { Int(self.next[0] + self.next[1]) }

    func check(
        _ acknowledged: AcknowledgedMessages = AcknowledgedMessages(), messagesMin: Int? = nil
    ) throws -> StoreReport {
        var check = try StoreCheck(self.log.path, rules: Self.rules, acknowledged: acknowledged)
        return try check.run(messagesMin: messagesMin)
    }

    func change(_ file: String, _ body: (inout [UInt8]) -> Void) throws {
        let url = URL(fileURLWithPath: "\(self.log.path)/\(file)")
        var bytes = [UInt8](try Data(contentsOf: url))
        body(&bytes)
        try Data(bytes).write(to: url)
    }

    func delete(_ file: String) throws {
        try FileManager.default.removeItem(atPath: "\(self.log.path)/\(file)")
    }

    static func segment(_ number: Int) -> String {
        "commitlog/\(LogPaths.digits(PhysicalOffset(Int64(number * Self.segmentBytes))))"
    }

    static func index(_ number: Int) -> String {
        "index/\(LogPaths.indexName(PhysicalOffset(Int64(number * Self.segmentBytes))))"
    }

    private func fill(
        from base: PhysicalOffset, batches: Int, _ writer: StoreWriter
    ) throws -> [SegmentIndexRun] {
        var runs = (0..<2).map {
            SegmentIndexRun(
                key: QueueKey(topic: "orders", queueID: Int32($0)),
                first: QueueOffset(self.next[$0]),
                entries: [])
        }
        var position = base
        for number in 0...batches {
            let bytes = number == 0 ? self.snapshot(at: position) : self.batch(at: position, &runs)
            let order = WriteOrder(position: position, bytes: bytes, sync: true)
            guard let written = writer.writeInline(order), written.failure == nil else {
                throw TestFailure("the writer is busy")
            }
            self.batches[Int(base.bytes) / Self.segmentBytes, default: []]
                .append(position.distance(from: base))
            position = order.end
        }
        self.end = position
        return runs
    }

    private func snapshot(at position: PhysicalOffset) -> [UInt8] {
        var payload: [UInt8] = []
        for end in self.next { payload.append(bigEndian: end) }
        return self.sealed(at: position) { bytes in
            StateRecord(kind: 100, payload: payload).append(to: &bytes)
            StateRecord(kind: 101, payload: []).append(to: &bytes)
        }
    }

    private static func ends(
        _ kind: UInt16, _ payload: UnsafeRawBufferPointer
    ) -> [(key: QueueKey, end: QueueOffset)] {
        guard kind == 100 else { return [] }
        return (0..<2).map {
            (
                QueueKey(topic: "orders", queueID: Int32($0)),
                QueueOffset(payload.bigEndian(Int64.self, at: 8 * $0))
            )
        }
    }

    private func batch(at position: PhysicalOffset, _ runs: inout [SegmentIndexRun]) -> [UInt8] {
        self.sealed(at: position) { bytes in
            for queue in 0..<2 {
                let at = position.advanced(by: bytes.count)
                let start = bytes.count
                self.message(in: queue, at: at, &bytes)
                let stored = bytes[start...].withUnsafeBytes { Checksum.crc32c($0) }
                runs[queue].entries.append(
                    IndexEntry(
                        position: at, size: UInt32(bytes.count - start), checksum: stored,
                        tagHash: 0, storeTimestamp: Timestamp(milliseconds: 1_000)))
            }
        }
    }

    private func message(in queue: Int, at position: PhysicalOffset, _ bytes: inout [UInt8]) {
        let host = HostAddress(ip: [127, 0, 0, 1], port: 10911)
        let draft = MessageDraft(
            topic: "orders", queueID: Int32(queue), bornTimestamp: Timestamp(milliseconds: 900),
            bornHost: host, storeHost: host)
        var properties = MessageProperties()
        properties[PropertyName.uniqueKey] = "id-\(queue)-\(self.next[queue])"
        let offset = QueueOffset(self.next[queue])
        self.next[queue] += 1
        Array(properties.encoded.utf8).withUnsafeBytes { properties in
            Array("a body".utf8).withUnsafeBytes { body in
                draft.append(
                    to: &bytes, body: body, properties: properties, queueOffset: offset,
                    physicalOffset: position, storeTimestamp: Timestamp(milliseconds: 1_000))
            }
        }
    }

    private func sealed(at position: PhysicalOffset, _ records: (inout [UInt8]) -> Void) -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
        records(&bytes)
        let header = LogBatchHeader(
            length: bytes.count, position: position, epoch: Epoch(3), records: 2,
            storeTimestamp: Timestamp(milliseconds: 1_000), logID: self.logID)
        bytes += [UInt8](repeating: 0, count: header.paddedLength - bytes.count)
        bytes.withUnsafeMutableBytes { header.seal($0) }
        return bytes
    }
}
