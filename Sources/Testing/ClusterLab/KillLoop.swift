package import Chaos

/// Kills a broker again and again, at moments drawn from a seed, under a checked workload; one
/// workload, one kill and one verdict a round.
package struct KillLoop {
    package struct Settings: Sendable {
        package var times = 50
        package var seed: UInt64 = 1
        package var flush = ClusterOptions.Flush.sync

        package init() {}
    }

    package struct Round: Sendable {
        package var number: Int
        package var killedAfter: Duration
        package var served: Duration
        package var verdict: Verdict
    }

    /// Each round sends for so long, and the kill falls somewhere in the middle of it.
    private static let sendsForSeconds = 3
    private static let killsAfterMilliseconds = 100...1_800
    private static let staysDead: Duration = .milliseconds(200)

    private let cluster: Cluster
    private let settings: Settings
    private var generator: SeededGenerator

    package init(cluster: Cluster, settings: Settings) {
        self.cluster = cluster
        self.settings = settings
        self.generator = SeededGenerator(seed: settings.seed)
    }

    /// Runs all rounds, and stops at the first that is not good: its files tell what happened.
    package mutating func run(finished: (Round) -> Void) throws -> Bool {
        for number in 1...self.settings.times {
            let round = try self.round(number)
            finished(round)
            guard round.verdict.outcome == .valid else { return false }
        }
        return true
    }

    private mutating func round(_ number: Int) throws -> Round {
        let milliseconds = Int.random(in: Self.killsAfterMilliseconds, using: &self.generator)
        let target = self.cluster.plan.brokers.randomElement(using: &self.generator)?.name ?? ""
        var run = try VerifyRun(
            "kill-\(number)", on: self.cluster, VerifyRun.Shape(seconds: Self.sendsForSeconds))
        do {
            try run.waitForAcknowledged(more: 1)
            let nemesis = try Nemesis(
                cluster: self.cluster, run: run.header,
                history: "\(self.cluster.directory.path)/kill-\(number).faults")
            let killedAfter: Duration = .milliseconds(milliseconds)
            _ = try wait(atMost: killedAfter) { false }
            let served = try nemesis.kill(
                try self.cluster.node(target), deadFor: Self.staysDead, tell: { _ in })
            let verdict = try run.finish(with: [nemesis.history])
            return Round(
                number: number, killedAfter: killedAfter, served: served, verdict: verdict)
        } catch {
            run.process.kill()
            throw error
        }
    }
}

/// Random numbers that a seed determines (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
