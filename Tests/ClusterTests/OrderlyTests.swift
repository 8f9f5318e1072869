import ApusClient
import Chaos
import Foundation
import MessageFormat
import Synchronization
import TestSupport
import Testing

/// Watches handlers: what each queue's messages are, one after the other.
private final class OrderWitness: Sendable {
    private struct State {
        /// The number that each key has come to.
        var done: [String: Int] = [:]
        var working: Set<TopicQueue> = []
        var problems: [String] = []
    }

    private let state = Mutex(State())

    var done: [String: Int] { self.state.withLock { $0.done } }
    var problems: [String] { self.state.withLock { $0.problems } }
    var total: Int { self.done.values.reduce(0, +) }

    func begin(_ message: ReceivedMessage) {
        self.state.withLock { state in
            if !state.working.insert(message.queue).inserted {
                state.problems.append("two handlers at work on \(message.queue)")
            }
            let (key, number) = Self.place(of: message)
            // Again is allowed; before its predecessor is not.
            if number > state.done[key, default: 0] + 1 {
                state.problems.append(
                    "\(key)/\(number) came after \(state.done[key, default: 0])")
            }
        }
    }

    func end(_ message: ReceivedMessage, isDone: Bool) {
        self.state.withLock { state in
            state.working.remove(message.queue)
            let (key, number) = Self.place(of: message)
            if isDone { state.done[key] = max(state.done[key, default: 0], number) }
        }
    }

    private static func place(of message: ReceivedMessage) -> (key: String, number: Int) {
        let parts = message.text.split(separator: "/")
        return (String(parts[0]), Int(parts[1]) ?? 0)
    }
}

@Suite("Consuming in order", .serialized, .realTime)
struct OrderlyTests {
    private static let keys = (0..<6).map { "k\($0)" }

    private func sendAll(
        upTo count: Int, _ configuration: ApusClient.Configuration
    ) async throws {
        let producer = Producer(configuration)
        for number in 1...count {
            for key in Self.keys {
                let message = Message(topic: "T", body: "\(key)/\(number)")
                try await producer.send(
                    message, to: .hash(shardingKey: key), deadline: .seconds(30))
            }
        }
        await producer.close()
    }

    private func member(
        _ configuration: ApusClient.Configuration, _ witness: OrderWitness
    ) -> (PushConsumer, Task<Void, Never>) {
        var options = PushConsumer.Options()
        options.from = .first
        options.hold = .seconds(1)
        options.commitInterval = .milliseconds(200)
        options.rebalanceInterval = .seconds(1)
        let consumer = PushConsumer(
            configuration, group: "G", subscriptions: [Subscription(topic: "T")],
            options: options)
        let work = Task {
            await consumer.runOrderly(concurrency: 4) { message in
                witness.begin(message)
                // Now and then longer than it takes another member to find out about its share.
                let isSlow = Int.random(in: 0..<30) == 0
                try? await Task.sleep(for: .milliseconds(isSlow ? 600 : 5))
                let fails = Int.random(in: 0..<20) == 0
                witness.end(message, isDone: !fails)
                if fails { throw SuspendQueue(for: .milliseconds(20)) }
            }
        }
        return (consumer, work)
    }

    @Test("order holds while handlers fail, members come and go, and a master crashes")
    func failover() async throws {
        try await withGroup { cluster in
            var configuration = ApusClient.Configuration(nameServers: cluster.access.nameServers)
            configuration.routeInterval = .milliseconds(200)
            let first = try #require(await cluster.master())
            let topic = TopicConfig(name: "T", readQueues: 4, writeQueues: 4)
            try await cluster.access.putTopic(topic, at: cluster.address(of: first))
            let witness = OrderWitness()
            let (one, oneWork) = self.member(configuration, witness)
            let sender = configuration
            let sending = Task { try await self.sendAll(upTo: 60, sender) }
            #expect(await eventually { witness.total > 30 })
            let (two, twoWork) = self.member(configuration, witness)
            #expect(await eventually { two.assignedQueues.count { $0.topic == "T" } == 2 })
            try await cluster.crash(first)
            #expect(await cluster.master(but: first) != nil)
            #expect(await eventually(within: .seconds(20)) { witness.total > 120 })
            let (three, threeWork) = self.member(configuration, witness)
            await one.close()
            await oneWork.value
            try await sending.value
            let isDone = await eventually(within: .seconds(40)) {
                witness.done.count == Self.keys.count
                    && witness.done.values.allSatisfy { $0 == 60 }
            }
            #expect(isDone, "\(witness.done)")
            #expect(witness.problems.isEmpty, "\(witness.problems.prefix(5))")
            await two.close()
            await three.close()
            await twoWork.value
            await threeWork.value
        }
    }

    @Test("a message that fails too often becomes a dead letter, and its queue goes on")
    func deadLetters() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            let admin = Admin(configuration)
            try await admin.createTopic("T", TopicSettings(readQueues: 1, writeQueues: 1))
            let producer = Producer(configuration)
            for number in 1...5 {
                try await producer.send(Message(topic: "T", body: "k/\(number)"))
            }
            await producer.close()
            var options = PushConsumer.Options()
            options.from = .first
            options.attemptsMax = 2
            let consumer = PushConsumer(
                configuration, group: "G", subscriptions: [Subscription(topic: "T")],
                options: options)
            let texts = Mutex<[String]>([])
            let work = Task {
                await consumer.runOrderly { message in
                    texts.withLock { $0.append(message.text) }
                    if message.text == "k/3" { throw SuspendQueue(for: .milliseconds(10)) }
                }
            }
            #expect(await eventually { texts.withLock { $0.last } == "k/5" })
            #expect(texts.withLock { $0 } == ["k/1", "k/2", "k/3", "k/3", "k/4", "k/5"])
            let letters = PullConsumer(configuration, group: "undertaker")
            var dead: [String] = []
            _ = try await eventually {
                guard let queue = try? await letters.queues(of: "%DLQ%G").first else {
                    return false
                }
                dead = try await letters.pull(queue, from: 0).messages.map(\.text)
                return !dead.isEmpty
            }
            #expect(dead == ["k/3"])
            await letters.close()
            await consumer.close()
            await work.value
            await admin.close()
        }
    }
}
