import MessageFormat
import Testing

@testable import Storage

@Suite("Recovery")
struct RecoveryTests {
    private let log = TestLog(segmentBytes: 16 << 10)

    @Test("a scan visits every batch in order and stops at the zeroes")
    func visitsAll() throws {
        let starts = try self.log.fill([100, 1, 300, 0])
        try self.log.withStore { store in
            var visited: [PhysicalOffset] = []
            let result = try store.scan(segment: .zero) { bytes, header in
                #expect(bytes.count == header.length)
                visited.append(header.position)
            }
            #expect(visited == starts)
            #expect(result.batches == 4)
            #expect(result.stoppedBy == .empty)
            #expect(result.laterValidBatch == nil)
        }
    }

    @Test("a scan may start at any batch")
    func startsInTheMiddle() throws {
        let starts = try self.log.fill([100, 200, 300])
        try self.log.withStore { store in
            let result = try store.scan(segment: .zero, from: starts[1]) { _, _ in }
            #expect(result.batches == 2)
        }
    }

    @Test("a file that is cut at any byte of its last batch loses that batch only")
    func survivesEveryTruncation() throws {
        let starts = try self.log.fill([40, 60, 90])
        let good = try self.log.segmentBytes()
        let last = Int(starts[2].bytes)
        let length = LogBatchHeader.count + StateRecord.headerCount + 90
        for cut in last..<(last + length) {
            try self.log.replaceSegment(with: Array(good[..<cut]))
            let result = try self.log.withStore { try $0.scanAll() }
            #expect(result.end == starts[2], "cut at \(cut)")
            #expect(result.isCleanOrTorn, "cut at \(cut)")
        }
    }

    @Test("a write that reached the disk in part, at any byte, is cut off and written over")
    func survivesEveryTornWrite() throws {
        let starts = try self.log.fill([40, 60, 90])
        let good = try self.log.segmentBytes()
        let last = Int(starts[2].bytes)
        for torn in stride(from: last + 1, to: last + 148, by: 7) {
            let zeroes = [UInt8](repeating: 0, count: good.count - torn)
            try self.log.replaceSegment(with: Array(good[..<torn]) + zeroes)
            try self.log.fill([10])
            let result = try self.log.withStore { try $0.scanAll() }
            #expect(result.batches == 3, "torn at \(torn)")
            #expect(result.stoppedBy == .empty, "torn at \(torn)")
        }
    }

    @Test("a flipped bit anywhere in the last batch takes that batch only")
    func noticesFlipsInTheTail() throws {
        let starts = try self.log.fill([40, 60, 90])
        try self.flipEach(in: Int(starts[2].bytes)..<(Int(starts[2].bytes) + 148)) { result, at in
            #expect(result.end == starts[2], "byte \(at)")
            #expect(result.laterValidBatch == nil, "byte \(at)")
        }
    }

    @Test("a flipped bit in the middle is told from a torn tail")
    func noticesFlipsInTheMiddle() throws {
        let starts = try self.log.fill([40, 60, 90])
        try self.flipEach(in: Int(starts[1].bytes)..<(Int(starts[1].bytes) + 118)) { result, at in
            #expect(result.end == starts[1], "byte \(at)")
            #expect(result.laterValidBatch == starts[2], "byte \(at)")
        }
    }

    @Test("a flipped bit in the very first batch is noticed")
    func noticesFlipsInTheHead() throws {
        let starts = try self.log.fill([40, 60, 90])
        try self.flipEach(in: 0..<98) { result, at in
            #expect(result.end == .zero, "byte \(at)")
            #expect(result.laterValidBatch == starts[1], "byte \(at)")
        }
    }

