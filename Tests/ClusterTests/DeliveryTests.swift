import ApusClient
import Chaos
import Foundation
import MessageFormat
import Synchronization
import TestSupport
import Testing

/// What handlers saw, and a word when there is enough of it.
private final class Seen: Sendable {
    private let entries = Mutex<[ReceivedMessage]>([])

    var messages: [ReceivedMessage] { self.entries.withLock { $0 } }
    var count: Int { self.messages.count }

    @discardableResult
    func note(_ message: ReceivedMessage) -> Int {
        self.entries.withLock { entries in
            entries.append(message)
            return entries.filter { $0.messageID == message.messageID }.count
        }
    }
}

@Suite("What becomes of messages that fail, and of their order", .realTime)
struct DeliveryTests {
    private func configuration(_ cluster: InProcessCluster) -> ApusClient.Configuration {
        var configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
        configuration.routeInterval = .milliseconds(200)
        return configuration
    }

    private func options() -> PushConsumer.Options {
        var options = PushConsumer.Options()
        options.from = .first
        options.hold = .seconds(1)
        options.commitInterval = .milliseconds(200)
        return options
    }

    private func makeTopic(
        _ topic: String, queues: Int = 1, _ configuration: ApusClient.Configuration
    ) async throws {
        let admin = Admin(configuration)
        try await admin.createTopic(topic, TopicSettings(readQueues: queues, writeQueues: queues))
        await admin.close()
    }

    private func send(
        _ messages: [Message], _ configuration: ApusClient.Configuration
    ) async throws {
        let producer = Producer(configuration)
        for message in messages { try await producer.send(message) }
        await producer.close()
    }

