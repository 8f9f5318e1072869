import BrokerEngine
import LogCore
import MessageFormat
import Testing

@testable import Simulation

/// Three batches on a virtual disk; a bit of the second flips.
@Suite("What recovery makes of a damaged log")
struct DamagedLogTests {
    private let store = VirtualLogStore(directory: "/store", logID: 7, segmentBytes: 1 << 20)
    private let starts: [PhysicalOffset]
    private let end: PhysicalOffset

    init() {
        var position = PhysicalOffset.zero
        var starts: [PhysicalOffset] = []
        for _ in 0..<3 {
            starts.append(position)
            let bytes = sampleBatch(at: position)
            self.store.write(bytes, at: position)
            position = position.advanced(by: bytes.count)
        }
        self.store.flush()
        self.starts = starts
        self.end = position
        self.store.segments[.zero]?.flipBit(3, at: starts[1].distance(from: .zero) + 20)
    }

    @Test("below what is confirmed it stays, and the broker counts its log only up to there")
    func confirmed() throws {
        let (engine, notes) = try self.store.recovered(confirmed: self.end)
        #expect(notes == [.damage(from: self.starts[1], to: self.starts[2])])
        #expect(engine.groupReport.logEnd == self.starts[1])
        #expect(engine.groupReport.confirmed == self.end)
        #expect(self.store.bytes(at: self.starts[2], count: 16) != nil)
    }

    @Test("behind it, damage is what a power cut leaves of a tail, and the log ends there")
    func unconfirmed() throws {
        let (engine, _) = try self.store.recovered(confirmed: self.starts[1])
        #expect(engine.groupReport.logEnd == self.starts[1])
        #expect(self.store.bytes(at: self.starts[1], count: 16) == nil)
    }
}

/// A segment is full, and the next one has begun: with its snapshot, and with what followed. None of
/// that was flushed when the power went, and of the two writes the disk has kept the second.
@Suite("What recovery makes of a power cut while a segment begins")
struct BegunSegmentTests {
    private let store = VirtualLogStore(directory: "/store", logID: 7, segmentBytes: 1 << 20)
    private let end: PhysicalOffset
    private let next = PhysicalOffset(1 << 20)

    init() {
        let first = sampleBatch(at: .zero)
        self.store.write(first, at: .zero)
        self.end = PhysicalOffset.zero.advanced(by: first.count)
        let lost = sampleBatch(at: self.next)
        let kept = self.next.advanced(by: lost.count)
        self.store.write(sampleBatch(at: kept), at: kept)
        self.store.flush()
    }

    @Test("behind all that is confirmed, the log ends where the segment before it does")
    func unconfirmed() throws {
        let (engine, _) = try self.store.recovered(confirmed: self.end)
        #expect(engine.groupReport.logEnd == self.end)
        #expect(self.store.segmentBases == [.zero])
    }

    @Test("what was confirmed in it is not cut off in silence")
    func confirmed() throws {
        let confirmed = self.next.advanced(by: 512)
        #expect(throws: ReadFailure.self) { try self.store.recovered(confirmed: confirmed) }
        #expect(self.store.segmentBases == [.zero, self.next])
    }
}

/// A full segment with four messages of one queue, each in a batch of its own, and the segment
/// behind it. One message rots, and the index file has to be made from what is left.
@Suite("What an index file is made of when its segment is damaged")
struct DamagedSegmentTests {
    private let store = VirtualLogStore(directory: "/store", logID: 7, segmentBytes: 4_096)
    private let queue = QueueKey(topic: "T", queueID: 0)
    private let next = PhysicalOffset(4_096)
    private var starts: [PhysicalOffset] = []

    init() {
        var position = PhysicalOffset.zero.advanced(by: self.put(sampleBatch(at: .zero), at: .zero))
        for number in Int64(0)..<4 {
            self.starts.append(position)
            let batch = messageBatch(QueueOffset(number), of: self.queue, at: position)
            position = position.advanced(by: self.put(batch, at: position))
        }
        var queues = QueueTable()
        queues[queues.findOrMake(self.queue)].restore(floor: .zero, next: QueueOffset(4))
        self.put(sampleBatch(at: self.next, QueueSnapshot.records(of: queues)), at: self.next)
        self.store.flush()
    }

    @discardableResult
    private func put(_ bytes: [UInt8], at position: PhysicalOffset) -> Int {
        self.store.write(bytes, at: position)
        return bytes.count
    }

