package import Chaos

/// Kills masters one after the other under one workload, and takes the times.
package struct FailoverLoop {
    package struct Times: Hashable, Sendable {
        /// From each kill to the first acknowledgement by the group's new master, ascending.
        package var takenOver: [Int]
        /// Kills after which nobody of the group took over before the old master was back.
        package var untaken: Int

        package init(_ verdict: Verdict) {
            self.takenOver = verdict.faults.compactMap(\.takenOverMilliseconds).sorted()
            self.untaken = verdict.faults.count - self.takenOver.count
        }

        /// The lower one of the two in the middle of an even number.
        package var median: Int? {
            self.takenOver.isEmpty ? nil : self.takenOver[(self.takenOver.count - 1) / 2]
        }

        package var worst: Int? { self.takenOver.last }
    }

    private static let secondsPerKill = 120

    private let cluster: Cluster
    private let times: Int
    private let seed: UInt64

    package init(cluster: Cluster, times: Int, seed: UInt64) {
        self.cluster = cluster
        self.times = times
        self.seed = seed
    }

    package func run(tell: @escaping @Sendable (String) -> Void) throws -> Verdict {
        let watch = ClusterWatch(self.cluster, tell: tell)
        defer { watch.stop() }
        var run = try VerifyRun(
            "failover", on: self.cluster,
            VerifyRun.Shape(seconds: self.times * Self.secondsPerKill))
        do {
            try run.waitForAcknowledged(more: 1_000)
            let path = self.cluster.directory.path
            var stage = Stage(
                cluster: self.cluster, watch: watch, run: run,
                nemesis: try Nemesis(
                    cluster: self.cluster, run: run.header, history: "\(path)/failover.faults"),
                generator: SeededGenerator(seed: self.seed), tell: tell)
            for number in 1...self.times {
                tell("kill \(number) of \(self.times)")
                try stage.killMaster(of: stage.anyGroup())
                // Moments of all kinds: a kill must not always meet the same step of the cluster's.
                let breath = Int.random(in: 500...2_000, using: &stage.generator)
                try stage.hold(.milliseconds(breath))
            }
            run.stopSending()
            let elections = "\(path)/failover.elections"
            try watch.writeElections(to: elections, of: run.header)
            let verdict = try run.finish(
                with: [stage.nemesis.history, elections], within: .seconds(150))
            let copies = try self.cluster.compareReplicas()
            copies.text.split(separator: "\n").forEach { tell(String($0)) }
            guard copies.areIdentical else { throw LabError.failed("replicas differ") }
            return verdict
        } catch {
            run.process.kill()
            throw error
        }
    }
}
