import ArgumentParser
import Chaos
import ClusterLab
import Glibc

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Start a cluster, kill a consumer, a master and a controller under load, judge.",
        discussion: "Exit code 0 only if nothing that was acknowledged is lost.")

    @Option(help: "Which cluster (default: a new one, deleted at the end).")
    var name: String?
    @Flag(help: "Hardly wait between the blows.")
    var short = false
    @OptionGroup var shape: ShapeOptions

    func run() throws {
        let timeline = Timeline { show($0) }
        let verdict = try withCluster(
            self.name, self.shape.options(name: "", portOffset: 0), "demo"
        ) {
            cluster -> Verdict in
            timeline.note("cluster \(cluster.name) is up: \(cluster.summary)")
            return try Demo(cluster: cluster, timeline: timeline, isShort: self.short).run()
        } isGood: {
            $0.outcome == .valid
        }
        timeline.note("cluster down, no process left behind")
        show("\n\(verdict.table)")
        if verdict.outcome != .valid { throw ExitCode(1) }
    }
}

struct KillLoopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill-loop",
        abstract: "Kill a broker at random moments under a checked workload, again and again.",
        discussion: "Each kill has a workload and a verdict of its own. Ends at the first bad one.")

    @Option(help: "How many kills.")
    var times = 50
    @Option(help: "What the moments are drawn from.")
    var seed: UInt64 = 1
    @Option(help: "Which cluster (default: a new one, deleted at the end).")
    var name: String?
    @OptionGroup var shape: ShapeOptions

    func validate() throws {
        guard (1...10_000).contains(self.times) else {
            throw ValidationError("--times is 1 to 10000, got \(self.times)")
        }
    }

    func run() throws {
        var settings = KillLoop.Settings()
        settings.times = self.times
        settings.seed = self.seed
        settings.flush = self.shape.flush
        let chosen = settings
        var total = KillLoopTotal()
        let isGood = try withCluster(
            self.name, self.shape.options(name: "", portOffset: 0, groups: 1, controllers: 0),
            "kill-loop"
        ) {
            cluster -> Bool in
            var loop = KillLoop(cluster: cluster, settings: chosen)
            return try loop.run { round in
                total.add(round)
                show(round.text)
            }
        } isGood: {
            $0
        }
        show("\(self.shape.flush.rawValue) flush, seed \(self.seed): \(total.text)")
        if !isGood { throw ExitCode(1) }
    }
}

struct KillLoopTotal {
    private var rounds = 0
    private var acknowledged = 0
    private var lost = 0

    mutating func add(_ round: KillLoop.Round) {
        self.rounds += 1
        self.acknowledged += round.verdict.acknowledged
        self.lost += round.verdict.lost
    }

    var text: String {
        "\(self.rounds) kills, \(self.acknowledged) acknowledged, \(self.lost) lost"
    }
}

extension KillLoop.Round {
    var text: String {
        let verdict = self.verdict
        let line =
            "kill \(self.number): after \(Timeline.seconds(self.killedAfter)) s, served again "
            + "\(Timeline.seconds(self.served)) s after its start; acknowledged "
            + "\(verdict.acknowledged), lost \(verdict.lost), duplicated "
            + "\(verdict.duplicatedInAll), longest gap \(verdict.longestGapMilliseconds) ms: "
            + verdict.outcome.rawValue
        return verdict.outcome == .valid ? line : "\(line)\n\(verdict.table)"
    }
}

extension Cluster {
    var summary: String {
        let pids = self.nodes.map { "\($0.name) (pid \($0.process?.pid ?? 0))" }
        return pids.joined(separator: ", ") + "; \(self.plan.options.flush.rawValue) flush"
    }
}

/// Runs `body` on a cluster of its own, on free ports, and takes it down whatever happens. What
/// it has written is deleted if the result is good, and kept for a look if it is not.
func withCluster<Result>(
    _ name: String?, _ shape: ClusterOptions, _ purpose: String,
    _ body: (Cluster) throws -> Result, isGood: (Result) -> Bool
) throws -> Result {
    var options = shape
    options.name = name ?? "\(purpose)-\(getpid())"
    var generator = SystemRandomNumberGenerator()
    try options.choosePortOffset(using: &generator)
    let cluster = try Cluster.up(options, in: LabDirectories.find(), report: { _ in })
    var result: Result?
    defer {
        Interrupt.shielded {
            do {
                if let result, isGood(result), name == nil {
                    try cluster.wipe { _ in }
                } else {
                    try cluster.down { _ in }
                    say("logs, data and histories are in \(cluster.directory.path)")
                }
            } catch {
                say("error: \(error)")
            }
        }
    }
    try cluster.waitUntilRouted()
    let finished = try body(cluster)
    result = finished
    return finished
}