    @Test("bytes of another log, of another place or of another time are no batches")
    func refusesForeignBatches() throws {
        let starts = try self.log.fill([40])
        let logID = try self.log.withStore { $0.logID }
        let end = try self.log.withStore { try $0.scanAll().end }
        let good = try self.log.segmentBytes()
        let wrongLog = batch(at: end, logID: logID &+ 1, payload: 40)
        let wrongPlace = Array(good[Int(starts[0].bytes)..<Int(end.bytes)])
        for (bytes, expected) in [
            (wrongLog, LogBatchError.wrongLog(found: logID &+ 1, expected: logID)),
            (wrongPlace, .wrongPosition(found: starts[0], expected: end)),
            ([UInt8](repeating: 7, count: 64), .wrongMagic(0x0707_0707)),
        ] {
            var bad = good
            bad.replaceSubrange(Int(end.bytes)..<(Int(end.bytes) + bytes.count), with: bytes)
            try self.log.replaceSegment(with: bad)
            let result = try self.log.withStore { try $0.scanAll() }
            #expect(result.end == end)
            #expect(result.stoppedBy == expected)
            #expect(result.laterValidBatch == nil)
        }
    }

    @Test("stale batches behind the end are gone after truncation, for ever")
    func truncationErases() throws {
        let starts = try self.log.fill([40, 60, 90, 120])
        try self.log.withStore { store in
            _ = try store.scanAll()
            try store.truncate(to: starts[1])
            let writer = try StoreWriter.start(store) { _ in }
            defer { writer.stop() }
            // As long as the batch that was there: what followed it would follow this one too.
            try write([60], from: starts[1], with: writer, logID: store.logID)
        }
        let result = try self.log.withStore { try $0.scanAll() }
        #expect(result.end == starts[2])
        #expect(result.stoppedBy == .empty)
        #expect(result.laterValidBatch == nil)
    }

    @Test("truncation deletes later segments, and index files that would describe other bytes")
    func truncationDeletesLaterSegments() throws {
        let segment = 16 << 10
        try self.log.fill([segment - 48 - 10])
        try self.log.withStore { store in
            #expect(try store.scanAll().stoppedBy == nil)
            let next = PhysicalOffset(Int64(segment))
            try store.truncate(to: next)
            let writer = try StoreWriter.start(store) { _ in }
            try write([100], from: next, with: writer, logID: store.logID)
            writer.stop()
            for base in [.zero, next] { try store.writeIndex(base, image: [1]) }
            try store.truncate(to: .zero)
            #expect(store.segmentBases == [.zero])
            #expect(try store.segments[0].hasIndex == false)
        }
        try self.log.withStore { store in
            #expect(store.segmentBases == [.zero])
            let result = try store.scanAll()
            #expect(result.stoppedBy == .empty)
        }
    }

    @Test("a log whose tail is clean keeps its prepared space")
    func keepsPreparedSpace() throws {
        try self.log.fill([100])
        let before = try self.log.segmentBytes().count
        try self.log.withStore { _ = try $0.recover() }
        #expect(try self.log.segmentBytes().count == before)
        #expect(before == 16 << 10)
    }

    @Test("a segment that lost its middle blocks shows what lies behind")
    func noticesZeroedBlocks() throws {
        let starts = try self.log.fill([1_000, 1_000, 1_000, 1_000])
        var bytes = try self.log.segmentBytes()
        let hole = Int(starts[1].bytes)..<Int(starts[2].bytes)
        bytes.replaceSubrange(hole, with: [UInt8](repeating: 0, count: hole.count))
        try self.log.replaceSegment(with: bytes)
        let result = try self.log.withStore { try $0.scanAll() }
        #expect(result.end == starts[1])
        #expect(result.stoppedBy == .empty)
        #expect(result.laterValidBatch == starts[2])
    }

    @Test("batches longer than the scan's window are read whole")
    func readsLongBatches() throws {
        let log = TestLog(segmentBytes: 40 << 20)
        try log.fill([7 << 20, 15 << 20, 100])
        let result = try log.withStore { try $0.scanAll() }
        #expect(result.batches == 3)
        #expect(result.stoppedBy == .empty)
    }

    private func flipEach(
        in range: Range<Int>, _ check: (ScanResult, Int) -> Void
    ) throws {
        let good = try self.log.segmentBytes()
        try self.log.withStore { store in
            for at in range {
                var bad = good
                bad[at] ^= 0x04
                try self.log.replaceSegment(with: bad)
                store.openSegments.removeAll()
                check(try store.scanAll(), at)
            }
        }
    }
}
