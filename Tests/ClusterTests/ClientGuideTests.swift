import ApusClient
import Foundation
import Synchronization
import TestSupport
import Testing

/// The snippets of `docs/client-guide.md`, as a user would write them.
private struct ClientGuide {
    let nameServers: String

    var configuration: ApusClient.Configuration {
        let configuration = ApusClient.Configuration(nameServers: nameServers)
        return configuration
    }

    func createTopic() async throws {
        let admin = Admin(configuration)
        try await admin.createTopic("orders", TopicSettings(readQueues: 4, writeQueues: 4))
        await admin.close()
    }

    func sendOne() async throws -> SendReceipt {
        let producer = Producer(configuration)
        let order = Message(topic: "orders", body: "two coffees", tag: "new", keys: ["o-17"])
        let receipt = try await producer.send(order)
        await producer.close()
        return receipt
    }

    func sendInOrder(_ producer: Producer) async throws -> [SendReceipt] {
        var receipts: [SendReceipt] = []
        for step in ["brewed", "served", "paid"] {
            let message = Message(topic: "orders", body: step)
            receipts.append(try await producer.send(message, to: .hash(shardingKey: "o-17")))
        }
        return receipts
    }

    func pipeline(_ producer: Producer) async throws -> [SendReceipt] {
        var tickets: [SendTicket] = []
        for number in 1...1_000 {
            let message = Message(topic: "orders", body: "order \(number)")
            tickets.append(try await producer.enqueue(message))
        }
        var receipts: [SendReceipt] = []
        for ticket in tickets { receipts.append(try await ticket.receipt) }
        return receipts
    }

    func batch(_ producer: Producer) async throws -> [SendReceipt] {
        let lines = (1...10).map { Message(topic: "orders", body: "line \($0)") }
        let receipts = try await producer.sendBatch(lines)
        return receipts
    }

    func oneWay(_ producer: Producer) async throws {
        try await producer.sendOneWay(Message(topic: "orders", body: "a reading"))
    }

    enum Outcome { case stored, unknown, notStored }

    func outcome(of order: Message, _ producer: Producer) async -> Outcome {
        do throws(ApusClientError) {
            try await producer.send(order, deadline: .seconds(2))
            return .stored
        } catch {
            return error.mayHaveBeenStored ? .unknown : .notStored
        }
    }

    func receive(_ handle: (ReceivedMessage) -> Bool) async {
        var options = PushConsumer.Options()
        options.from = .first
        let consumer = PushConsumer(
            configuration, group: "kitchen",
            subscriptions: [Subscription(topic: "orders", tags: "new || paid")], options: options)
        for await delivery in consumer.messages {
            let isLast = handle(delivery.message)
            delivery.ack()
            if isLast { break }
        }
        await consumer.close()
    }

