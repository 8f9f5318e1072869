import ArgumentParser
import Chaos
import ClusterLab
import Glibc

struct ChaosCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Break a cluster in a chosen way under a checked workload, mend it, judge.",
        discussion: """
            Each scenario has a cluster of its own, on free ports. Exit code 0 only if every one \
            that this machine can run is valid. Histories and logs stay in \
            cluster/run/chaos-SCENARIO until the scenario's next run.
            """)

    @Option(help: "A scenario, several with commas between them, all, or list.")
    var scenario = "list"
    @Option(help: "How many seconds to send, at least; faults may take longer.")
    var duration = 20
    @Option(help: "What victims and moments are drawn from.")
    var seed: UInt64 = 1
    @Option(help: "Messages a second, all producers together.")
    var rate = 1_000
    @Flag(help: "Print JSON; the timeline goes to standard error.")
    var json = false
    @Flag(help: "Keep the brokers' data too.")
    var keep = false
    @OptionGroup var shape: ShapeOptions

    func validate() throws {
        guard (1...3_600).contains(self.duration) else {
            throw ValidationError("--duration is 1 to 3600 seconds, got \(self.duration)")
        }
        guard (1...1_000_000).contains(self.rate) else {
            throw ValidationError("--rate is 1 to 1000000, got \(self.rate)")
        }
    }

    func run() throws {
        guard self.scenario != "list" else { return self.list() }
        let directories = try LabDirectories.find()
        let reports = try self.scenarios().map { try self.play($0, in: directories) }
        if self.json {
            show(try ScenarioReport.json(reports))
        } else if reports.count > 1 {
            show("\n\(ScenarioReport.table(reports))")
        }
        if !reports.allSatisfy(\.isGood) { throw ExitCode(1) }
    }

    private func list() {
        show(TextTable.text(Scenario.allCases.map { [$0.rawValue, $0.summary] }))
    }

    private func scenarios() throws -> [Scenario] {
        if self.scenario == "all" { return Scenario.allCases }
        return try self.scenario.split(separator: ",").map { name in
            guard let scenario = Scenario(rawValue: String(name)) else {
                throw LabError.usage(
                    "there is no scenario '\(name)'; cluster/launch chaos --scenario list")
            }
            return scenario
        }
    }

    private func play(_ scenario: Scenario, in directories: LabDirectories) throws -> ScenarioReport
    {
        var options = try self.shape.options(name: "", portOffset: 0)
        guard options.controllers > 0, options.replicas > 1 else {
            throw LabError.usage("scenarios need controllers and at least 2 replicas")
        }
        var generator = SystemRandomNumberGenerator()
        try options.choosePortOffset(using: &generator)
        var order = ScenarioRun.Order(
            scenario, seed: self.seed, seconds: self.duration, options: options)
        order.rate = self.rate
        self.tell("== \(scenario.rawValue): \(scenario.summary)")
        let process = ScenarioProcess(order, in: directories, isKept: self.keep)
        let report = try process.run(write: self.tell)
        self.tell(self.ending(of: report))
        return report
    }

    private func ending(of report: ScenarioReport) -> String {
        report.outcome == .skipped
            ? "skipped: \(report.reasons.joined(separator: "; "))" : report.text
    }

    private func tell(_ line: String) { self.json ? say(line) : show(line) }
}

/// One scenario, in the network that its caller has made: `chaos` starts it.
struct ScenarioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario", abstract: "Play one scenario of a chaos run.", shouldDisplay: false
    )

    @Option(help: "What to do, as JSON.")
    var order: String
    @Option(help: "Where the report goes.")
    var report: String

    func run() throws {
        let order = try ScenarioProcess.order(parsing: self.order)
        let cluster: Cluster
        do {
            cluster = try Cluster.up(order.options, in: LabDirectories.find(), report: { _ in })
        } catch {
            try self.write(ScenarioReport(order.scenario, .failed, reasons: ["\(error)"]))
            return
        }
        defer { Interrupt.shielded { try? cluster.down { _ in } } }
        try self.write(ScenarioRun(order, on: cluster) { show($0) }.run())
    }

    private func write(_ report: ScenarioReport) throws { try report.save(to: self.report) }
}

struct FailoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Strike again and again under load, and print how long it takes to go on.")

    @Option(
        help: ArgumentHelp(
            FailoverLoop.Kind.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "fault"))
    var fault = FailoverLoop.Kind.killMaster
    @Option(help: "How many times.")
    var times = 20
    @Option(help: "What victims and moments are drawn from.")
    var seed: UInt64 = 1
    @Option(help: "Which cluster (default: a new one, deleted at the end).")
    var name: String?
    @OptionGroup var shape: ShapeOptions

    func validate() throws {
        guard (1...1_000).contains(self.times) else {
            throw ValidationError("--times is 1 to 1000, got \(self.times)")
        }
    }

    func run() throws {
        let timeline = Timeline { show($0) }
        let options = try self.shape.options(name: "", portOffset: 0)
        guard options.controllers > 0, options.replicas > 1 else {
            throw LabError.usage("a failover needs controllers and at least 2 replicas")
        }
        let verdict = try withCluster(self.name, options, "failover") { cluster in
            try FailoverLoop(
                cluster: cluster, kind: self.fault, times: self.times, seed: self.seed
            )
            .run { timeline.note($0) }
        } isGood: {
            $0.outcome == .valid
        }
        show("\n\(verdict.table)\n")
        show(FailoverLoop.Times(verdict).text(longestGap: verdict.longestGapMilliseconds))
        if verdict.outcome != .valid { throw ExitCode(1) }
    }
}

extension FailoverLoop.Kind: ExpressibleByArgument {}

extension FailoverLoop.Times {
    fileprivate func text(longestGap: Int) -> String {
        """
        \(self.faults) faults, \(self.takenOver.count) takeovers
        from the fault to the new master's first acknowledgement: \(Self.text(self.takenOver))
        longest time in which one group took nothing, per fault: \(Self.text(self.groupGaps))
        longest time without a successful send of the whole workload: \(longestGap) ms
        """
    }

    private static func text(_ ascending: [Int]) -> String {
        guard let median = self.median(ascending), let worst = ascending.last else { return "-" }
        let all = ascending.map(String.init).joined(separator: " ")
        return "median \(median) ms, worst \(worst) ms (\(all))"
    }
}
