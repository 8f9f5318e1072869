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

/// A batch that holds nothing but the end of a snapshot: a segment may open with it.
private func sampleBatch(at position: PhysicalOffset) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
    StateRecord(kind: BrokerEngine.snapshotEndKind, payload: []).append(to: &bytes)
    let header = LogBatchHeader(
        length: bytes.count, position: position, epoch: Epoch(1), records: 1,
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
}
