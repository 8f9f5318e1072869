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
                rate: self.rate.map { Double($0) / Double(self.connections) },
                began: began, endAt: began + self.bench.duration.duration,
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

/// One connection to each broker that keeps a number of sends in flight until its time is over, or
/// sends at a rate.
private final class SendLoad: Sendable {
    let totals = BenchTotals()
    private let client: RemotingClient
    private let targets: [(command: RemotingCommand, address: String)]
    private let bytes: Int
    private let inFlight: Int
    /// Messages a second; nil: each answer begins the next send.
    private let rate: Double?
    private let loop: any EventLoop
    private let began: Tick
    private let endAt: Tick
    private let timeout: Duration
    private let turn: Atomic<Int>
    private let open = Atomic<Int>(0)

    init(
        group: any EventLoopGroup, queues: [RoutedQueue], body: [UInt8], tag: String?,
        properties: MessageProperties, inFlight: Int, turn: Int, rate: Double?, began: Tick,
        endAt: Tick, timeout: Duration
    ) {
        self.loop = group.next()
        self.client = RemotingClient(group: self.loop, logger: ConnectionOptions.logger)
        let request = SendTemplate(producerGroup: "apus-bench", tag: tag)
        let now = Recorder.wallNow
        self.targets = queues.map {
            (request.command(body, to: $0.queue, at: now, adding: properties), $0.address)
        }
        self.bytes = body.count
        self.inFlight = inFlight
        self.rate = rate
        self.began = began
        self.endAt = endAt
        self.timeout = timeout
        self.turn = Atomic(turn)
    }

    /// Returns when all sends have been answered.
    func run() async {
        if let rate = self.rate { return await self.run(at: rate) }
        await withCheckedContinuation { finished in
            self.open.store(self.inFlight, ordering: .relaxed)
            for _ in 0..<self.inFlight { self.sendNext { finished.resume() } }
        }
    }

    func shutdown() async { await self.client.shutdown() }

    /// What cannot be sent in time because too many have no answer is not sent later either.
    private func run(at rate: Double) async {
        let due = Atomic<Int>(0)
        let sending = self.loop.scheduleRepeatedTask(
            initialDelay: .zero, delay: .milliseconds(1)
        ) { _ in
            let now = min(Recorder.now, self.endAt)
            let target = Int(Double(now.since(self.began)) / 1e9 * rate)
            for _ in due.exchange(target, ordering: .relaxed)..<target {
                guard self.open.load(ordering: .relaxed) < self.inFlight else { break }
                self.sendOnce()
            }
        }
        while Recorder.now < self.endAt || self.open.load(ordering: .relaxed) > 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
        sending.cancel()
    }

    private func sendOnce() {
        let began = Recorder.now
        self.open.wrappingAdd(1, ordering: .relaxed)
        let turn = self.turn.wrappingAdd(1, ordering: .relaxed).newValue
        let target = self.targets[turn % self.targets.count]
        self.client.call(target.command, to: target.address, timeout: self.timeout) { outcome in
            _ = self.hasSucceeded(outcome, began: began)
            self.open.wrappingSubtract(1, ordering: .relaxed)
        }
    }

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
        case .success(let answer) where answer.responseCode == .systemBusy:
            self.totals.refused(
                "SYSTEM_BUSY: \(answer.remark ?? "")", nanoseconds: Recorder.now.since(began))
        case .success(let answer):
            self.totals.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
        case .failure(let error):
            self.totals.failed("\(error)")
        }
        return false
    }
}
