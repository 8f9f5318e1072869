import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure a cluster, or the limit that its disk sets.",
        discussion: """
            Speaks plain RocketMQ protocol: the same load can be put on any compatible server. \
            Figures mean something only beside `apus bench disk` of the same machine and minute.
            """,
        subcommands: [
            BenchSend.self, BenchConsume.self, BenchPop.self, BenchTransaction.self,
            BenchDelay.self,
            BenchLatency.self, BenchDisk.self, BenchAnswer.self,
        ])
}

/// What all measurements over the network have in common.
struct BenchOptions: ParsableArguments {
    @Option(name: [.long, .customShort("t")], help: "The topic; created if it is not there.")
    var topic: String = "bench"
    @Option(help: "How long to measure, such as 10s.")
    var duration = DurationArgument(.seconds(10))
    @Option(help: "Queues on each broker, if the topic has to be created.")
    var queues: Int32 = 16
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var progress: ProgressOptions

    /// The topic's queues; makes the topic on every master if it is not there.
    func prepare(_ access: ClusterAccess) async throws(CommandFailure) -> [RoutedQueue] {
        try await attempting("cannot begin to measure") { () async throws(AccessError) in
            if let route = try? await access.route(of: self.topic) {
                return route.writableQueues(of: self.topic)
            }
            let masters = try await access.masters()
            let config = TopicConfig(
                name: self.topic, readQueues: self.queues, writeQueues: self.queues)
            for master in masters { try await access.putTopic(config, at: master.address) }
            let route = await access.awaitRoute(
                of: self.topic, brokers: masters.count, within: .seconds(10))
            guard let route else { throw .noRoute(topic: self.topic) }
            return route.writableQueues(of: self.topic)
        }
    }

    /// What the brokers say that they do before they acknowledge.
    func durability(_ access: ClusterAccess, _ queues: [RoutedQueue]) async -> String {
        var modes: Set<String> = []
        for address in Set(queues.map(\.address)) {
            let configuration = try? await access.brokerConfiguration(at: address)
            modes.insert(configuration?["flushDiskType"] ?? "unknown")
        }
        return modes.sorted().joined(separator: ",")
    }
}

/// What a measurement found.
struct BenchResult: Sendable {
    var mode: String
    var messages = 0
    var bytes = 0
    var errors = 0
    var seconds: Double
    /// In nanoseconds.
    var latency = LatencyHistogram()
    /// Answered `SYSTEM_BUSY`; also among the errors.
    var refused = 0
    var refusalLatency = LatencyHistogram()
    var durability: String
    var firstError: String?
    /// What else there is to say, in the order of telling.
    var more: [(name: String, value: JSONValue)] = []

    var messagesPerSecond: Double { Double(self.messages) / max(self.seconds, 1e-9) }
    var megabytesPerSecond: Double { Double(self.bytes) / 1e6 / max(self.seconds, 1e-9) }

    var json: JSONValue {
        var members = [
            JSONMember("mode", .string(self.mode)),
            JSONMember("messagesPerSecond", .double(Self.rounded(self.messagesPerSecond))),
            JSONMember("megabytesPerSecond", .double(Self.rounded(self.megabytesPerSecond))),
            JSONMember("latencyMicroseconds", Self.json(self.latency)),
            JSONMember("errors", .integer(Int64(self.errors))),
            JSONMember("durability", .string(self.durability)),
            JSONMember("messages", .integer(Int64(self.messages))),
            JSONMember("seconds", .double(Self.rounded(self.seconds))),
        ]
        if self.refused > 0 {
            members.append(JSONMember("refused", .integer(Int64(self.refused))))
            members.append(
                JSONMember("refusalLatencyMicroseconds", Self.json(self.refusalLatency)))
        }
        if let firstError { members.append(JSONMember("firstError", .string(firstError))) }
        return .object(members + self.more.map { JSONMember($0.name, $0.value) })
    }

    var text: String {
        var lines = [
            "\(self.mode): \(Self.rounded(self.messagesPerSecond)) messages/s, "
                + "\(Self.rounded(self.megabytesPerSecond)) MB/s, durability \(self.durability)",
            "latency µs: " + Self.text(self.latency),
        ]
        if self.errors > 0 {
            if self.refused > 0 {
                lines.append("refused: \(self.refused), µs: " + Self.text(self.refusalLatency))
            }
            lines.append("errors: \(self.errors), the first: \(self.firstError ?? "unknown")")
        }
        return lines.joined(separator: "\n")
    }

    static func json(_ latency: LatencyHistogram) -> JSONValue {
        .object(Self.points(latency).map { JSONMember($0.name, .double($0.value)) })
    }

    static func text(_ latency: LatencyHistogram) -> String {
        Self.points(latency).map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    }

    private static func points(_ latency: LatencyHistogram) -> [(name: String, value: Double)] {
        let fractions = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1)]
        return fractions.map { (name: $0.0, value: Double(latency.percentile($0.1) / 100) / 10) }
    }

    private static func rounded(_ number: Double) -> Double { (number * 10).rounded() / 10 }
}

extension ApusCommand {
    func report(_ result: BenchResult) throws {
        if self.output.json {
            Terminal.print(result.json)
        } else {
            Terminal.print(result.text)
        }
        if result.messages == 0 { throw ExitCode(ExitStatus.negative.rawValue) }
    }
}
