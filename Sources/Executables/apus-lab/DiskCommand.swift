import ArgumentParser
import ClusterLab

struct DiskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Break the disk of a broker in every way, and hold it to what it acknowledged.",
        discussion: """
            Each suite starts real brokers on disks of its own, in memory, and judges what they \
            serve afterwards. Suites that need root or tools that are missing say so and are \
            skipped. Exit code 0 only if no promise was broken.

            \(DiskSuite.allCases.map { "\($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
            """)

    @Argument(help: "A suite, several with commas between them, or all.")
    var suites = "all"
    @Option(help: "How many cuts, copies, calls or cases (default: as many as the suite has).")
    var times: Int?
    @Option(help: "What moments are drawn from.")
    var seed: UInt64 = 1
    @Flag(help: "Some of everything.")
    var short = false
    @Option(help: "Only cases with this in their name.")
    var only = ""
    @Flag(
        help: """
            Play the suites with deliberate faults, each of which must be caught. The broker is one \
            built with -Xswiftc -DAPUS_SABOTAGE -Xcc -DAPUS_SABOTAGE; APUS_BIN names its directory.
            """)
    var sabotage = false
    @Flag(help: "Print JSON; progress goes to standard error.")
    var json = false
    @Flag(help: "Print tables for a Markdown page; progress goes to standard error.")
    var markdown = false

    func validate() throws {
        if let times, !(1...1_000_000).contains(times) {
            throw ValidationError("--times is 1 to 1000000, got \(times)")
        }
        guard !(self.json && self.markdown) else {
            throw ValidationError("--json or --markdown, not both")
        }
    }

    func run() async throws {
        let directories = try LabDirectories.find()
        if self.sabotage { return try await self.proveThatSuitesFail(in: directories) }
        var reports: [DiskReport] = []
        for suite in try self.chosen() {
            say("== \(suite.rawValue): \(suite.summary)")
            var order = DiskRun.Order(suite)
            order.times = self.times
            order.seed = self.seed
            order.isShort = self.short
            order.only = self.only
            let report = try await DiskRun.play(order, in: directories) { say($0) }
            reports.append(report)
            if self.markdown, report.outcome != .skipped {
                show("\(report.markdown)\n")
                say(report.summary)
            } else if !self.json {
                show(report.text)
            }
        }
        if self.json { show(try DiskReport.json(reports)) }
        if !reports.allSatisfy(\.isGood) { throw ExitCode(1) }
    }

    private func proveThatSuitesFail(in directories: LabDirectories) async throws {
        let faults = SabotageProof.allCases.filter {
            self.only.isEmpty || $0.rawValue.contains(self.only)
        }
        var catches: [SabotageProof.Catch] = []
        for fault in faults {
            say("== \(fault.rawValue)")
            catches.append(try await fault.run(in: directories) { say($0) })
        }
        show(SabotageProof.table(catches))
        if catches.contains(where: { $0.problem == nil }) { throw ExitCode(1) }
    }

    private func chosen() throws -> [DiskSuite] {
        if self.suites == "all" { return DiskSuite.allCases }
        return try self.suites.split(separator: ",").map { name in
            guard let suite = DiskSuite(rawValue: String(name)) else {
                let names = DiskSuite.allCases.map(\.rawValue).joined(separator: ", ")
                throw LabError.usage("there is no suite '\(name)': \(names), all")
            }
            return suite
        }
    }
}