    @Test("what rotted is found to the byte, and mended with what another log has there")
    func mended() throws {
        let range = self.starts[1]..<self.starts[2]
        let good = Array(
            try #require(
                self.store.bytes(
                    at: range.lowerBound,
                    count: range.upperBound.distance(from: range.lowerBound))))
        let end = try #require(self.starts.last).advanced(by: good.count)
        #expect(self.store.damagedRanges(of: .zero, endingAt: end, isFull: true).isEmpty)
        self.store.segments[.zero]?.flipBit(3, at: range.lowerBound.distance(from: .zero) + 60)
        #expect(self.store.damagedRanges(of: .zero, endingAt: end, isFull: true) == [range])
        var wrong = good
        wrong[60] ^= 1
        for (bytes, isWhole) in [(wrong, false), (good, true)] {
            let work = [
                SegmentWork.write(bytes, at: range.lowerBound, base: .zero, isFirst: true),
                .finish(base: .zero, mended: [range], end: end, isFirst: false),
            ]
            guard
                case .finished(base: _, let failure)? = work.map({ $0.carriedOut(in: self.store) })
                    .last
            else { continue }
            #expect((failure == nil) == isWhole)
            let left = self.store.damagedRanges(of: .zero, endingAt: end, isFull: true)
            #expect(left.isEmpty == isWhole)
        }
    }

    @Test(
        "a full segment that lost its last batches is damaged up to where its index says it ended")
    func lostEnd() {
        let end = PhysicalOffset(4_096)
        self.store.segments[.zero]?.truncate(to: self.starts[3].distance(from: .zero))
        #expect(
            self.store.damagedRanges(of: .zero, endingAt: end, isFull: true)
                == [self.starts[3]..<end])
        #expect(self.store.damagedRanges(of: .zero, endingAt: nil, isFull: false).isEmpty)
    }

    private func expectLoss(of lost: Int64) throws {
        let end = self.next.advanced(by: 64)
        let (engine, notes) = try self.store.recovered(confirmed: end)
        #expect(notes.contains { if case .damage = $0 { true } else { false } })
        #expect(engine.groupReport.logEnd == self.starts[Int(lost)])
        let queue = try #require(engine.queues.queue(self.queue))
        #expect(queue.minOffset == .zero)
        #expect(queue.visibleEnd == QueueOffset(4))
        for number in Int64(0)..<4 {
            var isThere = true
            if case .none = queue.place(of: QueueOffset(number)) { isThere = false }
            #expect(isThere == (number != lost))
        }
    }

    @Test("a message that rots keeps its offset, at every start", arguments: Int64(0)..<4)
    func rots(number: Int64) throws {
        self.store.segments[.zero]?.flipBit(
            3, at: self.starts[Int(number)].distance(from: .zero) + 20)
        try self.expectLoss(of: number)
        let index = try #require(try self.store.index(of: .zero))
        #expect(index.header.isPartial)
        try self.expectLoss(of: number)
    }

    @Test("the last message is missed although nothing is left of its batch")
    func vanishes() throws {
        let start = self.starts[3].distance(from: .zero)
        let count = try #require(self.store.segments[.zero]).bytes.count - start
        self.store.write([UInt8](repeating: 0, count: count), at: self.starts[3])
        let (engine, _) = try self.store.recovered(confirmed: self.next.advanced(by: 64))
        #expect(engine.groupReport.logEnd == self.starts[3])
        #expect(engine.queues.queue(self.queue)?.visibleEnd == QueueOffset(4))
    }

    @Test("where a segment ended is in its index file, whatever becomes of the segment")
    func knowsEnd() throws {
        let confirmed = self.next.advanced(by: 64)
        let end = PhysicalOffset(Int64(try #require(self.store.segments[.zero]).bytes.count))
        for _ in 0..<2 {
            let (engine, _) = try self.store.recovered(confirmed: confirmed)
            #expect(engine.segments.end(of: .zero) == end)
            self.store.write([UInt8](repeating: 0, count: 64), at: self.starts[3])
        }
    }

    @Test("a last batch without messages is missed by who knows where the segment ended")
    func stateVanishes() throws {
        let end = PhysicalOffset(Int64(try #require(self.store.segments[.zero]).bytes.count))
        var notes: [RecoveryNote] = []
        let recovery = LogRecovery(source: self.store) { notes.append($0) }
        _ = try recovery.madeAnew(.zero, endingAt: end)
        #expect(notes.isEmpty)
        let known = end.advanced(by: 64)
        let segment = try recovery.madeAnew(.zero, endingAt: known)
        #expect(notes == [.damage(from: end, to: known)])
        #expect(segment.end == known)
        #expect(try self.store.index(of: .zero)?.header.isPartial == true)
    }

    @Test("nothing is missed when nothing is damaged")
    func sound() throws {
        let (engine, _) = try self.store.recovered(confirmed: self.next.advanced(by: 64))
        #expect(engine.groupReport.logEnd > self.next)
        #expect(try self.store.index(of: .zero)?.header.isPartial == false)
    }
}

/// A broker that is alone: nobody else can tell it what its log had.
@Suite("What recovery makes of a lone log that ends too early")
struct ShortLogTests {
    private let store = VirtualLogStore(directory: "/store", logID: 7, segmentBytes: 1 << 20)
    private let last: PhysicalOffset
    private let end: PhysicalOffset

    init() {
        let first = sampleBatch(at: .zero)
        self.store.write(first, at: .zero)
        self.last = PhysicalOffset.zero.advanced(by: first.count)
        let second = sampleBatch(at: self.last)
        self.store.write(second, at: self.last)
        self.end = self.last.advanced(by: second.count)
        self.store.flush()
    }

    @Test("a rotten end that is known to have been on disk is not cut off in silence")
    func known() throws {
        self.store.segments[.zero]?.flipBit(3, at: self.last.distance(from: .zero) + 20)
        #expect(throws: ReadFailure.self) {
            try self.store.recoveredAlone(durableAtLeast: self.end)
        }
        #expect(self.store.bytes(at: self.last, count: 16) != nil)
    }

    @Test("behind what is known it is what a crash leaves of a write")
    func unknown() throws {
        self.store.segments[.zero]?.flipBit(3, at: self.last.distance(from: .zero) + 20)
        try self.store.recoveredAlone(durableAtLeast: self.last)
        #expect(self.store.bytes(at: self.last, count: 16) == nil)
    }

    @Test("a log that has all that is known goes on")
    func whole() throws {
        try self.store.recoveredAlone(durableAtLeast: self.end)
        #expect(self.store.bytes(at: self.last, count: 16) != nil)
    }
}

private func messageBatch(
    _ offset: QueueOffset, of queue: QueueKey, at position: PhysicalOffset
) -> [UInt8] {
    let host = HostAddress.unknown
    let draft = MessageDraft(
        topic: queue.topic, queueID: queue.queueID, bornTimestamp: Timestamp(milliseconds: 1),
        bornHost: host, storeHost: host)
    var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
    let at = position.advanced(by: bytes.count)
    [UInt8]("body".utf8).withUnsafeBytes { body in
        draft.append(
            to: &bytes, body: body, properties: UnsafeRawBufferPointer(start: nil, count: 0),
            queueOffset: offset, physicalOffset: at, storeTimestamp: Timestamp(milliseconds: 1))
    }
    return sealed(bytes, records: 1, at: position)
}

/// A batch that holds nothing but a snapshot: a segment may open with it.
private func sampleBatch(at position: PhysicalOffset, _ state: [StateRecord] = []) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
    let records = state + [StateRecord(kind: BrokerEngine.snapshotEndKind, payload: [])]
    for record in records { record.append(to: &bytes) }
    return sealed(bytes, records: records.count, at: position)
}

private func sealed(_ bytes: [UInt8], records: Int, at position: PhysicalOffset) -> [UInt8] {
    var bytes = bytes
    let header = LogBatchHeader(
        length: bytes.count, position: position, epoch: Epoch(1), records: records,
        storeTimestamp: Timestamp(milliseconds: 1), logID: 7)
    bytes.withUnsafeMutableBytes { header.seal($0) }
    return bytes + [UInt8](repeating: 0, count: header.paddedLength - bytes.count)
}

extension VirtualLogStore {
    /// The engine of a member of a group that starts with this log.
    fileprivate func recovered(
        confirmed: PhysicalOffset
    ) throws -> (BrokerEngine, [RecoveryNote]) {
        let now = VirtualClock().now(at: 0)
        var settings = BrokerSettings()
        settings.log.segmentBytes = self.segmentBytes
        settings.group = GroupSettings(brokerID: 1, incarnation: 1)
        settings.group?.confirmedAtLeast = confirmed
        var engine = BrokerEngine(settings: settings, logID: 7, at: now)
        var notes: [RecoveryNote] = []
        try LogRecovery(source: self) { notes.append($0) }.run(&engine, at: now)
        return (engine, notes)
    }

    fileprivate func recoveredAlone(durableAtLeast: PhysicalOffset) throws {
        let now = VirtualClock().now(at: 0)
        var settings = BrokerSettings()
        settings.log.segmentBytes = self.segmentBytes
        var engine = BrokerEngine(settings: settings, logID: 7, at: now)
        try LogRecovery(source: self, durableAtLeast: durableAtLeast) { _ in }.run(&engine, at: now)
    }
}
