import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import Synchronization

struct BenchTransaction: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "transaction", abstract: "Send half messages and commit them.",
        discussion: """
            A message counts when its commit is acknowledged; a latency is that of the half message \
            and its commit together.

            Example:
              apus bench transaction --connections 4 --in-flight 64 --duration 10s
            """)

    @Option(help: "Bytes of a message's body.")
    var size: Int = 1024
    @Option(help: "Connections to each broker.")
    var connections: Int = 4
    @Option(help: "Transactions under way on each connection.")
    var inFlight: Int = 64
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(self.connections), (1...10_000).contains(self.inFlight),
            (1...(4 << 20)).contains(self.size)
        else {
            throw ValidationError(
                "--connections: 1 to 1000; --in-flight: 1 to 10000; --size: 1 to 4194304.")
        }
    }

    func perform() async throws {
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.bench.prepare(access)
            let durability = await self.bench.durability(access, queues)
            return await self.measure(queues, durability: durability)
        }
        try self.report(result)
    }

    private func measure(_ queues: [RoutedQueue], durability: String) async -> BenchResult {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, self.connections))
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: self.size)
        let began = Recorder.now
        let loads = (0..<self.connections).map {
            TransactionLoad(
                group: group, queues: queues, body: body, number: $0,
                endAt: began + self.bench.duration.duration,
                timeout: .seconds(self.bench.connection.timeout))
        }
        let totals = loads.map(\.totals)
        let line = ProgressLine(self.bench.progress) { "\(totals.messages) transactions" }
        await withTaskGroup(of: Void.self) { tasks in
            for load in loads {
                for _ in 0..<self.inFlight { tasks.addTask { await load.run() } }
            }
        }
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        for load in loads { await load.shutdown() }
        try? await group.shutdownGracefully()
        return totals.result(mode: "transaction", seconds: seconds, durability: durability)
    }
}

/// One connection to each broker, on which lanes send a half message and commit it, again and again.
private final class TransactionLoad: Sendable {
    private static let producerGroup = "apus-bench"
    private static let commit = "8"

    let totals = BenchTotals()
    private let client: RemotingClient
    private let queues: [RoutedQueue]
    private let request = SendTemplate(producerGroup: producerGroup)
    private let body: [UInt8]
    private let number: Int
    private let endAt: Tick
    private let timeout: Duration
    private let turn: Atomic<Int>
    private let run = Recorder.wallNow.milliseconds

    init(
        group: any EventLoopGroup, queues: [RoutedQueue], body: [UInt8], number: Int, endAt: Tick,
        timeout: Duration
    ) {
        self.client = RemotingClient(group: group, logger: ConnectionOptions.logger)
        self.queues = queues
        self.body = body
        self.number = number
        self.endAt = endAt
        self.timeout = timeout
        self.turn = Atomic(number)
    }

    func run() async {
        await withCheckedContinuation { finished in
            self.prepare { finished.resume() }
        }
    }

    func shutdown() async { await self.client.shutdown() }

    private func prepare(finished: @escaping @Sendable () -> Void) {
        let began = Recorder.now
        guard began < self.endAt else { return finished() }
        let turn = self.turn.wrappingAdd(1, ordering: .relaxed).newValue
        let target = self.queues[turn % self.queues.count]
        let key = "\(self.run)-\(self.number)-\(turn)"
        self.client.call(self.half(key, to: target), to: target.address, timeout: self.timeout) {
            guard let end = self.end(of: key, target, after: $0) else {
                return BenchPause.then { self.prepare(finished: finished) }
            }
            self.client.call(end, to: target.address, timeout: self.timeout) { outcome in
                if self.answer(outcome) != nil {
                    self.totals.succeeded(
                        bytes: self.body.count, nanoseconds: Recorder.now.since(began))
                    self.prepare(finished: finished)
                } else {
                    BenchPause.then { self.prepare(finished: finished) }
                }
            }
        }
    }

    private func half(_ key: String, to target: RoutedQueue) -> RemotingCommand {
        var properties = MessageProperties()
        properties["TRAN_MSG"] = "true"
        properties["PGROUP"] = Self.producerGroup
        properties[PropertyName.uniqueKey] = key
        var command = self.request.command(
            self.body, to: target.queue, at: Recorder.wallNow, adding: properties)
        command["f"] = "4"
        return command
    }

    /// The commit of a half message that was stored; nil if it was not.
    private func end(
        of key: String, _ target: RoutedQueue,
        after outcome: Result<ReceivedCommand, RemotingError>
    ) -> RemotingCommand? {
        guard let answer = self.answer(outcome),
            let offset = answer.nonEmptyString("queueOffset"),
            let id = answer.nonEmptyString("msgId").flatMap({ OffsetMessageID($0) })
        else { return nil }
        return .request(
            .endTransaction,
            fields: [
                "topic": target.queue.topic, "producerGroup": Self.producerGroup,
                "tranStateTableOffset": offset,
                "commitLogOffset": String(id.physicalOffset.bytes),
                "commitOrRollback": Self.commit, "fromTransactionCheck": "false", "msgId": key,
                "transactionId": key,
            ])
    }

    private func answer(
        _ outcome: Result<ReceivedCommand, RemotingError>
    ) -> ReceivedCommand? {
        switch outcome {
        case .success(let answer) where answer.responseCode == .success: return answer
        case .success(let answer):
            self.totals.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
        case .failure(let error): self.totals.failed("\(error)")
        }
        return nil
    }
}
