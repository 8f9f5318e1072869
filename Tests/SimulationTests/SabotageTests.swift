import Simulation
import Testing

/// Method: the engines' hands lie in one way; some seed within the bound must break an invariant.
/// A check that has never failed proves nothing.
@Suite("Deliberately broken clusters", .oneAtATime)
struct SabotageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let sabotage: Sabotage
        /// Which promise must be seen broken first.
        let invariants: Set<Invariant>
        /// Faults that bring the lie to light soon; empty: all of them.
        var faults: [FaultPlan.Kind] = []
        /// Where to begin: near a seed that is known to tell, because runs take long.
        var firstSeed: UInt64 = 1

        var testDescription: String { self.sabotage.rawValue }
    }

    static let cases = [
        Case(sabotage: .ackBeforeReplicaFlush, invariants: [.ackedMeansDurable]),
        Case(sabotage: .lyingFlush, invariants: [.ackedMeansDurable]),
        Case(
            sabotage: .lyingRaftFlush, invariants: [.statesArePrefixes, .oneLeaderPerTerm],
            faults: [.killControllers, .cutPower, .killProcess, .restartBurst], firstSeed: 2),
        Case(
            sabotage: .emptiedControllerVotes,
            invariants: [.oneLeaderPerTerm, .statesArePrefixes, .compareAndSet],
            faults: [.emptyController, .killProcess, .cutPower], firstSeed: 7),
        Case(
            sabotage: .electOutsideSyncStateSet, invariants: [.compareAndSet, .nothingAckedIsLost],
            faults: [.killProcess, .killGroup, .cutPower]),
        Case(
            sabotage: .shrinkWithoutCommit, invariants: [.logsAreIdentical, .nothingAckedIsLost]),
        Case(
            sabotage: .noEpochCheck,
            invariants: [.logsAreIdentical, .nothingAckedIsLost, .ackedMeansDurable],
            faults: [.breakConnections, .slowDisk]),
        Case(
            sabotage: .truncateByOffsetOnly,
            invariants: [.logsAreIdentical, .nothingAckedIsLost, .recoversWhenHealed],
            faults: [.cutPower, .isolate, .partition, .pause], firstSeed: 13),
        Case(sabotage: .restartedMasterKeepsEpoch, invariants: [.oneMasterPerEpoch]),
        Case(
            sabotage: .offsetCommitBeforeAck, invariants: [.offsetsNeverRewind],
            faults: [.killProcess, .killGroup, .cutPowerOfGroup, .killConsumer]),
        Case(
            sabotage: .readAboveConfirm, invariants: [.seenMeansKept],
            faults: [.isolate, .pause, .cutPower, .partition]),
    ]

    private static let seedsMax: UInt64 = 100

    @Test("each is caught within a bounded number of seeds", arguments: Self.cases)
    func caught(_ broken: Case) {
        var settings = SimulationRun.Settings()
        settings.sabotage = broken.sabotage
        if !broken.faults.isEmpty {
            settings.faults.kinds = broken.faults
            settings.faults.countMax = 16
        }
        let seeds = broken.firstSeed..<(broken.firstSeed + Self.seedsMax)
        let violations = seeds.lazy.compactMap {
            SimulationRun(seed: $0, settings: settings).run().violation
        }
        let first = violations.first
        #expect(
            first.map { broken.invariants.contains($0.invariant) } == true,
            "\(broken.sabotage.rawValue): \(first.map { "\($0)" } ?? "not caught")")
    }

    @Test("the same clusters without the lie break nothing", arguments: [1] as [UInt64])
    func honest(seed: UInt64) {
        var settings = SimulationRun.Settings()
        settings.faults.kinds = [.killProcess, .killGroup, .cutPower, .partition, .pause]
        #expect(SimulationRun(seed: seed, settings: settings).run().violation == nil)
    }
}
