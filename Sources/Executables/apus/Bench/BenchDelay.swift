import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import Synchronization

struct BenchDelay: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "delay", abstract: "Send delayed messages, and see when they are delivered.",
        discussion: """
            The first message is due after the delay, the last one by --over later. How late a \
            message is, is told by the time at which its broker stored it for delivery.

            Examples:
              apus bench delay --pending 20000 --delay 5s
              apus bench delay --pending 1000000 --delay 1h --over 10m --leave
            """)

    @Option(help: "How many messages.")
    var pending: Int = 10_000
    @Option(
        help: "When the first one is due, from the beginning on: longer than the sending takes.")
    var delay = DurationArgument(.seconds(10))
    @Option(help: "The messages' times are spread over so long.")
    var over: DurationArgument?
    @Flag(help: "Do not wait for them.")
    var leave = false
    @Option(help: "Bytes of a message's body, at least 13.")
    var size: Int = 128
    @Option(help: "Connections to each broker.")
    var connections: Int = 4
    @Option(help: "Sends without an answer on each connection.")
    var inFlight: Int = 64
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...100_000_000).contains(self.pending), (1...1000).contains(self.connections),
            (1...10_000).contains(self.inFlight), (13...(4 << 20)).contains(self.size)
        else {
            throw ValidationError(
                "--pending: 1 to 100000000; --connections: 1 to 1000; --in-flight: 1 to 10000; "
                    + "--size: 13 to 4194304.")
        }
    }

    func perform() async throws {
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.bench.prepare(access)
            let durability = await self.bench.durability(access, queues)
            var ends: [RoutedQueue: QueueOffset] = [:]
            for queue in queues {
                ends[queue] = try await attempting("cannot measure") {
                    () async throws(AccessError) in
                    try await access.maxOffset(of: queue)
                }
            }
            let schedule = DelayedSchedule(
                first: Recorder.wallNow.milliseconds
                    + Int64(self.delay.duration / .milliseconds(1)),
                over: Int64((self.over?.duration ?? .zero) / .milliseconds(1)), count: self.pending)
            var result = await self.send(queues, schedule, durability: durability)
            guard !self.leave else { return result }
            let watch = DeliveryWatch(access: access, schedule: schedule, size: self.size)
            result.more = try await watch.results(of: ends, count: result.messages)
            return result
        }
        try self.report(result)
        if !self.output.json {
            for (name, value) in result.more {
                Terminal.print("\(name): \(value.text ?? "\(value)")")
            }
        }
    }

    private func send(
        _ queues: [RoutedQueue], _ schedule: DelayedSchedule, durability: String
    ) async -> BenchResult {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, self.connections))
        let turn = Turn()
        let loads = (0..<self.connections).map { _ in
            DelayLoad(
                group: group, queues: queues, size: self.size, schedule: schedule, turn: turn,
                timeout: .seconds(self.bench.connection.timeout))
        }
        let totals = loads.map(\.totals)
        let line = ProgressLine(self.bench.progress) { "\(totals.messages) messages" }
        let began = Recorder.now
        await withTaskGroup(of: Void.self) { tasks in
            for load in loads {
                for _ in 0..<self.inFlight { tasks.addTask { await load.run() } }
            }
        }
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        for load in loads { await load.shutdown() }
        try? await group.shutdownGracefully()
        return totals.result(mode: "delay", seconds: seconds, durability: durability)
    }
}

/// When each message is due, in milliseconds since 1970.
private struct DelayedSchedule: Sendable {
    var first: Int64
    var over: Int64
    var count: Int

    var last: Int64 { self.first + self.over }

    func due(_ number: Int) -> Int64 {
        self.first + Int64(Double(self.over) * Double(number) / Double(self.count))
    }
}

/// The number of the next message, for all connections.
private final class Turn: Sendable {
    private let number = Atomic<Int>(0)

