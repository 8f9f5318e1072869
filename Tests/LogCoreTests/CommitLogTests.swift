import LogCore
import MessageFormat
import Testing

@Suite("The log gives places and gathers batches")
struct CommitLogTests {
    private static let wall = Timestamp(milliseconds: 1_700_000_000_000)

    private func log(segmentBytes: Int = 4_096, end: Int64 = 0) -> CommitLog {
        var options = CommitLog.Options()
        options.segmentBytes = segmentBytes
        return CommitLog(
            logID: 7, epoch: Epoch(1), end: PhysicalOffset(end), options: options)
    }

    private func append(
        _ body: String, to log: inout CommitLog, queue: Int = 0, at offset: Int64 = 0
    ) -> Appended {
        let draft = MessageDraft(
            topic: "T", queueID: 0, bornTimestamp: Self.wall, bornHost: .unknown,
            storeHost: .unknown)
        var body = body
        return body.withUTF8 { bytes in
            log.append(
                draft, body: UnsafeRawBufferPointer(bytes),
                properties: UnsafeRawBufferPointer(start: nil, count: 0),
                to: QueueNumber(queue), at: QueueOffset(offset), tagHash: 0, keys: [],
                now: Self.wall)
        }
    }

    @Test("what gathers between two plans is one batch, checked and readable")
    func oneBatch() throws {
        var log = self.log()
        let first = self.append("one", to: &log)
        let second = self.append("two", to: &log, at: 1)
        #expect(first.end < second.end || first.end == second.end)
        let planned = log.takePlanned()
        #expect(planned.count == 1)
        let batch = try #require(planned.first)
        #expect(batch.end == second.end)
        var bodies: [String] = []
        try batch.bytes.withUnsafeBytes { bytes in
            let header = try LogBatchHeader(checking: bytes, at: .zero, logID: 7)
            #expect(header.records == 2)
            try LogRecord.forEach(in: bytes, of: header) { record in
                guard case .message(let message, let position) = record else { return }
                #expect(message.physicalOffset == position)
                bodies.append(String(decoding: message.body, as: UTF8.self))
            }
        }
        #expect(bodies == ["one", "two"])
    }

    @Test("records that belong together share a batch, however full it was", arguments: 0..<80)
    func together(bodyBytes: Int) {
        var options = CommitLog.Options()
        options.batchBytesMax = 512
        var log = CommitLog(logID: 7, epoch: Epoch(1), end: .zero, options: options)
        let record = StateRecord(kind: 10, payload: Array(repeating: 1, count: 16))
        let body = String(repeating: "x", count: 8 * bodyBytes)
        _ = self.append(body, to: &log)
        let message = 91 + 1 + body.utf8.count
        log.keepTogether(message + StateRecord.headerCount + record.payload.count)
        let first = self.append(body, to: &log, at: 1)
        log.append(record, now: Self.wall)
        let batches = log.takePlanned()
        let holder = batches.first { $0.position <= first.position && first.position < $0.end }
        #expect(holder?.bytes.suffix(32).contains(1) == true)
        #expect(batches.last?.position == holder?.position)
        _ = self.append(body, to: &log, at: 2)
        _ = self.append(body, to: &log, at: 3)
        #expect(log.takePlanned().count == (2 * message + 48 > 512 ? 2 : 1))
    }

    @Test("nothing gathered means nothing to write")
    func empty() {
        var log = self.log()
        #expect(log.takePlanned().isEmpty)
        #expect(!log.hasGathered)
    }

    @Test("batches follow each other without a gap, aligned")
    func contiguous() {
        var log = self.log()
        var end = PhysicalOffset.zero
        for number in 0..<5 {
            _ = self.append(String(repeating: "x", count: number), to: &log, at: Int64(number))
            for batch in log.takePlanned() {
                #expect(batch.position == end)
                #expect(batch.bytes.count % LogBatchHeader.alignment == 0)
                end = batch.end
            }
        }
        #expect(log.end == end)
    }

    @Test("a record that does not fit goes to the next segment, and never across its end")
    func roll() {
        var log = self.log()
        let body = String(repeating: "x", count: 3_000)
        _ = self.append(body, to: &log)
        let size = 91 + 1 + 3_000
        #expect(!log.fits(size))
        log.roll()
        #expect(log.isAtSegmentStart)
        let appended = self.append(body, to: &log, at: 1)
        #expect(appended.position == PhysicalOffset(4_096 + 48))
        #expect(log.takePlanned().map(\.position.bytes) == [0, 4_096])
    }

    @Test("entries wait until their batch is confirmed")
    func confirmation() {
        var log = self.log()
        _ = self.append("one", to: &log)
        let first = log.takePlanned()[0]
        _ = self.append("two", to: &log, at: 1)
        let second = log.takePlanned()[0]
        var seen: [Int64] = []
        log.confirmed(upTo: first.end) { seen += $0.entries.map(\.queueOffset.value) }
        #expect(seen == [0])
        log.confirmed(upTo: PhysicalOffset(second.end.bytes - 1)) { _ in seen.append(-1) }
        log.confirmed(upTo: second.end) { seen += $0.entries.map(\.queueOffset.value) }
        #expect(seen == [0, 1])
        #expect(log.unconfirmed.isEmpty)
    }

    @Test("store times never go back, whatever the clock does")
    func clockGoesBack() {
        var log = self.log()
        log.append(StateRecord(kind: 1, payload: []), now: Self.wall)
        let early = Timestamp(milliseconds: Self.wall.milliseconds - 5_000)
        log.append(StateRecord(kind: 1, payload: []), now: early)
        let batch = log.takePlanned()[0]
        let header = batch.bytes.withUnsafeBytes {
            try? LogBatchHeader(checking: $0, at: .zero, logID: 7)
        }
        #expect(header?.storeTimestamp == Self.wall)
    }

    @Test("whatever fits ends within its segment, also when it starts another batch")
    func fitsAtTheEnd() {
        var options = CommitLog.Options()
        options.segmentBytes = 4_096
        options.batchBytesMax = 1_024
        for filler in 800..<1_000 {
            for last in stride(from: 700, to: 1_400, by: 7) {
                var log = CommitLog(logID: 7, epoch: Epoch(1), end: .zero, options: options)
                for payload in [filler, filler, filler, last] {
                    guard log.fits(StateRecord.headerCount + payload) else { continue }
                    log.append(
                        StateRecord(kind: 1, payload: [UInt8](repeating: 1, count: payload)),
                        now: Self.wall)
                }
                let planned = log.takePlanned()
                #expect(planned.allSatisfy { $0.end.bytes <= 4_096 }, "\(filler), \(last)")
            }
        }
    }
}
