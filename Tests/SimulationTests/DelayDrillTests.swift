import Simulation
import TestSupport
import Testing

@Suite("Very many delayed messages", .inBackground)
struct DelayDrillTests {
    /// Method: far more wait than the broker keeps in memory, in many segments; it starts again in
    /// the middle. `apus-simulate delays` does the same with a million.
    @Test("each is delivered once, within half a second of its time, and few are in memory")
    func onceAndOnTime() throws {
        var settings = DelayDrill.Settings()
        settings.messages = 20_000
        settings.over = .seconds(60)
        settings.segmentBytes = 1 << 20
        settings.windowMax = 1_000
        settings.scanChunk = 1_024
        var drill = DelayDrill(settings)
        let report = try drill.run()
        #expect(report.isGood, "\(report.text)")
        #expect(report.latest <= .milliseconds(500), "\(report.text)")
        #expect(report.inMemoryMax <= 2 * settings.windowMax, "\(report.text)")
    }
}
