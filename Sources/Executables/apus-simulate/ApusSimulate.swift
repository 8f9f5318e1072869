import ArgumentParser
import Simulation

/// Runs whole clusters on virtual time, network and disks, one for each seed.
@main
struct ApusSimulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-simulate",
        abstract: "Runs simulated clusters with faults, and checks every invariant.",
        discussion: """
            Each seed is one run: a healthy start, faults, everything mended, everything read. A run
            that breaks an invariant prints its seed, and the same seed breaks it again:
              apus-simulate --seed 42 --trace
            """,
        subcommands: [DelaysCommand.self])

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 100

    @Option(help: "The first of them.")
    var first: UInt64 = 1

    @Option(help: "Run this seed only.")
    var seed: UInt64?

    @Flag(help: "Print what happens, event by event. Only with --seed.")
    var trace = false

    @Option(help: "Runs at the same time.")
    var jobs = 2

    @Option(
        help:
            "Run a deliberately broken cluster: \(Sabotage.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var sabotage: String?

    @Option(
        help:
            "Draw from these faults only, separated by commas: \(FaultPlan.Kind.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var faults: String?

    @Option(
        help:
            "Draw from these faults once more, separated by commas: they become more frequent."
    )
    var with: String?

    @Option(
        help:
            "Exercise these workloads beside plain messages, separated by commas, or none; otherwise each seed draws up to two: \(Workload.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var workloads: String?

    @Option(help: "The most faults of one run.")
    var faultsMax = FaultPlan().countMax

    @Option(help: "Go on after a broken invariant until so many were found.")
    var failuresMax = 1

    func validate() throws {
        if let sabotage, Sabotage(rawValue: sabotage) == nil {
            throw ValidationError("there is no sabotage named \(sabotage)")
        }
        for names in [self.faults, self.with] {
            for name in (names ?? "").split(separator: ",") where Self.kind(name) == nil {
                throw ValidationError("there is no fault named \(name)")
            }
        }
        for name in self.workloadNames where Workload(rawValue: name) == nil {
            throw ValidationError("there is no workload named \(name)")
        }
        guard !self.trace || self.seed != nil else {
            throw ValidationError("--trace needs --seed")
        }
        guard (0...1_000).contains(self.faultsMax) else {
            throw ValidationError("--faults-max is 0 to 1000")
        }
        guard (1...256).contains(self.jobs) else { throw ValidationError("--jobs is 1 to 256") }
    }

    private var workloadNames: [String] {
        guard let workloads, workloads != "none" else { return [] }
        return workloads.split(separator: ",").map(String.init)
    }

    private static func kind(_ name: Substring) -> FaultPlan.Kind? {
        FaultPlan.Kind(rawValue: String(name))
    }

    func run() async throws {
        var settings = SimulationRun.Settings()
        settings.sabotage = self.sabotage.flatMap { Sabotage(rawValue: $0) }
        if let faults { settings.faults.kinds = faults.split(separator: ",").compactMap(Self.kind) }
        settings.faults.countMax = self.faultsMax
        if self.workloads != nil {
            settings.workloads = self.workloadNames.compactMap(Workload.init)
        }
        settings.faults.kinds += (self.with ?? "").split(separator: ",").compactMap(Self.kind)
        if let seed {
            try self.runOne(seed, settings)
        } else {
            try await self.runMany(settings)
        }
    }

    private func runOne(_ seed: UInt64, _ settings: SimulationRun.Settings) throws {
        let result = SimulationRun(seed: seed, settings: settings).run(
            print: self.trace ? { print($0) } : nil)
        print(result.summary)
        print(Campaign.table(of: result.probes))
        if result.violation != nil { throw ExitCode(1) }
    }

    private func runMany(_ settings: SimulationRun.Settings) async throws {
        var campaign = Campaign()
        await campaign.run(
            seeds: self.first..<(self.first + self.seeds), settings: settings, jobs: self.jobs,
            failuresMax: self.failuresMax)
        print(campaign.report)
        if !campaign.failures.isEmpty { throw ExitCode(1) }
    }
}
