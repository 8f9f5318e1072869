import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol

struct BenchSend: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send as fast as the cluster takes it.",
        discussion: """
            Each connection keeps a number of sends in flight; a latency is the time from a \
            request to its answer. With --rate so many are sent a second whatever becomes of the \
            ones before, up to the number in flight. A broker that refuses is not spared: its \
            refusals are counted as errors.

            Examples:
              apus bench send --size 1024 --connections 4 --in-flight 64 --duration 10s
              apus bench send --rate 200000 --connections 8 --in-flight 5000
            """)

    @Option(help: "Bytes of a message's body.")
    var size: Int = 1024
    @Option(help: "Connections to each broker.")
    var connections: Int = 4
    @Option(help: "Sends without an answer on each connection.")
    var inFlight: Int = 64
    @Option(help: "Messages a second, over all connections; if not said, as many as go.")
    var rate: Int?
    @Option(help: "The tag of all messages.")
    var tag: String?
    @Option(
        name: [.customLong("property")],
        help: ArgumentHelp("A property of all messages; may be repeated.", valueName: "name=value"))
    var properties: [String] = []
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(self.connections), (1...10_000).contains(self.inFlight),
            (1...(4 << 20)).contains(self.size)
        else {
            throw ValidationError(
                "--connections: 1 to 1000; --in-flight: 1 to 10000; --size: 1 to 4194304.")
        }
        if let rate, !(1...10_000_000).contains(rate) {
            throw ValidationError("--rate: 1 to 10000000.")
        }
        guard self.properties.allSatisfy({ $0.split(separator: "=", maxSplits: 1).count == 2 })
        else { throw ValidationError("--property wants NAME=VALUE.") }
    }

    func perform() async throws {
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.bench.prepare(access)
            let durability = await self.bench.durability(access, queues)
            var result = try await self.measure(queues, durability: durability)
            result.more = [
                ("size", .integer(Int64(self.size))),
                ("connections", .integer(Int64(self.connections))),
                ("inFlight", .integer(Int64(self.inFlight))),
            ]
            if let rate { result.more.append(("rate", .integer(Int64(rate)))) }
            return result
        }
        try self.report(result)
    }

    private var messageProperties: MessageProperties {
        var all = MessageProperties()
        for text in self.properties {
            let words = text.split(separator: "=", maxSplits: 1).map(String.init)
            all[words[0]] = words[1]
        }
        return all
    }

    private func targets(_ queues: [RoutedQueue]) -> [SendLoad.Target] {
        let body = (0..<self.size).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let template = SendTemplate(producerGroup: "apus-bench", tag: self.tag)
        let now = Recorder.wallNow
        return queues.map { queue in
            let command = template.command(
                body, to: queue.queue, at: now, adding: self.messageProperties)
            return (SendFrame(command), queue.address)
        }
    }

    private func measure(
        _ queues: [RoutedQueue], durability: String
    ) async throws -> BenchResult {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, self.connections))
        let targets = self.targets(queues)
        let began = Recorder.now
        let totals = (0..<self.connections).map { _ in BenchTotals() }
        let line = ProgressLine(self.bench.progress) {
            let seconds = Double(Recorder.now.since(began)) / 1e9
            return "\(totals.messages) messages in \(Int(seconds)) s"
        }
        await withTaskGroup(of: Void.self) { tasks in
            for (turn, totals) in totals.enumerated() {
                let plan = SendFlow.Plan(
                    bodyBytes: self.size, inFlight: self.inFlight,
                    rate: self.rate.map { Double($0) / Double(self.connections) }, beginAt: began,
                    endAt: began + self.bench.duration.duration,
                    timeout: .seconds(self.bench.connection.timeout), turn: turn)
                let loop = group.next()
                tasks.addTask { await SendLoad.run(plan, to: targets, totals, on: loop) }
            }
        }
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        try? await group.shutdownGracefully()
        return totals.result(mode: "send", seconds: seconds, durability: durability)
    }
}
