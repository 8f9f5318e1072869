import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import Synchronization

struct BenchSend: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Send as fast as the cluster takes it.",
        discussion: """
            Each connection keeps a number of sends in flight; a latency is the time from a \
            request to its answer. A broker that refuses is not spared: its refusals are counted \
            as errors.

            Example:
              apus bench send --size 1024 --connections 4 --in-flight 64 --duration 10s
            """)

    @Option(help: "Bytes of a message's body.")
    var size: Int = 1024
    @Option(help: "Connections to each broker.")
    var connections: Int = 4
    @Option(help: "Sends without an answer on each connection.")
    var inFlight: Int = 64
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

    private func measure(
        _ queues: [RoutedQueue], durability: String
    ) async throws -> BenchResult {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, self.connections))
        let body = (0..<self.size).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let began = Recorder.now
        let loads = (0..<self.connections).map {
            SendLoad(
                group: group, queues: queues, body: body, tag: self.tag,
                properties: self.messageProperties, inFlight: self.inFlight, turn: $0,
                endAt: began + self.bench.duration.duration,
                timeout: .seconds(self.bench.connection.timeout))
        }
        let totals = loads.map(\.totals)
        let line = ProgressLine(self.bench.progress) {
            let seconds = Double(Recorder.now.since(began)) / 1e9
            return "\(totals.messages) messages in \(Int(seconds)) s"
        }
        await withTaskGroup(of: Void.self) { tasks in
            for load in loads { tasks.addTask { await load.run() } }
        }
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        for load in loads { await load.shutdown() }
        try? await group.shutdownGracefully()
        return totals.result(mode: "send", seconds: seconds, durability: durability)
    }
}

/// One connection to each broker that keeps a number of sends in flight until its time is over.
private final class SendLoad: Sendable {
    let totals = BenchTotals()
    private let client: RemotingClient
    private let targets: [(command: RemotingCommand, address: String)]
    private let bytes: Int
    private let inFlight: Int
    private let endAt: Tick
    private let timeout: Duration
    private let turn: Atomic<Int>
    private let open = Atomic<Int>(0)

    init(
        group: any EventLoopGroup, queues: [RoutedQueue], body: [UInt8], tag: String?,
        properties: MessageProperties, inFlight: Int, turn: Int, endAt: Tick, timeout: Duration
    ) {
        self.client = RemotingClient(group: group, logger: ConnectionOptions.logger)
        let request = SendTemplate(producerGroup: "apus-bench", tag: tag)
        let now = Recorder.wallNow
        self.targets = queues.map {
            (request.command(body, to: $0.queue, at: now, adding: properties), $0.address)
        }
        self.bytes = body.count
        self.inFlight = inFlight
        self.endAt = endAt
        self.timeout = timeout
        self.turn = Atomic(turn)
    }

    /// Returns when all sends have been answered.
    func run() async {
        await withCheckedContinuation { finished in
            self.open.store(self.inFlight, ordering: .relaxed)
            for _ in 0..<self.inFlight { self.sendNext { finished.resume() } }
        }
    }

    func shutdown() async { await self.client.shutdown() }

    /// One send after the other, each begun by the answer to the one before, on its event loop.
    private func sendNext(finished: @escaping @Sendable () -> Void) {
        let began = Recorder.now
        guard began < self.endAt else {
            let left = self.open.wrappingSubtract(1, ordering: .relaxed).newValue
            if left == 0 { finished() }
            return
        }
        let turn = self.turn.wrappingAdd(1, ordering: .relaxed).newValue
        let target = self.targets[turn % self.targets.count]
        self.client.call(target.command, to: target.address, timeout: self.timeout) { outcome in
            if self.hasSucceeded(outcome, began: began) {
                self.sendNext(finished: finished)
            } else {
                BenchPause.then { self.sendNext(finished: finished) }
            }
        }
    }

    private func hasSucceeded(
        _ outcome: Result<ReceivedCommand, RemotingError>, began: Tick
    ) -> Bool {
        switch outcome {
        case .success(let answer) where answer.responseCode == .success:
            self.totals.succeeded(bytes: self.bytes, nanoseconds: Recorder.now.since(began))
            return true
        case .success(let answer):
            self.totals.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
        case .failure(let error):
            self.totals.failed("\(error)")
        }
        return false
    }
}
