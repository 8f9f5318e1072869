import Simulation
import Testing

/// Method: the engines' hands lie in one way; some seed within the bound must break an invariant.
/// A check that has never failed proves nothing.
@Suite("Deliberately broken clusters")
struct SabotageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let sabotage: Sabotage
        /// A seed that shows it, found by running them all.
        let seed: UInt64
        let invariants: Set<Invariant>

        var testDescription: String { "\(self.sabotage.rawValue) by seed \(self.seed)" }
    }

    static let cases = [
        Case(sabotage: .ackBeforeReplicaFlush, seed: 1, invariants: [.ackedMeansDurable]),
        Case(sabotage: .lyingFlush, seed: 1, invariants: [.ackedMeansDurable]),
        Case(sabotage: .lyingRaftFlush, seed: 1, invariants: [.statesArePrefixes]),
        Case(sabotage: .shrinkWithoutCommit, seed: 1, invariants: [.logsAreIdentical]),
    ]

    @Test("is caught", arguments: Self.cases)
    func caught(_ broken: Case) {
        var settings = SimulationRun.Settings()
        settings.sabotage = broken.sabotage
        let violation = SimulationRun(seed: broken.seed, settings: settings).run().violation
        #expect(violation.map { broken.invariants.contains($0.invariant) } == true)
        let honest = SimulationRun(seed: broken.seed).run().violation
        #expect(honest == nil, "the same seed without sabotage breaks nothing")
    }
}
