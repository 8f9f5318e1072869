import BrokerEngine
import LogCore
import MessageFormat
import Testing

/// A log that was begun anew somewhere, and holds nothing yet.
private struct EmptyLog: LogSource {
    var directory: String { "nowhere" }
    var logID: UInt64 { 1 }
    var segmentBytes: Int { 1 << 20 }
    var segmentBases: [PhysicalOffset]

    func scan(
        segment base: PhysicalOffset, from start: PhysicalOffset?,
        visit: (UnsafeRawBufferPointer, LogBatchHeader) throws -> Void
    ) throws -> ScanResult {
        ScanResult(end: base, batches: 0, stoppedBy: .empty, laterValidBatch: nil)
    }

    func index(of base: PhysicalOffset) throws -> SegmentIndexReader? { nil }
    func putIndex(_ base: PhysicalOffset, image: [UInt8]) throws {}
    func cut(to end: PhysicalOffset) throws {}
}

@Suite("A log whose beginning is gone")
struct StartedOverLogTests {
    private static let base = PhysicalOffset(5 << 20)

    @Test("is where a replica begins that starts over after its master deleted old segments")
    func inGroup() throws {
        let settings = EngineBench.settings {
            $0.group = GroupSettings(brokerID: 2, incarnation: 1)
        }
        let now = Now(tick: .zero, wall: EngineBench.wall)
        var engine = BrokerEngine(settings: settings, logID: 1, at: now)
        try LogRecovery(source: EmptyLog(segmentBases: [Self.base]), note: { _ in })
            .run(&engine, at: now)
        #expect(engine.groupReport.logEnd == Self.base)
    }

    @Test("is lost when there is nobody to ask")
    func alone() {
        let now = Now(tick: .zero, wall: EngineBench.wall)
        var engine = BrokerEngine(settings: EngineBench.settings(), logID: 1, at: now)
        #expect(throws: ReadFailure.self) {
            try LogRecovery(source: EmptyLog(segmentBases: [Self.base]), note: { _ in })
                .run(&engine, at: now)
        }
    }
}