    func run(
        until: AsyncStream<Void>,
        bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async {
        var options = PushConsumer.Options()
        options.from = .first
        options.retry = .local(after: .milliseconds(100))
        let consumer = PushConsumer(
            configuration, group: "billing", subscriptions: [Subscription(topic: "orders")],
            options: options)
        let work = Task {
            await consumer.run(concurrency: 16) { message in try await bill(message) }
        }
        for await _ in until { break }
        await consumer.close()
        await work.value
    }

    func readAll() async throws -> [ReceivedMessage] {
        var messages: [ReceivedMessage] = []
        let consumer = PullConsumer(configuration, group: "audit")
        for queue in try await consumer.queues(of: "orders") {
            var offset = try await consumer.committedOffset(of: queue) ?? 0
            let end = try await consumer.maxOffset(of: queue)
            while offset < end {
                let page = try await consumer.pull(queue, from: offset, messagesMax: 100)
                messages += page.messages
                offset = page.nextOffset
            }
            try await consumer.commit(offset, of: queue)
        }
        await consumer.close()
        return messages
    }

    func lookAround(_ admin: Admin) async throws -> (lag: Int64, found: [ReceivedMessage]) {
        let progress = try await admin.progress(ofGroup: "audit", topic: "orders")
        let lag = progress.values.reduce(0) { $0 + $1.lag }
        let found = try await admin.messages(topic: "orders", key: "o-17")
        return (lag, found)
    }

    func goBack(_ admin: Admin) async throws -> [TopicQueue: Int64] {
        try await admin.seek(group: "audit", topic: "orders", to: .first)
    }

    var namespaced: ApusClient.Configuration {
        var apart = ApusClient.Configuration(nameServers: nameServers)
        apart.namespace = "shop"
        return apart
    }

    var tracing: ApusClient.Configuration {
        var traced = ApusClient.Configuration(nameServers: nameServers)
        traced.trace = TraceOptions()
        return traced
    }

    func way(of receipt: SendReceipt, _ admin: Admin) async throws -> [TraceRecord] {
        let steps = try await admin.trace(ofMessage: receipt.messageID)
        return steps
    }

    func replayTimeouts(_ admin: Admin) async throws {
        var filter = DeadLetterFilter()
        filter.topic = "orders"
        filter.error = "timeout"
        for try await letter in admin.deadLetters(ofGroup: "billing", matching: filter) {
            try await admin.replay(letter)
        }
    }

    final class Stopwatch: SendInterceptor {
        private let attempts = Mutex(0)

        var count: Int { self.attempts.withLock { $0 } }

        func willSend(_ attempt: inout SendAttempt) {
            self.attempts.withLock { $0 += 1 }
            attempt.properties["sent-by"] = "till-3"
        }
    }

    func numbered(messages: Int) async throws -> (Int, SequenceChecker.Totals) {
        let stopwatch = Stopwatch()
        var sending = Producer.Options()
        sending.interceptors = [stopwatch, SequenceNumberer()]
        let producer = Producer(configuration, options: sending)

        let checker = SequenceChecker { finding, queue, message in
            print("\(finding) on \(queue), noticed at offset \(message.queueOffset)")
        }
        var receiving = PushConsumer.Options()
        receiving.from = .first
        receiving.interceptors = [checker]
        let consumer = PushConsumer(
            configuration, group: "checking", subscriptions: [Subscription(topic: "receipts")],
            options: receiving)

        for number in 1...messages {
            try await producer.send(Message(topic: "receipts", body: "receipt \(number)"))
        }
        await producer.close()
        var left = messages
        for await delivery in consumer.messages {
            delivery.ack()
            left -= 1
            if left == 0 { break }
        }
        await consumer.close()
        return (stopwatch.count, checker.totals)
    }
}

@Suite("The client guide", .serialized, .realTime)
struct ClientGuideTests {
    @Test("its snippets do what it says")
    func snippets() async throws {
        try await withCluster(brokers: ["broker-a", "broker-b"]) { cluster in
            let guide = ClientGuide(nameServers: cluster.nameServer)
            try await guide.createTopic()
            #expect(try await guide.sendOne().attempts >= 1)
            try await self.tracing(guide)
            let stored = try await self.sending(guide)
            try await self.consuming(guide, stored: stored)
            let (attempts, totals) = try await guide.numbered(messages: 50)
            #expect(attempts >= 50)
            #expect(totals.received == 50)
            #expect(totals.lost == 0 && totals.duplicates == 0 && totals.reordered == 0)
        }
    }

