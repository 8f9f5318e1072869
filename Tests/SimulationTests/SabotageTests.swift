import Simulation
import TestSupport
import Testing

/// Method: the engines' hands lie in one way; some seed within the bound must break an invariant.
/// A check that has never failed proves nothing.
@Suite("Deliberately broken clusters", .inBackground)
struct SabotageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let sabotage: Sabotage
        /// Which promise must be seen broken first.
        let invariants: Set<Invariant>
        /// Faults that bring the lie to light soon; empty: all of them.
        var faults: [FaultPlan.Kind] = []
        /// Where to begin: near a seed that is known to tell, because runs take long.
        var firstSeed: UInt64 = 1
        /// What its clients do beside plain messages.
        var workloads: [Workload] = []

        var testDescription: String {
            ([self.sabotage.rawValue] + self.workloads.map(\.rawValue)).joined(separator: ", ")
        }
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
        Case(
            sabotage: .popAckBeforeLog, invariants: [.ackedPopIsOver], workloads: [.pops]),
        Case(
            sabotage: .popHiddenTooShortly, invariants: [.poppedIsHidden], faults: [.killProcess],
            workloads: [.pops]),
        Case(
            sabotage: .poppersTakenForDead, invariants: [.poppedIsHidden],
            faults: [.killProcess], workloads: [.pops]),
        Case(
            sabotage: .offsetMadeUp, invariants: [.offsetsAreDelivered], faults: [.killProcess],
            workloads: [.offsets]),
        Case(sabotage: .popReturnLost, invariants: [.poppedComesAgain], workloads: [.pops]),
        Case(sabotage: .retryUncounted, invariants: [.retriedOrDead], workloads: [.retries]),
        Case(
            sabotage: .delayFiredTwice, invariants: [.delayedOnce],
            faults: [.killProcess, .cutPower],
            workloads: [.delays]),
        Case(sabotage: .recallBeforeLog, invariants: [.recalledNever], workloads: [.delays]),
        Case(sabotage: .halfVisible, invariants: [.halfIsInvisible], workloads: [.transactions]),
        Case(
            sabotage: .commitBeforeLog, invariants: [.transactionEndsOnce],
            workloads: [.transactions]),
        Case(
            sabotage: .checkUnasked, invariants: [.transactionEndsOnce],
            workloads: [.transactions]),
        Case(
            sabotage: .offsetCommitBeforeAck, invariants: [.offsetsNeverRewind],
            faults: [.killProcess, .killGroup, .cutPowerOfGroup], workloads: [.offsets]),
    ]

    private static let seedsMax: UInt64 = 100

    @Test("each is caught within a bounded number of seeds", arguments: Self.cases)
    func caught(_ broken: Case) {
        var settings = SimulationRun.Settings()
        settings.sabotage = broken.sabotage
        settings.workloads = broken.workloads
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
        settings.workloads = Workload.allCases
        #expect(SimulationRun(seed: seed, settings: settings).run().violation == nil)
    }
}
