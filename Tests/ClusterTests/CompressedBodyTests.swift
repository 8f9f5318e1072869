import ApusClient
import Chaos
import MessageFormat
import RemotingProtocol
import Synchronization
import TestSupport
import Testing

@Suite("Compressed bodies", .realTime)
struct CompressedBodyTests {
    private static let large = String(repeating: "lorem ipsum ", count: 2_000)

    private func options() -> PushConsumer.Options {
        var options = PushConsumer.Options()
        options.from = .first
        options.retry = .level(1)
        return options
    }

    /// What the queues of a topic hold, as it is stored.
    private func stored(_ topic: String, _ cluster: InProcessCluster) async throws
        -> [FetchedMessage]
    {
        var stored: [FetchedMessage] = []
        for queue in try await cluster.access.route(of: topic).readableQueues(of: topic) {
            stored += try await cluster.access.pull(queue, from: .zero).messages
        }
        return stored
    }

    @Test("a large body is stored compressed and handled as it was written")
    func large() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            let seen = Mutex<[ReceivedMessage]>([])
            try await withProducer(configuration) { producer in
                try await producer.send(Message(topic: "T", body: Self.large))
                try await producer.send(Message(topic: "T", body: "small"))
                try await producer.sendBatch([
                    Message(topic: "T", body: Self.large), Message(topic: "T", body: "member"),
                ])
            }
            let sizes = try await self.stored("T", cluster).map(\.body.count).sorted()
            #expect(sizes.count == 4 && sizes[2] < 1_000 && sizes[3] == Self.large.utf8.count)

            let consumer = PushConsumer(
                configuration, group: "G", subscriptions: [Subscription(topic: "T")],
                options: self.options())
            let work = Task { await consumer.run { m in seen.withLock { $0.append(m) } } }
            #expect(await eventually { seen.withLock { $0.count } == 4 })
            await consumer.close()
            await work.value
            let texts = seen.withLock { $0.map(\.text).sorted() }
            #expect(texts == [Self.large, Self.large, "member", "small"])
        }
    }

    @Test("who does not want it sends as it is")
    func off() async throws {
        try await withCluster { cluster in
            var options = Producer.Options()
            options.compressedBytesMin = nil
            try await withProducer(
                ApusClient.Configuration(nameServers: cluster.nameServer), options: options
            ) { producer in
                try await producer.send(Message(topic: "T", body: Self.large))
            }
            let stored = try await self.stored("T", cluster)
            #expect(stored.map(\.body.count) == [Self.large.utf8.count])
        }
    }

    @Test(
        "a body that cannot be inflated is not handled: it becomes a dead letter, with the reason")
    func unreadable() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            let template = SendTemplate(producerGroup: "P")
            try await withProducer(configuration) { producer in
                try await producer.send(Message(topic: "T", body: "good"))
            }
            let route = try await cluster.access.route(of: "T")
            let queue = try #require(route.writableQueues(of: "T").first)
            var command = template.command(
                [1, 2, 3], to: queue.queue, at: Timestamp(milliseconds: 1))
            command["f"] = String(1 | 1 << 8)  // LZ4
            _ = try await cluster.access.call(command, to: queue.address)

            var options = self.options()
            options.attemptsMax = 1
            let consumer = PushConsumer(
                configuration, group: "G", subscriptions: [Subscription(topic: "T")],
                options: options)
            let seen = Mutex<[String]>([])
            let work = Task { await consumer.run { m in seen.withLock { $0.append(m.text) } } }
            let dead = Mutex<[FetchedMessage]>([])
            #expect(
                await eventually(within: .seconds(20)) {
                    let letters = (try? await self.stored("%DLQ%G", cluster)) ?? []
                    dead.withLock { $0 = letters }
                    return !letters.isEmpty
                })
            await consumer.close()
            await work.value
            #expect(seen.withLock { $0 } == ["good"])
            let letter = try #require(dead.withLock { $0.first })
            #expect(letter.body == [1, 2, 3])
            #expect(letter.properties.pairs.contains { $0.value.contains("LZ4") })
        }
    }
}
