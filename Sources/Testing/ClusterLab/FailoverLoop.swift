package import Chaos

/// Lets one kind of fault happen again and again under one workload, and takes the times.
package struct FailoverLoop {
    package enum Kind: String, CaseIterable, Sendable {
        case killMaster = "kill-master"
        case pauseMaster = "pause-master"
        case killReplica = "kill-replica"
        case killControllerLeader = "kill-controller-leader"
    }

    package struct Times: Hashable, Sendable {
        /// From each fault to the first acknowledgement by the group's new master, ascending.
        package var takenOver: [Int]
        /// The longest time that the group which stood still longest took nothing, for each fault,
        /// ascending.
        package var groupGaps: [Int]
        package var faults: Int

        package init(_ verdict: Verdict) {
            self.takenOver = verdict.faults.compactMap(\.takenOverMilliseconds).sorted()
            self.groupGaps = verdict.faults.map(\.longestGroupGapMilliseconds).sorted()
            self.faults = verdict.faults.count
        }

        /// The lower one of the two in the middle of an even number.
        package static func median(_ ascending: [Int]) -> Int? {
            ascending.isEmpty ? nil : ascending[(ascending.count - 1) / 2]
        }
    }

    private static let secondsPerKill = 120

    private let cluster: Cluster
    private let kind: Kind
    private let times: Int
    private let seed: UInt64
    private let isIdempotent: Bool

    /// - Parameter isIdempotent: producers number their messages, and repeat them by themselves.
    package init(
        cluster: Cluster, kind: Kind, times: Int, seed: UInt64, isIdempotent: Bool = false
    ) {
        self.isIdempotent = isIdempotent
        self.cluster = cluster
        self.kind = kind
        self.times = times
        self.seed = seed
    }

    private func strike(_ stage: inout Stage) throws {
        switch self.kind {
        case .killMaster: try stage.killMaster(of: stage.anyGroup())
        case .pauseMaster: try stage.pauseMaster(of: stage.anyGroup(), for: .seconds(4))
        case .killReplica: try stage.killReplica(of: stage.anyGroup())
        case .killControllerLeader: try stage.killControllerLeader()
        }
    }

    package func run(tell: @escaping @Sendable (String) -> Void) throws -> Verdict {
        let watch = ClusterWatch(self.cluster, tell: tell)
        defer { watch.stop() }
        var shape = VerifyRun.Shape(seconds: self.times * Self.secondsPerKill)
        shape.isIdempotent = self.isIdempotent
        var run = try VerifyRun("failover", on: self.cluster, shape)
        do {
            try run.waitForAcknowledged(more: 1_000)
            let path = self.cluster.directory.path
            var stage = Stage(
                cluster: self.cluster, watch: watch, run: run,
                nemesis: try Nemesis(
                    cluster: self.cluster, run: run.header, history: "\(path)/failover.faults"),
                generator: SeededGenerator(seed: self.seed), tell: tell)
            for number in 1...self.times {
                tell("\(self.kind.rawValue) \(number) of \(self.times)")
                try self.strike(&stage)
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
