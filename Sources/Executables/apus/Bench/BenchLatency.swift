import ArgumentParser
import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport

struct BenchLatency: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Measure the way of single messages, end to end.",
        discussion: """
            One message at a time goes to a queue on which a consumer waits with a long poll. The \
            latency is the time from the send's begin to the message's arrival at the consumer; \
            sendLatencyMicroseconds is that of the acknowledgement.

            Example:
              apus bench latency --size 1024 --duration 10s
            """)

    @Option(help: "Bytes of a message's body.")
    var size: Int = 1024
    @OptionGroup var bench: BenchOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...(4 << 20)).contains(self.size) else {
            throw ValidationError("--size must lie between 1 and 4194304 bytes.")
        }
    }

    func perform() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result = try await self.bench.connection.withCluster { access in
            let queues = try await self.bench.prepare(access)
            guard let queue = queues.first else {
                throw CommandFailure("cannot begin to measure", .noMaster(topic: self.bench.topic))
            }
            let consumer = RemotingClient(group: group, logger: ConnectionOptions.logger)
            let durability = await self.bench.durability(access, [queue])
            let result = try await self.measure(access, consumer, queue, durability: durability)
            await consumer.shutdown()
            return result
        }
        try? await group.shutdownGracefully()
        try self.report(result)
    }

    private func measure(
        _ access: ClusterAccess, _ consumer: RemotingClient, _ queue: RoutedQueue,
        durability: String
    ) async throws -> BenchResult {
        let totals = BenchTotals()
        let line = ProgressLine(self.bench.progress) { "\(totals.sum.messages) messages" }
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: self.size)
        let request = SendTemplate(producerGroup: "apus-bench")
        var sends = LatencyHistogram()
        let first = Recorder.now
        let endAt = first + self.bench.duration.duration
        while Recorder.now < endAt {
            let next = try await attempting("cannot measure") { () async throws(AccessError) in
                try await access.maxOffset(of: queue)
            }
            async let arrived = self.arrival(consumer, queue, from: next)
            // The poll has to be there first: what arrives before it would not be waited for.
            try await Task.sleep(for: .milliseconds(1))
            let began = Recorder.now
            let command = request.command(body, to: queue.queue, at: Recorder.wallNow)
            do {
                _ = try await access.call(command, to: queue.address)
                sends.add(Recorder.now.since(began))
                let at = try await arrived
                totals.succeeded(bytes: self.size, nanoseconds: at.since(began))
            } catch {
                totals.failed("\(error)")
            }
        }
        let seconds = Double(Recorder.now.since(first)) / 1e9
        await line.finish()
        var result = [totals].result(mode: "latency", seconds: seconds, durability: durability)
        result.more = [
            ("size", .integer(Int64(self.size))),
            ("sendLatencyMicroseconds", BenchResult.json(sends)),
        ]
        return result
    }

    private func arrival(
        _ consumer: RemotingClient, _ queue: RoutedQueue, from offset: QueueOffset
    ) async throws(AccessError) -> Tick {
        let command = ClusterAccess.pullRequest(
            queue.queue, from: offset, messagesMax: 1, suspendMilliseconds: 10_000)
        do {
            let answer = try await consumer.call(
                command, to: queue.address, timeout: .seconds(20))
            let now = Recorder.now
            guard answer.responseCode == .success else {
                throw AccessError.refused(
                    answer.responseCode, remark: answer.remark ?? "", by: queue.address)
            }
            return now
        } catch let error as RemotingError {
            throw .unreachable(error)
        } catch let error as AccessError {
            throw error
        } catch {
            throw .unreadable(problem: "\(error)", from: queue.address)
        }
    }
}
