import Chaos
import Synchronization

/// One scenario from an empty disk to its verdict.
///
/// Healthy start, traffic, fault, mending, the rest of the time, final read, judgement.
package struct ScenarioRun {
    package struct Order: Hashable, Codable, Sendable {
        package var scenario: Scenario
        package var seed: UInt64
        /// How long the workload sends, if the faults do not take longer.
        package var seconds: Int
        package var rate = 1_000
        package var options: ClusterOptions

        package init(
            _ scenario: Scenario, seed: UInt64, seconds: Int, options: ClusterOptions
        ) {
            self.scenario = scenario
            self.seed = seed
            self.seconds = seconds
            self.options = options
        }
    }

    /// The workload gives up by itself after so long: a run that hangs must end.
    private static let sendsForAtMost = 900
    /// Each message is handled by itself, some of them for seconds.
    private static let featureRateMax = 200
    private static let trafficBefore: Duration = .seconds(1)
    private static let trafficAfter: Duration = .seconds(1)

    private let order: Order
    private let cluster: Cluster
    private let timeline: Timeline
    private let told: Told

    /// - Parameter write: hears each line of the timeline at once.
    package init(
        _ order: Order, on cluster: Cluster, write: @escaping @Sendable (String) -> Void
    ) {
        self.order = order
        self.cluster = cluster
        let told = Told()
        self.told = told
        self.timeline = Timeline { line in
            told.add(line)
            write(line)
        }
    }

    /// Never throws: what went wrong is the report.
    package func run() -> ScenarioReport {
        var report: ScenarioReport
        do {
            report = try self.playAndJudge()
        } catch {
            report = ScenarioReport(self.order.scenario, .failed, reasons: ["\(error)"])
        }
        report.seed = self.order.seed
        report.timeline = self.told.lines
        report.seconds = self.timeline.elapsed / .seconds(1)
        return report
    }

    private func playAndJudge() throws -> ScenarioReport {
        try self.cluster.waitUntilRouted()
        let tell: @Sendable (String) -> Void = { [timeline] in timeline.note($0) }
        let watch = ClusterWatch(self.cluster, tell: tell)
        defer { watch.stop() }
        var run = try VerifyRun("workload", on: self.cluster, self.shape)
        do {
            try run.waitForAcknowledged(more: 1)
            tell("workload runs: \(self.shape.producers) producers, \(self.shape.rate) a second")
            _ = try wait(atMost: Self.trafficBefore) { false }
            var stage = Stage(
                cluster: self.cluster, watch: watch, run: run,
                nemesis: try Nemesis(
                    cluster: self.cluster, run: run.header, history: self.path("faults")),
                generator: SeededGenerator(seed: self.order.seed), tell: tell)
            let problem = self.play(&stage)
            return try self.judge(&run, stage, watch, problem)
        } catch {
            run.process.kill()
            throw error
        }
    }

    private var shape: VerifyRun.Shape {
        var shape = VerifyRun.Shape(seconds: Self.sendsForAtMost)
        shape.rate = self.order.rate
        if self.order.scenario == .fullDisk {
            // Enough to come to the end of what a broker has reserved.
            shape.size = 16 << 10
            shape.rate = min(shape.rate, 500)
        }
        if let feature = self.order.scenario.feature {
            shape.feature = feature
            shape.rate = min(shape.rate, Self.featureRateMax)
            // Each sender's messages go to one queue.
            if feature == .orderly { shape.producers = 8 }
        }
        return shape
    }

    private func path(_ kind: String) -> String {
        "\(self.cluster.directory.path)/workload.\(kind)"
    }

    /// - Returns: why the cluster did not heal; nil if it did.
    private func play(_ stage: inout Stage) -> String? {
        let end = self.timeline.elapsed + .seconds(self.order.seconds)
        do {
            try stage.play(self.order.scenario) { self.timeline.elapsed >= end }
            let rest = max(end - self.timeline.elapsed, Self.trafficAfter)
            _ = try wait(atMost: rest) { false }
            return nil
        } catch {
            self.timeline.note("PROBLEM: \(error)")
            try? Interrupt.shielded { try stage.mendAll() }
            return "\(error)"
        }
    }

    private func judge(
        _ run: inout VerifyRun, _ stage: Stage, _ watch: ClusterWatch, _ problem: String?
    ) throws -> ScenarioReport {
        try Interrupt.check()
        run.stopSending()
        self.timeline.note("sending ends; consumers catch up, then everything is read back")
        let elections = self.path("elections")
        try watch.writeElections(to: elections, of: run.header)
        let others = [stage.nemesis.history, elections] + stage.histories
        var report = ScenarioReport(
            self.order.scenario, try run.finish(with: others, within: .seconds(150)))
        report.histories = [run.watch.path] + others
        if problem == nil { try self.compareReplicas(stage.cluster, &report) }
        if let problem {
            if report.outcome != .invalid { report.outcome = .failed }
            report.reasons.insert(problem, at: 0)
        }
        return report
    }
}

extension ScenarioRun {
    /// What a group's brokers have on their disks must be one and the same log.
    private func compareReplicas(_ cluster: Cluster, _ report: inout ScenarioReport) throws {
        let copies = try cluster.compareReplicas()
        for line in copies.text.split(separator: "\n") where line.contains("identical") {
            self.timeline.note(String(line))
        }
        guard !copies.areIdentical else { return }
        report.outcome = .invalid
        report.reasons += copies.text.split(separator: "\n").map(String.init)
    }
}

/// What a timeline has said so far.
private final class Told: Sendable {
    private let state = Mutex<[String]>([])

    var lines: [String] { self.state.withLock { $0 } }
    func add(_ line: String) { self.state.withLock { $0.append(line) } }
}
