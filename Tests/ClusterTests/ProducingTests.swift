import ApusClient
import Foundation
import Synchronization
import TestSupport
import Testing

/// What arrives, in the order of its arrival.
private final class Arrivals: Sendable {
    private let texts = Mutex<[String]>([])

    func add(_ text: String) { self.texts.withLock { $0.append(text) } }

    var all: [String] { self.texts.withLock { $0 } }
}

extension InProcessCluster {
    /// Impatient, so that the tests are quick.
    fileprivate var client: ApusClient.Configuration {
        ApusClient.Configuration(nameServers: self.nameServer)
    }

    /// Consumes all of a topic while `body` runs.
    fileprivate func consuming(
        _ topic: String, group: String = "G", _ body: (Arrivals) async throws -> Void
    ) async throws {
        var options = PushConsumer.Options()
        options.from = .first
        let consumer = PushConsumer(
            self.client, group: group, subscriptions: [Subscription(topic: topic)],
            options: options)
        let arrivals = Arrivals()
        let reading = Task {
            for await delivery in consumer.messages {
                arrivals.add(delivery.message.text)
                delivery.ack()
            }
        }
        try await body(arrivals)
        await consumer.close()
        _ = await reading.value
    }
}

@Suite("What producers can do", .serialized, .realTime)
struct ProducingTests {
    @Test("a committed transaction is delivered once, a rolled back one never")
    func transactions() async throws {
        try await withCluster { cluster in
            var options = Producer.Options()
            options.transactionChecker = { _ in .unknown }
            try await withProducer(cluster.client, options: options) { producer in
                try await producer.send(Message(topic: "T", body: "before"))
                try await cluster.consuming("T") { arrivals in
                    let kept = try await producer.sendInTransaction(
                        Message(topic: "T", body: "kept")
                    ) { receipt in
                        #expect(!receipt.messageID.isEmpty)
                        #expect(!arrivals.all.contains("kept"))
                        return .commit
                    }
                    #expect(kept.outcome == .commit && kept.isConfirmed)
                    let dropped = try await producer.sendInTransaction(
                        Message(topic: "T", body: "dropped")
                    ) { _ in .rollback }
                    #expect(dropped.outcome == .rollback && dropped.isConfirmed)
                    try await producer.send(Message(topic: "T", body: "after"))
                    let isThere = await eventually { arrivals.all.count >= 3 }
                    #expect(isThere)
                    #expect(arrivals.all.sorted() == ["after", "before", "kept"])
                }
            }
        }
    }

    @Test("work that throws is told to its caller and leaves the outcome open")
    func openTransaction() async throws {
        struct Problem: Error {}
        try await withCluster { cluster in
            var options = Producer.Options()
            options.transactionChecker = { _ in .unknown }
            let producer = Producer(cluster.client, options: options)
            await #expect(throws: Problem.self) {
                try await producer.sendInTransaction(Message(topic: "T", body: "x")) { _ in
                    throw Problem()
                }
            }
            await producer.close()
            let unchecked = Producer(cluster.client)
            let error = await #expect(throws: ApusClientError.self) {
                try await unchecked.sendInTransaction(Message(topic: "T", body: "x")) { _ in
                    .commit
                }
            }
            #expect(error?.code == .invalidArgument, "nobody could be asked")
            await unchecked.close()
        }
    }

    @Test("a delayed message comes when it is due; one that was recalled never comes")
    func delays() async throws {
        try await withCluster { cluster in
            try await withProducer(cluster.client) { producer in
                try await producer.send(Message(topic: "T", body: "now"))
                let began = ContinuousClock.now
                try await producer.send(
                    Message(topic: "T", body: "later", delay: .after(.milliseconds(1500))))
                try await producer.send(Message(topic: "T", body: "level", delay: .level(1)))
                let soon = Int64(Date().timeIntervalSince1970 * 1000) + 1500
                let taken = try await producer.send(
                    Message(topic: "T", body: "taken back", delay: .at(milliseconds: soon)))
                let handle = try #require(taken.recallHandle)
                let recalled = try await producer.recall(handle)
                #expect(recalled == taken.messageID)
                try await cluster.consuming("T") { arrivals in
                    let isThere = await eventually { arrivals.all.count >= 3 }
                    #expect(isThere)
                    #expect(ContinuousClock.now - began >= .milliseconds(900))
                    try await Task.sleep(for: .milliseconds(1200))
                    #expect(Set(arrivals.all) == ["later", "level", "now"])
                }
            }
        }
    }

    @Test("a request gets its reply, or hears that none came in time")
    func requests() async throws {
        try await withCluster { cluster in
            try await withProducer(cluster.client) { producer in
                try await producer.send(Message(topic: "questions", body: "warm-up"))
                var options = PushConsumer.Options()
                options.from = .first
                let consumer = PushConsumer(
                    cluster.client, group: "answerers",
                    subscriptions: [Subscription(topic: "questions")], options: options)
                let client = cluster.client
                let answering = Task {
                    let replier = Producer(client)
                    for await delivery in consumer.messages {
                        if delivery.message.isRequest, delivery.message.text == "how much?" {
                            try? await delivery.message.reply(
                                Array("42".utf8), through: replier)
                        }
                        delivery.ack()
                    }
                    await replier.close()
                }
                let reply = try await producer.request(
                    Message(topic: "questions", body: "how much?"), timeout: .seconds(10))
                #expect(reply.text == "42" && !reply.isRequest)
                let error = await #expect(throws: ApusClientError.self) {
                    try await producer.request(
                        Message(topic: "questions", body: "why?"), timeout: .milliseconds(500))
                }
                #expect(error?.code == .timedOut && error?.mayHaveBeenStored == true)
                await consumer.close()
                _ = await answering.value
            }
        }
    }

    @Test("an idempotent producer's messages arrive, and its numbers serve their reader")
    func idempotent() async throws {
        try await withCluster(brokers: ["broker-a", "broker-b"]) { cluster in
            var options = Producer.Options()
            options.isIdempotent = true
            options.interceptors = [SequenceNumberer()]
            let checker = SequenceChecker()
            try await withProducer(cluster.client, options: options) { producer in
                var tickets: [SendTicket] = []
                for number in 0..<500 {
                    tickets.append(
                        try await producer.enqueue(Message(topic: "T", body: "\(number)")))
                }
                for ticket in tickets { _ = try await ticket.receipt }
            }
            var reading = PushConsumer.Options()
            reading.from = .first
            reading.interceptors = [checker]
            let consumer = PushConsumer(
                cluster.client, group: "G", subscriptions: [Subscription(topic: "T")],
                options: reading)
            var count = 0
            for await delivery in consumer.messages {
                delivery.ack()
                count += 1
                if count == 500 { break }
            }
            await consumer.close()
            let totals = checker.totals
            #expect(totals.received == 500 && totals.lost == 0 && totals.duplicates == 0)
            #expect(totals.reordered == 0)
        }
    }
}