    func next() -> Int { self.number.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// Sends its share of the messages. A body begins with the time at which it is due.
private final class DelayLoad: Sendable {
    let totals = BenchTotals()
    private let client: RemotingClient
    private let queues: [RoutedQueue]
    private let request = SendTemplate(producerGroup: "apus-bench")
    private let padding: [UInt8]
    private let schedule: DelayedSchedule
    private let turn: Turn
    private let timeout: Duration

    init(
        group: any EventLoopGroup, queues: [RoutedQueue], size: Int, schedule: DelayedSchedule,
        turn: Turn, timeout: Duration
    ) {
        self.client = RemotingClient(group: group, logger: ConnectionOptions.logger)
        self.queues = queues
        self.padding = [UInt8](repeating: UInt8(ascii: " "), count: size - 13)
        self.schedule = schedule
        self.turn = turn
        self.timeout = timeout
    }

    func run() async {
        await withCheckedContinuation { finished in
            self.send { finished.resume() }
        }
    }

    func shutdown() async { await self.client.shutdown() }

    private func send(finished: @escaping @Sendable () -> Void) {
        let number = self.turn.next()
        guard number < self.schedule.count else { return finished() }
        let began = Recorder.now
        let target = self.queues[number % self.queues.count]
        let due = String(self.schedule.due(number))
        var properties = MessageProperties()
        properties[PropertyName.timerDeliverAt] = due
        let command = self.request.command(
            Array(due.utf8) + self.padding, to: target.queue, at: Recorder.wallNow,
            adding: properties)
        self.client.call(command, to: target.address, timeout: self.timeout) { outcome in
            switch outcome {
            case .success(let answer) where answer.responseCode == .success:
                self.totals.succeeded(
                    bytes: 13 + self.padding.count, nanoseconds: Recorder.now.since(began))
                return self.send(finished: finished)
            case .success(let answer):
                self.totals.failed("\(answer.responseCode.name): \(answer.remark ?? "")")
            case .failure(let error): self.totals.failed("\(error)")
            }
            BenchPause.then { self.send(finished: finished) }
        }
    }
}

/// Reads what was delivered, and compares when with when it was due.
private struct DeliveryWatch {
    private static let patience: Duration = .seconds(60)

    let access: ClusterAccess
    let schedule: DelayedSchedule
    let size: Int

    func results(
        of ends: [RoutedQueue: QueueOffset], count: Int
    ) async throws -> [(name: String, value: JSONValue)] {
        let wait = self.schedule.last - Recorder.wallNow.milliseconds
        if wait > 0 { try await Task.sleep(for: .milliseconds(wait)) }
        let giveUpAt = Recorder.now + Self.patience
        var (next, lateness, lastStored) = (ends, LatencyHistogram(), Int64(0))
        var (fired, early) = (0, 0)
        while fired < count, Recorder.now < giveUpAt {
            let before = fired
            for queue in next.keys.sorted(by: { $0.queue < $1.queue }) {
                let from = next[queue] ?? .zero
                let page = try await attempting("cannot measure") { () async throws(AccessError) in
                    try await self.access.pull(queue, from: from, messagesMax: 1_024)
                }
                next[queue] = page.next
                for message in page.messages {
                    guard let due = self.due(message) else { continue }
                    let late = message.storedAt.milliseconds - due
                    (fired, early) = (fired + 1, early + (late < 0 ? 1 : 0))
                    lateness.add(max(0, late) * 1_000_000)
                    lastStored = max(lastStored, message.storedAt.milliseconds)
                }
            }
            if fired == before { try await Task.sleep(for: .milliseconds(50)) }
        }
        let milliseconds = max(1, lastStored - self.schedule.first)
        return [
            ("delivered", .integer(Int64(fired))), ("tooEarly", .integer(Int64(early))),
            ("deliveredPerSecond", .double(Double(fired) * 1000 / Double(milliseconds))),
            ("latestMilliseconds", .double(Double(lateness.percentile(1)) / 1e6)),
            ("medianMilliseconds", .double(Double(lateness.percentile(0.5)) / 1e6)),
        ]
    }

    /// Nil: the message is not of this run.
    private func due(_ message: FetchedMessage) -> Int64? {
        guard let due = Int64(String(decoding: message.body.prefix(13), as: UTF8.self)),
            (self.schedule.first...self.schedule.last).contains(due)
        else { return nil }
        return due
    }
}
