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
            let bytes = Self.batch(at: position)
            self.store.write(bytes, at: position)
            position = position.advanced(by: bytes.count)
        }
        self.store.flush()
        self.starts = starts
        self.end = position
        self.store.segments[.zero]?.flipBit(3, at: starts[1].distance(from: .zero) + 20)
    }

    private static func batch(at position: PhysicalOffset) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: LogBatchHeader.count)
        StateRecord(kind: BrokerEngine.snapshotEndKind, payload: []).append(to: &bytes)
        let header = LogBatchHeader(
            length: bytes.count, position: position, epoch: Epoch(1), records: 1,
            storeTimestamp: Timestamp(milliseconds: 1), logID: 7)
        bytes.withUnsafeMutableBytes { header.seal($0) }
        return bytes + [UInt8](repeating: 0, count: header.paddedLength - bytes.count)
    }

    private func recovered(confirmed: PhysicalOffset) throws -> (BrokerEngine, [RecoveryNote]) {
        let now = VirtualClock().now(at: 0)
        var settings = BrokerSettings()
        settings.log.segmentBytes = self.store.segmentBytes
        settings.group = GroupSettings(brokerID: 1, incarnation: 1)
        settings.group?.confirmedAtLeast = confirmed
        var engine = BrokerEngine(settings: settings, logID: 7, at: now)
        var notes: [RecoveryNote] = []
        try LogRecovery(source: self.store) { notes.append($0) }.run(&engine, at: now)
        return (engine, notes)
    }

    @Test("below what is confirmed it stays, and the broker counts its log only up to there")
    func confirmed() throws {
        let (engine, notes) = try self.recovered(confirmed: self.end)
        #expect(notes == [.damage(from: self.starts[1], to: self.starts[2])])
        #expect(engine.groupReport.logEnd == self.starts[1])
        #expect(engine.groupReport.confirmed == self.end)
        #expect(self.store.bytes(at: self.starts[2], count: 16) != nil)
    }

    @Test("behind it, damage is what a power cut leaves of a tail, and the log ends there")
    func unconfirmed() throws {
        let (engine, _) = try self.recovered(confirmed: self.starts[1])
        #expect(engine.groupReport.logEnd == self.starts[1])
        #expect(self.store.bytes(at: self.starts[1], count: 16) == nil)
    }
}
