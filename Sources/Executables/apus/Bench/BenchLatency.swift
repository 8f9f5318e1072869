import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport

struct BenchLatency: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Measure the way of single messages, end to end, at a steady rate.",
        discussion: """
            Messages go to one queue at a steady rate, whatever becomes of the ones before, and a \
            consumer reads that queue with long polls. The latency is the time from a send's begin \
            to the message's arrival at the consumer; sendLatencyMicroseconds is that of the \
            acknowledgement.

            Example:
              apus bench latency --size 1024 --rate 1000 --duration 10s
            """)

    @Option(help: "Bytes of a message's body.")
    var size: Int = 1024
    @Option(help: "Messages a second.")
    var rate: Int = 1000
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (SteadyLoad.bodyBytesMin...(4 << 20)).contains(self.size),
            (1...100_000).contains(self.rate)
        else {
            throw ValidationError(
                "--size: \(SteadyLoad.bodyBytesMin) to 4194304; --rate: 1 to 100000.")
        }
    }

    func perform() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.bench.prepare(access)
            guard let queue = queues.first else {
                throw CommandFailure("cannot begin to measure", .noMaster(topic: self.bench.topic))
            }
            let first = try await attempting("cannot begin to measure") {
                () async throws(AccessError) in try await access.maxOffset(of: queue)
            }
            let durability = await self.bench.durability(access, [queue])
            let load = SteadyLoad(
                to: queue, from: first, bytes: self.size, rate: self.rate, on: group,
                timeout: .seconds(self.bench.connection.timeout))
            return await self.measure(load, durability: durability)
        }
        try? await group.shutdownGracefully()
        try self.report(result)
    }

    private func measure(_ load: SteadyLoad, durability: String) async -> BenchResult {
        let line = ProgressLine(self.bench.progress) { "\(load.arrivals.sum.messages) messages" }
        let began = Recorder.now
        await load.run(for: self.bench.duration.duration)
        let seconds = Double(Recorder.now.since(began)) / 1e9
        await line.finish()
        var result = [load.arrivals].result(
            mode: "latency", seconds: seconds, durability: durability)
        let sends = load.sends.sum
        result.errors += sends.errors
        result.firstError = sends.firstError ?? result.firstError
        result.more = [
            ("size", .integer(Int64(self.size))), ("rate", .integer(Int64(self.rate))),
            ("sendLatencyMicroseconds", BenchResult.json(sends.latency)),
        ]
        return result
    }
}
