import Simulation
import Testing

/// Method: each seed is a whole cluster with faults drawn from it. It ends mended and read to the
/// end, so a message that is missing then is lost, not late.
@Suite("Simulated clusters")
struct SeedTests {
    @Test("every invariant holds, whatever is broken meanwhile", arguments: Array(UInt64(1)...3))
    func holds(seed: UInt64) {
        let result = SimulationRun(seed: seed).run()
        #expect(result.violation == nil, "apus-simulate --seed \(seed) --trace")
        #expect(result.acknowledged > 50)
    }

    @Test(
        "seeds that once broke an invariant do so no more",
        arguments: [13, 42] as [UInt64])
    func regressions(seed: UInt64) {
        let result = SimulationRun(seed: seed, settings: Self.plain).run()
        #expect(result.violation == nil, "apus-simulate --seed \(seed) --trace")
    }

    /// Plain messages only.
    private static var plain: SimulationRun.Settings {
        var settings = SimulationRun.Settings()
        settings.workloads = []
        return settings
    }

    @Test("the same seed gives the same run, event by event", arguments: [8] as [UInt64])
    func replays(seed: UInt64) {
        let first = SimulationRun(seed: seed).run()
        let second = SimulationRun(seed: seed).run()
        #expect(first.traceHash == second.traceHash)
        #expect(first == second)
    }

    /// A simulation that never comes to the rare branches shows nothing about them.
    @Test("rare branches are reached within a few seeds")
    func probes() {
        let rare = [
            "failover", "master stepped down", "log truncated for a master",
            "controller snapshot", "segment sealed", "replica catches up from disk",
            "role change pushed", "broker held for dead", "disk full", "fault: failed flush",
            "goodbye: staleEpoch", "deposed master kept off the routes",
        ]
        var reached = Probes()
        // Near seeds that reach all of them, because runs take long.
        for seed in UInt64(145)...184 where !rare.allSatisfy({ reached[$0] > 0 }) {
            reached.add(SimulationRun(seed: seed, settings: Self.plain).run().probes)
        }
        for name in rare { #expect(reached[name] > 0, "never reached: \(name)") }
    }

    @Test("a cluster without faults loses nothing, elects once, and is read by its consumers")
    func withoutFaults() {
        var settings = SimulationRun.Settings()
        settings.faults = .none
        settings.workloads = []
        let result = SimulationRun(seed: 5, settings: settings).run()
        #expect(result.violation == nil)
        #expect(result.probes["master elected"] == 2)
        #expect(result.probes["failover"] == 0)
        #expect(result.seen >= result.acknowledged)
    }
}
