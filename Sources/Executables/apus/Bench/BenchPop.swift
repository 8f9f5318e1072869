import ArgumentParser
import Chaos
import Foundation
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import Synchronization

struct BenchPop: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "pop", abstract: "Pop and acknowledge what a topic holds as fast as it comes.",
        discussion: """
            Each lane pops from any queue of one broker and acknowledges the batch; a latency is \
            that of both. When a group has had everything, the lanes go on as a new group. Send \
            something first, such as with `apus bench send`.

            Example:
              apus bench pop --connections 4 --in-flight 4 --duration 10s
            """)

    @Option(help: "Connections to each broker.")
    var connections: Int = 4
    @Option(help: "Pops in flight on each connection.")
    var inFlight: Int = 4
    @Option(help: "Messages in one pop at most.")
    var batch: Int = 32
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(self.connections), (1...1000).contains(self.inFlight),
            (1...32).contains(self.batch)
        else {
            throw ValidationError("--connections, --in-flight: 1 to 1000; --batch: 1 to 32.")
        }
    }

    func perform() async throws {
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.bench.prepare(access)
            let durability = await self.bench.durability(access, queues)
            return await self.measure(
                Set(queues.map(PopTarget.init)).sorted { $0.address < $1.address },
                durability: durability)
        }
        try self.report(result)
    }

    private func measure(_ targets: [PopTarget], durability: String) async -> BenchResult {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, self.connections))
        let groups = PopGroups()
        let began = Recorder.now
        let loads = (0..<self.connections).map { _ in
            PopLoad(
                group: group, topic: self.bench.topic, batch: self.batch, groups: groups,
                endAt: began + self.bench.duration.duration,
                timeout: .seconds(self.bench.connection.timeout))
        }
        let totals = loads.map(\.totals)
        let line = ProgressLine(self.bench.progress) { "\(totals.messages) messages" }
        await withTaskGroup(of: Void.self) { tasks in
            for load in loads {
                for lane in 0..<max(self.inFlight, targets.count) {
                    tasks.addTask { await load.run(targets[lane % targets.count]) }
                }
            }
        }
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        for load in loads { await load.shutdown() }
        try? await group.shutdownGracefully()
        return totals.result(mode: "pop", seconds: seconds, durability: durability)
    }
}

/// A broker, by its name and its address.
private struct PopTarget: Hashable, Sendable {
    var broker: String
    var address: String

    init(_ queue: RoutedQueue) {
        self.broker = queue.queue.brokerName
        self.address = queue.address
    }
}

/// Which group the lanes are at the moment: a new one finds everything again.
private final class PopGroups: Sendable {
    private let run = Recorder.wallNow.milliseconds
    private let number = Atomic<Int>(0)

    var current: Int { self.number.load(ordering: .relaxed) }

    func name(_ number: Int) -> String { "bench-pop-\(self.run)-\(number)" }

    /// The group has had everything; only the first who says so counts.
    func finish(_ number: Int) {
        _ = self.number.compareExchange(
            expected: number, desired: number + 1, ordering: .relaxed)
    }
}

/// Pops and acknowledges, one after the other in each lane.
private final class PopLoad: Sendable {
    let totals = BenchTotals()
    private let client: RemotingClient
    private let topic: String
    private let batch: Int
    private let groups: PopGroups
    private let endAt: Tick
    private let timeout: Duration

    init(
        group: any EventLoopGroup, topic: String, batch: Int, groups: PopGroups, endAt: Tick,
        timeout: Duration
    ) {
        self.client = RemotingClient(group: group, logger: ConnectionOptions.logger)
        self.topic = topic
        self.batch = batch
        self.groups = groups
        self.endAt = endAt
        self.timeout = timeout
    }

    func run(_ target: PopTarget) async {
        await withCheckedContinuation { finished in
            self.pop(target) { finished.resume() }
        }
    }

    func shutdown() async { await self.client.shutdown() }

    private func pop(_ target: PopTarget, finished: @escaping @Sendable () -> Void) {
        let began = Recorder.now
        guard began < self.endAt else { return finished() }
        let number = self.groups.current
        let request = PopRequest(
            consumerGroup: self.groups.name(number), topic: self.topic,
            maxMessages: Int32(self.batch), pollTime: 0,
            bornTime: Recorder.wallNow.milliseconds)
        self.client.call(request.command, to: target.address, timeout: self.timeout) { outcome in
            guard case .success(let answer) = outcome, answer.responseCode == .success,
                let response = try? PopResponse(answer)
            else {
                self.noteEmpty(outcome, number)
                return BenchPause.then { self.pop(target, finished: finished) }
            }
            let batch = PoppedBatch(response, of: request)
            let count = batch.count
            let bytes = answer.bodyCount
            self.acknowledge(batch, target) {
                self.totals.succeeded(
                    messages: count, bytes: bytes, nanoseconds: Recorder.now.since(began))
                self.pop(target, finished: finished)
            } failed: {
                BenchPause.then { self.pop(target, finished: finished) }
            }
        }
    }

    private func acknowledge(
        _ batch: PoppedBatch, _ target: PopTarget, done: @escaping @Sendable () -> Void,
        failed: @escaping @Sendable () -> Void
    ) {
        let body = BatchAcknowledgeBody(
            brokerName: target.broker, acknowledgements: batch.acknowledgements)
        let command = RemotingCommand.request(.batchAckMessage, body: body.encoded)
        self.client.call(command, to: target.address, timeout: self.timeout) { outcome in
            switch outcome {
            case .success(let answer) where answer.responseCode == .success: return done()
            case .success(let answer):
                self.totals.failed("ack: \(answer.responseCode.name): \(answer.remark ?? "")")
            case .failure(let error): self.totals.failed("ack: \(error)")
            }
            failed()
        }
    }

    private func noteEmpty(_ outcome: Result<ReceivedCommand, RemotingError>, _ number: Int) {
        switch outcome {
        case .success(let answer)
        where [.pollingTimeout, .pullNotFound, .pollingFull].contains(answer.responseCode):
            self.groups.finish(number)
        case .success(let answer):
            self.totals.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
        case .failure(let error): self.totals.failed("\(error)")
        }
    }
}

/// What one pop brought, as one acknowledgement for each queue.
private struct PoppedBatch {
    private(set) var acknowledgements: [BatchAcknowledgement] = []
    private(set) var count = 0

    init(_ response: PopResponse, of request: PopRequest) {
        for part in response.messageOffsetInfo.split(separator: ";") {
            let words = part.split(separator: " ")
            guard words.count == 3, let queue = Int32(words[1]) else { continue }
            let offsets = words[2].split(separator: ",").compactMap { Int64($0) }
            guard let first = offsets.first else { continue }
            self.count += offsets.count
            self.acknowledgements.append(
                BatchAcknowledgement(
                    consumerGroup: request.consumerGroup, topic: request.topic,
                    retry: String(words[0]), startOffset: first, queueID: queue,
                    reviveQueue: response.reviveQueue, popTime: response.popTime,
                    invisibleTime: response.invisibleTime,
                    bits: Self.bits(offsets.map { Int($0 - first) })))
        }
    }

    /// Lowest bit first.
    private static func bits(_ numbers: [Int]) -> String {
        var bytes = [UInt8](repeating: 0, count: (numbers.max() ?? 0) / 8 + 1)
        for number in numbers { bytes[number / 8] |= 1 << UInt8(number % 8) }
        return Data(bytes).base64EncodedString()
    }
}