@Suite("A producer's spool", .serialized, .realTime)
struct SpoolTests {
    private func options(_ directory: String) -> Producer.Options {
        var options = Producer.Options()
        options.deadline = .milliseconds(300)
        options.spool = SpoolOptions(directory: "\(directory)/spool")
        return options
    }

    @Test("keeps what cannot be sent, in order, across the end of its process, until it can")
    func survives() async throws {
        try await withCluster(brokers: []) { cluster in
            let options = self.options(cluster.directory)
            let first = Producer(cluster.client, options: options)
            for number in 0..<20 {
                let receipt = try await first.send(
                    Message(topic: "T", body: "\(number)"), to: .hash(shardingKey: "k"))
                #expect(receipt.isSpooled && receipt.queueOffset == -1)
            }
            #expect(first.spoolProgress?.messages == 20)
            await first.close()
            let second = Producer(cluster.client, options: options)
            let ticket = try await second.enqueue(
                Message(topic: "T", body: "20"), to: .hash(shardingKey: "k"))
            let queued = try await ticket.receipt
            #expect(queued.isSpooled, "it queues behind the others")
            try await cluster.start("broker-a")
            let isEmpty = await eventually(within: .seconds(20)) {
                second.spoolProgress?.messages == 0
            }
            #expect(isEmpty, "\(String(describing: second.spoolProgress))")
            #expect(second.spoolProgress?.drained == 21)
            // Sent at once, or behind the last of them if that one's end is not on the disk yet.
            try await second.send(
                Message(topic: "T", body: "21"), to: .hash(shardingKey: "k"),
                deadline: .seconds(5))
            try await cluster.consuming("T") { arrivals in
                let isThere = await eventually { arrivals.all.last == "21" }
                #expect(isThere)
                // A send whose outcome stayed unknown is repeated: at least once, and in order.
                let once = arrivals.all.reduce(into: [String]()) {
                    if $0.last != $1 { $0.append($1) }
                }
                #expect(once == (0...21).map { "\($0)" })
            }
            await second.close()
            let files = try FileManager.default.contentsOfDirectory(
                atPath: "\(cluster.directory)/spool")
            #expect(files.filter { $0.hasSuffix(".spool") }.count <= 1)
        }
    }