    @Test("a message whose handler throws comes again later, and dies of its last attempt")
    func retries() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            try await self.makeTopic("orders", configuration)
            try await self.send(
                ["good", "slow", "hopeless"].map { Message(topic: "orders", body: $0) },
                configuration)
            var options = self.options()
            options.retry = .level(1)
            options.attemptsMax = 2
            let consumer = PushConsumer(
                configuration, group: "G", subscriptions: [Subscription(topic: "orders")],
                options: options)
            let seen = Seen()
            struct NoLuck: Error {}
            let work = Task {
                await consumer.run { message in
                    let times = seen.note(message)
                    if message.text == "hopeless" { throw NoLuck() }
                    if message.text == "slow", times == 1 { throw NoLuck() }
                }
            }
            #expect(await eventually(within: .seconds(20)) { seen.count == 5 })
            for message in seen.messages { #expect(message.topic == "orders") }
            #expect(
                seen.messages.filter { $0.text == "slow" }.map(\.reconsumeTimes) == [0, 1])
            let letters = PullConsumer(configuration, group: "undertaker")
            var dead: [ReceivedMessage] = []
            _ = try await eventually(within: .seconds(20)) {
                guard let queue = try? await letters.queues(of: "%DLQ%G").first else {
                    return false
                }
                dead = try await letters.pull(queue, from: 0).messages
                return !dead.isEmpty
            }
            #expect(dead.map(\.text) == ["hopeless"])
            #expect(dead.first?.properties["APUS_DLQ_ERROR"] == "NoLuck()")
            #expect(dead.first?.properties["APUS_DLQ_ATTEMPTS"] == "2")
            #expect(dead.first?.properties["APUS_DLQ_CONSUMER"] == consumer.clientID)
            await letters.close()
            await consumer.close()
            await work.value
            #expect(seen.count == 5)
        }
    }

    @Test("a message that fails too often is set aside in a file, and its group goes on")
    func setsAside() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            try await self.makeTopic("orders", configuration)
            try await self.send(
                ["bad", "good"].map { Message(topic: "orders", body: $0) }, configuration)
            var options = self.options()
            options.retry = .local(after: .milliseconds(10))
            let consumer = PushConsumer(
                configuration, group: "G", subscriptions: [Subscription(topic: "orders")],
                options: options)
            let seen = Seen()
            let file = cluster.directory + "/set-aside.jsonl"
            struct NoLuck: Error {}
            let handler = SetAsideHandler(file: file, failuresMax: 3) { message in
                seen.note(message)
                if message.text == "bad" { throw NoLuck() }
            }
            let work = Task { await consumer.run(handler: handler.handle) }
            let admin = Admin(configuration)
            #expect(
                await eventually {
                    let progress = try? await admin.progress(ofGroup: "G", topic: "orders")
                    return progress?.values.reduce(0) { $0 + $1.lag } == 0 && seen.count == 4
                })
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 1)
            let body = Data("bad".utf8).base64EncodedString()
            #expect(lines.first?.contains("\"body\":\"\(body)\"") == true)
            #expect(lines.first?.contains("\"failures\":3") == true)
            await admin.close()
            await consumer.close()
            await work.value
        }
    }

    @Test("an SQL92 subscription brings what matches; a mistake in one is told with its place")
    func sql() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            try await self.makeTopic("orders", configuration)
            try await self.send(
                [5, 500, 50].map {
                    Message(topic: "orders", body: "\($0)", properties: ["amount": "\($0)"])
                }, configuration)
            let consumer = PushConsumer(
                configuration, group: "G",
                subscriptions: [Subscription(topic: "orders", sql: "amount > 10")],
                options: self.options())
            try await consumer.checkSubscriptions()
            let seen = Seen()
            let work = Task { await consumer.run { seen.note($0) } }
            #expect(await eventually { seen.count == 2 })
            #expect(Set(seen.messages.map(\.text)) == ["500", "50"])
            await consumer.close()
            await work.value

            let wrong = PushConsumer(
                configuration, group: "H",
                subscriptions: [Subscription(topic: "orders", sql: "amount >")])
            let error = await #expect(throws: ApusClientError.self) {
                try await wrong.checkSubscriptions()
            }
            #expect(error?.code == .invalidArgument)
            await wrong.close()
        }
    }

    @Test("polling: assigned queues, seek, pause, and what is committed at the next poll")
    func litePull() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            try await self.makeTopic("orders", configuration)
            try await self.send(
                (0..<20).map { Message(topic: "orders", body: "\($0)") }, configuration)
            let queue = TopicQueue(topic: "orders", brokerName: "broker-a", id: 0)
            var options = LitePullConsumer.Options()
            options.from = .first
            options.commitInterval = .milliseconds(100)
            let consumer = LitePullConsumer(
                configuration, group: "G", .assign([queue]), options: options)
            #expect(await consumer.poll()?.map(\.text) == (0..<10).map { "\($0)" })
            #expect(consumer.position(of: queue) == 0)
            #expect(await consumer.poll()?.count == 10)
            #expect(consumer.position(of: queue) == 10)
            let reader = PullConsumer(configuration, group: "G")
            #expect(try await eventually { try await reader.committedOffset(of: queue) == 10 })
            #expect(consumer.seek(queue, to: 15))
            #expect(await consumer.poll()?.map(\.text) == (15..<20).map { "\($0)" })
            consumer.pause([queue])
            try await self.send([Message(topic: "orders", body: "late")], configuration)
            #expect(await consumer.poll(timeout: .milliseconds(200))?.isEmpty == true)
            consumer.resume([queue])
            #expect(await consumer.poll()?.map(\.text) == ["late"])
            consumer.commit()
            #expect(try await eventually { try await reader.committedOffset(of: queue) == 21 })
            await consumer.close()
            #expect(await consumer.poll() == nil)
            await reader.close()
        }
    }

    @Test("a broadcasting consumer goes on where it was, by its own file")
    func broadcastOffsets() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            try await self.makeTopic("news", configuration)
            var options = self.options()
            options.model = .broadcasting
            options.broadcastOffsetFile = cluster.directory + "/offsets.json"
            for round in 0..<2 {
                try await self.send([Message(topic: "news", body: "\(round)")], configuration)
                let seen = Seen()
                let consumer = PushConsumer(
                    configuration, group: "G", subscriptions: [Subscription(topic: "news")],
                    options: options)
                let work = Task { await consumer.run { seen.note($0) } }
                #expect(await eventually { seen.count == 1 })
                await consumer.close()
                await work.value
                #expect(seen.messages.map(\.text) == ["\(round)"])
            }
        }
    }
}