    /// Returns how many messages `orders` holds then.
    private func sending(_ guide: ClientGuide) async throws -> Int {
        let producer = Producer(guide.configuration)
        let ordered = try await guide.sendInOrder(producer)
        #expect(Set(ordered.map(\.queue)).count == 1)
        #expect(ordered.map(\.queueOffset) == ordered.map(\.queueOffset).sorted())
        let piped = try await guide.pipeline(producer)
        #expect(Set(piped.map(\.queue.brokerName)) == ["broker-a", "broker-b"])
        let batch = try await guide.batch(producer)
        #expect(Set(batch.map(\.queue)).count == 1)
        #expect(zip(batch, batch.dropFirst()).allSatisfy { $1.queueOffset == $0.queueOffset + 1 })
        try await guide.oneWay(producer)
        #expect(await guide.outcome(of: Message(topic: "orders", body: ""), producer) == .notStored)
        let paid = Message(topic: "orders", body: "it is paid", tag: "paid")
        #expect(await guide.outcome(of: paid, producer) == .stored)
        await producer.close()

        let nowhere = Producer(ApusClient.Configuration(nameServers: "127.0.0.1:1"))
        #expect(await guide.outcome(of: paid, nowhere) == .notStored)
        await nowhere.close()
        return 1 + ordered.count + piped.count + batch.count + 2
    }

    private func consuming(_ guide: ClientGuide, stored: Int) async throws {
        var tagged: Set<String> = []
        await guide.receive { message in
            tagged.insert(message.text)
            return tagged.count == 2
        }
        #expect(tagged == ["two coffees", "it is paid"])

        let billed = Mutex<[String: Int]>([:])
        let (enough, isEnough) = AsyncStream.makeStream(of: Void.self)
        await guide.run(until: enough) { message in
            let times = billed.withLock { billed in
                billed[message.text, default: 0] += 1
                if billed.count == stored, billed["served"] == 2 { isEnough.yield() }
                return billed[message.text]
            }
            if message.text == "served", times == 1 { throw CancellationError() }
        }
        #expect(billed.withLock { $0.count } == stored)

        let read = try await guide.readAll()
        #expect(read.count == stored)
        #expect(try await guide.readAll().isEmpty, "the group goes on where it was")
        let admin = Admin(guide.configuration)
        let (lag, found) = try await guide.lookAround(admin)
        #expect(lag == 0)
        #expect(found.map(\.text) == ["two coffees"])
        #expect(try await guide.goBack(admin).values.allSatisfy { $0 == 0 })
        #expect(try await guide.lookAround(admin).lag == Int64(stored))
        try await guide.replayTimeouts(admin)
        await admin.close()
    }

    private func tracing(_ guide: ClientGuide) async throws {
        var configuration = guide.tracing
        configuration.namespace = guide.namespaced.namespace
        let receipt = try await withProducer(configuration) { producer in
            try await producer.send(Message(topic: "traced", body: "a step"))
        }
        let admin = Admin(guide.configuration)
        #expect(
            await eventually {
                (try? await guide.way(of: receipt, admin))?.map(\.messageID) == [receipt.messageID]
            })
        await admin.close()
    }

    @Test("its snippets are compiled in these tests, line for line")
    func quotes() throws {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let page = here.appending(path: "../../docs/client-guide.md")
        let code = try [".", "../../docs/examples", "../../docs/examples/Tests"]
            .map { here.appending(path: $0) }
            .flatMap {
                try FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)
            }
            .filter { $0.pathExtension == "swift" }
            .map { Self.flat(try String(contentsOf: $0, encoding: .utf8)) }.joined()
        let blocks = try String(contentsOf: page, encoding: .utf8)
            .components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(blocks.count >= 10)
        for block in blocks {
            #expect(code.contains(Self.flat(block)), "in no test:\n\(block)")
        }
    }

    /// Without indentation, and without empty lines.
    private static func flat(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }
}

/// A snippet that the examples have in other words: here it is compiled.
private struct FurtherSnippet {
    let configuration: ApusClient.Configuration

    func bill(_ message: ReceivedMessage) async throws {}

    func pop() -> Task<Void, any Error> {
        let consumer = PopConsumer(
            configuration, group: "bar", subscriptions: [Subscription(topic: "orders")])
        let work = Task {
            try await consumer.run(concurrency: 16) { message in try await bill(message) }
        }
        return work
    }
}