    @Test("what a process that was killed left on disk is sent by the next one, torn end or not")
    func killed() async throws {
        try await withCluster(brokers: []) { cluster in
            let first = Producer(cluster.client, options: self.options(cluster.directory))
            for number in 0..<5 {
                try await first.send(Message(topic: "T", body: "\(number)"))
            }
            // As the disk is at this instant: nobody had a chance to tidy up.
            let copy = "\(cluster.directory)/copy"
            try FileManager.default.createDirectory(
                atPath: copy, withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: "\(cluster.directory)/spool", toPath: "\(copy)/spool")
            await first.close()
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: "\(copy)/spool")
                    .first { $0.hasSuffix(".spool") })
            let file = try #require(FileHandle(forWritingAtPath: "\(copy)/spool/\(name)"))
            try file.seekToEnd()
            try file.write(contentsOf: Data("ASPR, and then the power went".utf8))
            try file.close()
            try await cluster.start("broker-a")
            let second = Producer(cluster.client, options: self.options(copy))
            let isEmpty = await eventually(within: .seconds(20)) {
                second.spoolProgress?.drained == 5
            }
            #expect(isEmpty, "\(String(describing: second.spoolProgress))")
            await second.close()
            try await cluster.consuming("T") { arrivals in
                let isThere = await eventually { arrivals.all.count >= 5 }
                #expect(isThere)
                #expect(Set(arrivals.all) == Set((0..<5).map { "\($0)" }))
            }
        }
    }

    @Test("a full spool refuses, and says so; a directory in use gives no spool")
    func bounds() async throws {
        try await withCluster(brokers: []) { cluster in
            var options = self.options(cluster.directory)
            options.spool?.messagesMax = 3
            let producer = Producer(cluster.client, options: options)
            for number in 0..<3 {
                let receipt = try await producer.send(Message(topic: "T", body: "\(number)"))
                #expect(receipt.isSpooled)
            }
            let error = await #expect(throws: ApusClientError.self) {
                try await producer.send(Message(topic: "T", body: "one too many"))
            }
            #expect(error?.code == .busy && error?.mayHaveBeenStored == false)
            let other = Producer(cluster.client, options: options)
            let refused = await #expect(throws: ApusClientError.self) {
                try await other.send(Message(topic: "T", body: "x"))
            }
            #expect(refused?.code != .busy)
            #expect(other.spoolProgress?.problem != nil)
            await other.close()
            await producer.close()
        }
    }
}

@Suite("Popping", .serialized, .realTime)
struct PoppingTests {
    private func consumer(_ cluster: InProcessCluster) -> SimpleConsumer {
        var options = SimpleConsumer.Options()
        options.from = .first
        return SimpleConsumer(
            cluster.client, group: "G", subscriptions: [Subscription(topic: "T")],
            options: options)
    }

    private func fill(_ cluster: InProcessCluster, _ count: Int) async throws {
        try await withProducer(cluster.client) { producer in
            for number in 0..<count {
                try await producer.send(Message(topic: "T", body: "\(number)"))
            }
        }
    }

    @Test("each message is received once, acknowledged, and never comes again")
    func simple() async throws {
        try await withCluster(brokers: ["broker-a", "broker-b"]) { cluster in
            try await self.fill(cluster, 50)
            let consumer = self.consumer(cluster)
            var texts: [String] = []
            while texts.count < 50 {
                let received = try await consumer.receive(
                    max: 16, invisible: .seconds(5), wait: .seconds(5))
                guard !received.isEmpty else { break }
                texts += received.map(\.message.text)
                try await consumer.ack(received)
            }
            #expect(texts.sorted() == (0..<50).map { "\($0)" }.sorted())
            let more = try await consumer.receive(
                invisible: .seconds(5), wait: .milliseconds(500))
            #expect(more.isEmpty)
            await consumer.close()
        }
    }

    @Test("what is given back comes again, with its count")
    func givenBack() async throws {
        try await withCluster { cluster in
            try await self.fill(cluster, 1)
            let consumer = self.consumer(cluster)
            let received = try await consumer.receive(
                invisible: .seconds(30), wait: .seconds(5))
            let first = try #require(received.first)
            let changed = try await consumer.changeInvisible(first, to: .milliseconds(500))
            #expect(changed.handle != first.handle)
            let redelivered = try await consumer.receive(
                invisible: .seconds(30), wait: .seconds(10))
            let again = try #require(redelivered.first)
            #expect(again.message.messageID == first.message.messageID)
            #expect(again.message.topic == "T" && again.message.reconsumeTimes == 1)
            try await consumer.ack(again)
            await consumer.close()
        }
    }

    @Test("a handler that fails gets its message again, one that works keeps it as long as it runs")
    func runs() async throws {
        try await withCluster { cluster in
            try await self.fill(cluster, 10)
            var options = PopConsumer.Options()
            options.from = .first
            options.invisible = .seconds(2)
            options.retryDelays = [.milliseconds(200)]
            let consumer = PopConsumer(
                cluster.client, group: "G", subscriptions: [Subscription(topic: "T")],
                options: options)
            let arrivals = Arrivals()
            struct Problem: Error {}
            let running = Task {
                try await consumer.run(concurrency: 4) { message in
                    arrivals.add(message.text)
                    if message.text == "3", message.reconsumeTimes < 2 { throw Problem() }
                    if message.text == "5" { try await Task.sleep(for: .seconds(4)) }
                }
            }
            let isDone = await eventually(within: .seconds(20)) { arrivals.all.count >= 12 }
            #expect(isDone)
            try await Task.sleep(for: .seconds(3))
            running.cancel()
            _ = await running.result
            await consumer.close()
            #expect(arrivals.all.filter { $0 == "3" }.count == 3)
            #expect(arrivals.all.filter { $0 == "5" }.count == 1, "it was kept hidden")
            #expect(arrivals.all.count == 12)
        }
    }
}
