import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport

struct BenchConsume: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Read what a topic holds as fast as it comes.",
        discussion: """
            Each connection pulls its share of the queues from their first message on, again and \
            again until the time is over. A latency is that of one pull. Send something first, \
            such as with `apus bench send`.

            Example:
              apus bench consume --connections 4 --duration 10s
            """)

    @Option(help: "Connections, among which the queues are shared out.")
    var connections: Int = 4
    @Option(help: "Pulls in flight on each connection, each of another queue.")
    var inFlight: Int = 4
    @Option(help: "Messages in one pull at most.")
    var batch: Int = 32
    @Option(help: "Only messages that have one of these tags, such as 'a || b'.")
    var tags: String?
    @Option(help: "Only messages whose properties fit this SQL92 expression.")
    var sql: String?
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(self.connections), (1...1000).contains(self.inFlight),
            (1...1024).contains(self.batch)
        else {
            throw ValidationError("--connections, --in-flight: 1 to 1000; --batch: 1 to 1024.")
        }
        guard self.tags == nil || self.sql == nil else {
            throw ValidationError("--tags or --sql, not both.")
        }
    }

    func perform() async throws {
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.filledQueues(access)
            let durability = await self.bench.durability(access, queues)
            return await self.measure(queues, durability: durability)
        }
        try self.report(result)
    }

    private func filledQueues(_ access: ClusterAccess) async throws -> [RoutedQueue] {
        let what = "cannot begin to measure"
        let queues = try await attempting(what) { () async throws(AccessError) in
            var filled: [RoutedQueue] = []
            let route = try await access.route(of: self.bench.topic)
            for queue in route.readableQueues(of: self.bench.topic) {
                let first = try await access.minOffset(of: queue)
                if try await access.maxOffset(of: queue) > first { filled.append(queue) }
            }
            return filled
        }
        guard !queues.isEmpty else {
            throw CommandFailure(
                .negative, what, because: "\(self.bench.topic) holds no messages",
                try: "apus bench send --topic \(self.bench.topic)")
        }
        return queues
    }

    private var filter: PullFilter {
        self.sql.map { PullFilter(type: "SQL92", expression: $0) }
            ?? PullFilter(type: "TAG", expression: self.tags ?? "*")
    }

    private func measure(_ queues: [RoutedQueue], durability: String) async -> BenchResult {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, self.connections))
        let clients = (0..<self.connections).map { _ in
            RemotingClient(group: group, logger: ConnectionOptions.logger)
        }
        let totals = clients.map { _ in BenchTotals() }
        let began = Recorder.now
        let endAt = began + self.bench.duration.duration
        let line = ProgressLine(self.bench.progress) { "\(totals.messages) messages" }
        await withTaskGroup(of: Void.self) { tasks in
            for lane in 0..<max(queues.count, self.connections * self.inFlight) {
                // More lanes than queues read the same queue twice: as two groups would.
                let load = PullLoad(
                    client: clients[lane % clients.count], queue: queues[lane % queues.count],
                    batch: self.batch, filter: self.filter, endAt: endAt,
                    timeout: .seconds(self.bench.connection.timeout),
                    totals: totals[lane % clients.count])
                tasks.addTask { await load.run() }
            }
        }
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        for client in clients { await client.shutdown() }
        try? await group.shutdownGracefully()
        var result = totals.result(mode: "consume", seconds: seconds, durability: durability)
        let examined = totals.reduce(0) { $0 + $1.sum.examined }
        result.more = [("examinedPerSecond", .double((Double(examined) / seconds).rounded()))]
        return result
    }
}

/// What of a queue is wanted.
private struct PullFilter {
    var type: String
    var expression: String
}

/// Pulls one queue from its first message to its last, again and again.
private final class PullLoad: Sendable {
    private let client: RemotingClient
    private let queue: RoutedQueue
    private let batch: Int
    private let filter: PullFilter
    private let endAt: Tick
    private let timeout: Duration
    private let totals: BenchTotals

    init(
        client: RemotingClient, queue: RoutedQueue, batch: Int, filter: PullFilter, endAt: Tick,
        timeout: Duration, totals: BenchTotals
    ) {
        self.client = client
        self.queue = queue
        self.batch = batch
        self.filter = filter
        self.endAt = endAt
        self.timeout = timeout
        self.totals = totals
    }

    func run() async {
        await withCheckedContinuation { finished in
            self.pull(from: .zero) { finished.resume() }
        }
    }

    private func pull(from offset: QueueOffset, finished: @escaping @Sendable () -> Void) {
        let began = Recorder.now
        guard began < self.endAt else { return finished() }
        var command = ClusterAccess.pullRequest(
            self.queue.queue, from: offset, messagesMax: self.batch,
            tags: self.filter.expression)
        command["expressionType"] = self.filter.type
        self.client.call(command, to: self.queue.address, timeout: self.timeout) { outcome in
            if let next = self.next(after: outcome, from: offset, began: began) {
                self.pull(from: next, finished: finished)
            } else {
                BenchPause.then { self.pull(from: .zero, finished: finished) }
            }
        }
    }

    /// Counts what came, and says where to go on: at the front when the end was reached. Nil after
    /// a failure.
    private func next(
        after outcome: Result<ReceivedCommand, RemotingError>, from offset: QueueOffset, began: Tick
    ) -> QueueOffset? {
        guard case .success(let answer) = outcome else {
            if case .failure(let error) = outcome { self.totals.failed("\(error)") }
            return nil
        }
        switch answer.responseCode {
        case .success:
            self.totals.succeeded(
                messages: Self.count(in: answer), bytes: answer.bodyCount,
                nanoseconds: Recorder.now.since(began))
        case .pullNotFound: return .zero
        case .pullOffsetMoved, .pullRetryImmediately: break
        default:
            self.totals.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
            return nil
        }
        let next = (try? answer.int64("nextBeginOffset")) ?? nil
        self.totals.examined(max(0, (next ?? 0) - offset.value))
        return QueueOffset(next ?? 0)
    }

    /// Messages stand one behind the other, each with its size in front.
    private static func count(in answer: ReceivedCommand) -> Int {
        answer.withBodyBytes { bytes in
            var count = 0
            var at = 0
            while at + 4 <= bytes.count {
                let size = Int(bytes.bigEndian(Int32.self, at: at))
                guard size > 0 else { break }
                count += 1
                at += size
            }
            return count
        }
    }
}
