import ArgumentParser
import Chaos
import Glibc
import RemotingProtocol

struct VerifyCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove with a workload that nothing acknowledged is lost.",
        discussion: """
            Producers and consumers run for a count or a time while you may break the cluster as \
            you like: they keep going. Then every queue is read back and the whole history is \
            checked. Exits 0 only if nothing acknowledged is lost, order holds in every queue and \
            every duplicate has a cause.

            Examples:
              apus verify --count 10000
              apus verify --duration 30s --rate 2000 --history run.history
              apus verify --ordered --duration 30s
              apus verify --idempotent --duration 30s
              apus verify --feature transaction --duration 30s --rate 100
              apus verify --check run.history
              apus verify replicas cluster/run/default/data
              apus verify store /disk1/broker-a-1
            """,
        subcommands: [VerifyReplicasCommand.self, VerifyStoreCommand.self])

    @Option(name: [.long, .customShort("t")], help: "The topic; one of its own if not given.")
    var topic: String?
    @Option(help: "Producers, each sending one message after the other.")
    var producers: Int = 4
    @Option(help: "Consumers, all of one group.")
    var consumers: Int = 2
    @Option(help: "Messages to send, all producers together.")
    var count: Int?
    @Option(help: "How long to send, such as 30s or 5m.")
    var duration: DurationArgument?
    @Option(help: "Bytes of a message's body.")
    var size: Int = 256
    @Option(help: "Messages a second, all producers together; as many as possible if not given.")
    var rate: Double?
    @Option(help: "Queues on each broker, if the topic has to be created.")
    var queues: Int32 = 4
    @Option(help: "How long brokers may take to serve again, and consumers to catch up.")
    var settle = DurationArgument(.seconds(60))
    @Option(help: "How long a send may wait for its answer before it is tried again.")
    var sendTimeout = DurationArgument(.seconds(3))
    @Flag(
        help: """
            Repeat sends as often as it takes, with producers that number their messages: each \
            must be stored once.
            """)
    var idempotent = false
    @Flag(help: "Handle each queue in order: short for --feature orderly.")
    var ordered = false
    @Option(
        help: "Prove this instead: \(Feature.allCases.map(\.rawValue).joined(separator: ", ")).")
    var feature: Feature?
    @Option(help: "Write everything that happens to this file.")
    var history: String?
    @Option(help: "Check existing histories instead; the first is the workload's own.")
    var check: [String] = []
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var progress: ProgressOptions

    func validate() throws {
        guard self.producers > 0, self.consumers >= 0, self.producers + self.consumers <= 10_000
        else { throw ValidationError("--producers must be at least 1, --consumers at least 0.") }
        guard (1...(4 << 20)).contains(self.size) else {
            throw ValidationError("--size must lie between 1 and 4194304 bytes.")
        }
        guard self.count ?? 1 > 0, self.rate ?? 1 > 0 else {
            throw ValidationError("--count and --rate must be positive.")
        }
        guard self.provenFeature == nil || self.consumers > 0 else {
            throw ValidationError("--feature and --ordered need --consumers.")
        }
        guard !self.ordered || self.feature ?? .orderly == .orderly else {
            throw ValidationError("--ordered is --feature orderly; say one of them.")
        }
    }

    private var provenFeature: Feature? { self.ordered ? .orderly : self.feature }

    func perform() async throws {
        let verdict = self.check.isEmpty ? try await self.runWorkload() : try self.recheck()
        if self.output.json {
            Terminal.print(verdict.json)
        } else {
            Terminal.print(verdict.text)
        }
        if verdict.outcome != .valid { throw ExitCode(ExitStatus.negative.rawValue) }
    }

    private func plan() -> WorkloadPlan {
        let seed = UInt64.random(in: .min ... .max)
        var plan = WorkloadPlan(topic: self.topic ?? "", seed: seed)
        if self.topic == nil { plan.topic = "verify-\(plan.run)" }
        plan.producers = self.producers
        plan.consumers = self.consumers
        plan.duration = self.duration?.duration
        plan.messagesMax = self.count ?? (self.duration == nil ? 10_000 : nil)
        plan.size = self.size
        plan.rate = self.rate
        plan.queues = self.queues
        plan.settleTime = self.settle.duration
        plan.sendTimeout = self.sendTimeout.duration
        plan.feature = self.provenFeature
        plan.isIdempotent = self.idempotent
        return plan
    }

    private func runWorkload() async throws -> Verdict {
        Interrupt.watch()
        let plan = self.plan()
        let recorder = Recorder(
            run: plan.run, feature: plan.feature, writer: try self.writer(plan))
        let phase = PhaseNote()
        let line = ProgressLine(self.progress) { phase.text(recorder.counters) }
        do {
            try await self.connection.withCluster { access in
                var workload = Workload(plan: plan, access: access, recorder: recorder)
                workload.onPhase = { phase.enter($0) }
                workload.isInterrupted = { Interrupt.isRequested }
                try await attempting("cannot begin the workload") { () async throws(AccessError) in
                    try await workload.run()
                }
            }
        } catch {
            await line.finish()
            throw error
        }
        await line.finish()
        do throws(HistoryError) {
            return try recorder.verdict()
        } catch {
            throw CommandFailure("cannot keep the history", error)
        }
    }

    private func writer(_ plan: WorkloadPlan) throws(CommandFailure) -> HistoryWriter? {
        guard let path = self.history else { return nil }
        let header = HistoryHeader(
            run: plan.run, seed: plan.seed, startedAt: Recorder.wallNow,
            versions: Apus.configuration.version, configuration: plan.text)
        do {
            return try HistoryWriter(path: path, header: header)
        } catch {
            throw CommandFailure("cannot write the history", error)
        }
    }

    private func recheck() throws(CommandFailure) -> Verdict {
        do {
            return try HistoryCheck.verdict(on: self.check)
        } catch {
            throw CommandFailure("cannot check \(self.check.joined(separator: ", "))", error)
        }
    }
}

extension Feature: ExpressibleByArgument {}
