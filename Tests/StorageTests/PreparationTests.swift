import MessageFormat
import Testing

@testable import Storage

@Suite("Preparing space ahead")
struct PreparationTests {
    private let plan = ZeroAheadPlan(segmentBytes: 1_000, aheadBytes: 200, chunkBytes: 50)

    @Test("the active segment is prepared to a distance, never past its end")
    func preparesAhead() {
        #expect(self.next(0, 0, nil) == .zeroActive(0..<50))
        #expect(self.next(30, 30, nil) == .zeroActive(30..<50))
        #expect(self.next(0, 150, nil) == .zeroActive(150..<200))
        #expect(self.next(0, 200, nil) == .wait(until: 1))
        #expect(self.next(1, 200, nil) == .zeroActive(200..<250))
        #expect(self.next(990, 990, 1_000) == .zeroActive(990..<1_000))
    }

    @Test("past the half there is a spare, and both are done together")
    func preparesTheSpare() {
        #expect(self.next(500, 700, nil) == .wait(until: 501))
        #expect(self.next(501, 701, nil) == .makeSpare)
        #expect(self.next(501, 750, 0) == .zeroSpare(0..<50))
        #expect(self.next(501, 750, 50) == .zeroSpare(50..<100))
        #expect(self.next(501, 750, 100) == .wait(until: 526))
        #expect(self.next(1_000, 1_000, 950) == .zeroSpare(950..<1_000))
        #expect(self.next(1_000, 1_000, 1_000) == .wait(until: .max))
    }

    @Test("a wait ends exactly where there is work again")
    func waitsExactly() {
        for written in 0...1_000 {
            for zeroed in stride(from: written, through: 1_000, by: 7) {
                for spare in written <= 500 ? [nil] : [nil, 0, 50, 300, 1_000] {
                    guard case .wait(let until) = self.next(written, zeroed, spare) else {
                        continue
                    }
                    #expect(until > written)
                    guard until <= 1_000 else { continue }
                    if case .wait = self.next(until, max(until, zeroed), spare) {
                        Issue.record("nothing to do at \(until) from \(written), \(zeroed)")
                    }
                    if case .wait = self.next(until - 1, max(until - 1, zeroed), spare) { continue }
                    Issue.record("woken too late: \(until) from \(written), \(zeroed)")
                }
            }
        }
    }

    @Test("behind the batches a segment is zero up to its end")
    func zeroesTheActiveSegment() throws {
        var log = TestLog(segmentBytes: 1 << 20)
        log.options.zeroedAtStartBytes = 64 << 10
        log.options.zeroChunkBytes = 64 << 10
        let store = try log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        #expect(try store.segments[0].bytes >= 64 << 10)
        #expect(becomesTrue { (try? store.segments[0].bytes) == 1 << 20 })
        writer.stop()
        #expect(try log.segmentBytes().allSatisfy { $0 == 0 })
        store.close()
    }

    @Test("a writer that outruns the preparation loses nothing to its zeroes")
    func zeroesNeverMeetBatches() throws {
        var log = TestLog(segmentBytes: 1 << 20)
        log.options.zeroedAtStartBytes = 0
        log.options.zeroChunkBytes = 4096
        let store = try log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        for segment in 0..<8 {
            let base = PhysicalOffset(Int64(segment << 20))
            try write(
                Array(repeating: 9_937, count: 104), from: base, with: writer,
                logID: store.logID, sync: false)
        }
        writer.stop()
        for segment in 0..<8 { #expect(try store.scanAll(segment << 20).batches == 104) }
        store.close()
    }

    @Test("a spare is made when the active segment is half full, and is no segment with batches")
    func makesASpare() throws {
        let log = TestLog()
        let store = try log.open()
        try store.recover()
        let writer = try StoreWriter.start(store) { _ in }
        #expect(store.segmentBases.count == 1)
        try write([40_000], from: .zero, with: writer, logID: store.logID)
        #expect(becomesTrue { store.segmentBases.count == 2 })
        #expect(try store.segments.map(\.isSpare) == [false, true])
        #expect(try store.scanAll(64 << 10).stoppedBy == .empty)
        writer.stop()
        store.close()
        try log.withStore { store in
            let end = try store.recover()
            #expect(end == PhysicalOffset(40_064))
            #expect(store.segmentBases.count == 1)
        }
    }

    private func next(_ written: Int, _ zeroed: Int, _ spare: Int?) -> ZeroAheadPlan.Work {
        self.plan.next(written: written, activeZeroed: zeroed, spareZeroed: spare)
    }
}
