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
    @Flag(help: "Print a table for a Markdown page; the timeline goes to standard error.")
    var markdown = false
    @Option(help: "Run nothing: show again what --json has written to this file.")
    var from: String?
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
        guard !(self.json && self.markdown) else {
            throw ValidationError("--json or --markdown, not both")
        }
    }

    func run() throws {
        if let from { return try self.print(ScenarioReport.reports(in: from)) }
        guard self.scenario != "list" else { return self.list() }
        let directories = try LabDirectories.find()
        try self.print(self.scenarios().map { try self.play($0, in: directories) })
    }

    private func print(_ reports: [ScenarioReport]) throws {
        if self.json {
            show(try ScenarioReport.json(reports))
        } else if self.markdown {
            show(ScenarioReport.markdown(reports))
        } else if reports.count > 1 || self.from != nil {
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

    private func tell(_ line: String) { self.json || self.markdown ? say(line) : show(line) }
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

    private static let faults = FailoverLoop.Kind.allCases.map(\.rawValue).joined(separator: ", ")

    @Option(help: "\(Self.faults), or all of them, each on a cluster of its own.")
    var fault = FailoverLoop.Kind.killMaster.rawValue
    @Option(help: "How many times.")
    var times = 20
    @Option(help: "What victims and moments are drawn from.")
    var seed: UInt64 = 1
    @Flag(help: "Producers number their messages: each must be stored once.")
    var idempotent = false
    @Option(help: "Which cluster (default: a new one, deleted at the end).")
    var name: String?
    @Flag(help: "Print a table for a Markdown page; the timeline goes to standard error.")
    var markdown = false
    @OptionGroup var shape: ShapeOptions

    func validate() throws {
        guard (1...1_000).contains(self.times) else {
            throw ValidationError("--times is 1 to 1000, got \(self.times)")
        }
        guard !self.kinds.isEmpty else {
            throw ValidationError("--fault is \(Self.faults) or all, got '\(self.fault)'")
        }
    }

    private var kinds: [FailoverLoop.Kind] {
        self.fault == "all"
            ? FailoverLoop.Kind.allCases
            : FailoverLoop.Kind(rawValue: self.fault).map { [$0] } ?? []
    }

    func run() throws {
        let options = try self.shape.options(name: "", portOffset: 0)
        guard options.controllers > 0, options.replicas > 1 else {
            throw LabError.usage("a failover needs controllers and at least 2 replicas")
        }
        let reports = try self.kinds.map { try self.play($0, on: options) }
        if self.markdown { show(FailoverReport.markdown(reports)) }
        if !reports.allSatisfy(\.isGood) { throw ExitCode(1) }
    }

    private func play(_ kind: FailoverLoop.Kind, on options: ClusterOptions) throws
        -> FailoverReport
    {
        let isPage = self.markdown
        let tell: @Sendable (String) -> Void = { isPage ? say($0) : show($0) }
        let timeline = Timeline(tell)
        let verdict = try withCluster(self.name, options, "failover") { cluster in
            try FailoverLoop(
                cluster: cluster, kind: kind, times: self.times, seed: self.seed,
                isIdempotent: self.idempotent
            ).run { timeline.note($0) }
        } isGood: {
            $0.outcome == .valid
        }
        let report = FailoverReport(kind, verdict)
        tell("\n\(verdict.table)\n\n\(report.text)\n")
        return report
    }
}
