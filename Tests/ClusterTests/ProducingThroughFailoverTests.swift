import ApusClient
import Broker
import Chaos
import Foundation
import Synchronization
import TestSupport
import Testing

extension GroupCluster {
    fileprivate var client: ApusClient.Configuration {
        ApusClient.Configuration(nameServers: self.access.nameServers)
    }

    /// The master dies, and another broker is master when this returns.
    fileprivate func killMaster() async throws {
        let first = try #require(await self.master())
        try await self.crash(first)
        #expect(await self.master(but: first) != nil, "somebody else became master")
        #expect(await self.takesMessages())
    }

    /// Everything that the topic holds, from its first message on, and then nothing for a second.
    fileprivate func texts(in topic: String) async throws -> [String] {
        var options = PushConsumer.Options()
        options.from = .first
        let consumer = PushConsumer(
            self.client, group: "reader-\(UUID().uuidString)",
            subscriptions: [Subscription(topic: topic)], options: options)
        let texts = Mutex<[String]>([])
        let reading = Task {
            for await delivery in consumer.messages {
                texts.withLock { $0.append(delivery.message.text) }
                delivery.ack()
            }
        }
        var quiet = (count: -1, since: ContinuousClock.now)
        _ = await eventually(within: .seconds(30)) {
            let count = texts.withLock { $0.count }
            if count != quiet.count { quiet = (count, .now) }
            return count > 0 && ContinuousClock.now - quiet.since > .seconds(1)
        }
        await consumer.close()
        await reading.value
        return texts.withLock { $0 }
    }
}

@Suite("Producing and popping while masters die", .serialized, .realTime)
struct ProducingThroughFailoverTests {
    @Test("an idempotent producer's messages are stored once each")
    func idempotent() async throws {
        try await withGroup { cluster in
            var options = Producer.Options()
            options.isIdempotent = true
            options.deadline = .seconds(30)
            options.inFlightMax = 256
            let producer = Producer(cluster.client, options: options)
            let sending = Task {
                var tickets: [SendTicket] = []
                for number in 0..<4_000 {
                    tickets.append(
                        try await producer.enqueue(Message(topic: "T", body: "\(number)")))
                }
                var attempts = 0
                for ticket in tickets {
                    attempts = max(attempts, try await ticket.receipt.attempts)
                }
                return attempts
            }
            let isFlowing = await eventually {
                let route = try? await cluster.access.route(of: "T")
                return route != nil
            }
            #expect(isFlowing)
            try await cluster.killMaster()
            let attempts = try await sending.value
            await producer.close()
            #expect(attempts > 1, "the failover was noticed")
            let texts = try await cluster.texts(in: "T")
            #expect(Set(texts).count == 4_000, "none is lost")
            #expect(texts.count == 4_000, "none is stored twice")
        }
    }

    @Test("a transaction whose master dies while its work is done is committed once")
    func commit() async throws {
        try await withGroup { cluster in
            var options = Producer.Options()
            options.transactionChecker = { _ in .unknown }
            options.deadline = .seconds(20)
            let producer = Producer(cluster.client, options: options)
            let kept = try await producer.sendInTransaction(
                Message(topic: "T", body: "kept")
            ) { _ in
                try await cluster.killMaster()
                return .commit
            }
            #expect(kept.isConfirmed)
            let dropped = try await producer.sendInTransaction(
                Message(topic: "T", body: "dropped")
            ) { _ in .rollback }
            #expect(dropped.isConfirmed)
            await producer.close()
            #expect(try await cluster.texts(in: "T") == ["kept"])
        }
    }

    @Test("the new master asks another producer of the group about what the old one left open")
    func checkBack() async throws {
        struct Died: Error {}
        try await withGroup(configured: {
            $0.transactionTimeout = .seconds(1)
            $0.transactionCheckInterval = .seconds(2)
        }) { cluster in
            let asked = Mutex<[String]>([])
            var options = Producer.Options()
            options.transactionChecker = { message in
                asked.withLock { $0.append(message.text) }
                return .commit
            }
            do {
                var deaf = options
                deaf.transactionChecker = { _ in .unknown }
                let first = Producer(cluster.client, options: deaf)
                await #expect(throws: Died.self) {
                    try await first.sendInTransaction(Message(topic: "T", body: "left")) { _ in
                        throw Died()
                    }
                }
                await first.close()
            }
            try await cluster.killMaster()
            let second = Producer(cluster.client, options: options)
            second.prepare(topic: "T")
            let isAsked = await eventually(within: .seconds(30)) {
                asked.withLock { !$0.isEmpty }
            }
            #expect(isAsked)
            #expect(try await cluster.texts(in: "T") == ["left"])
            #expect(asked.withLock { $0 } == ["left"])
            await second.close()
        }
    }

    @Test("what was popped before the failover is acknowledged after it, and never comes back")
    func pop() async throws {
        try await withGroup { cluster in
            try await withProducer(cluster.client) { producer in
                for number in 0..<20 {
                    try await producer.send(Message(topic: "T", body: "\(number)"))
                }
            }
            var options = SimpleConsumer.Options()
            options.from = .first
            options.settleDeadline = .seconds(20)
            let consumer = SimpleConsumer(
                cluster.client, group: "G", subscriptions: [Subscription(topic: "T")],
                options: options)
            let before = try await consumer.receive(
                max: 10, invisible: .seconds(8), wait: .seconds(5))
            #expect(before.count == 10)
            try await cluster.killMaster()
            try await consumer.ack(Array(before.prefix(5)))
            for received in before.suffix(5) { try await consumer.ack(received) }
            var after: [String] = []
            let deadline = ContinuousClock.now + .seconds(12)
            while ContinuousClock.now < deadline {
                let received = try await consumer.receive(
                    invisible: .seconds(30), wait: .seconds(1))
                after += received.map(\.message.text)
                if !received.isEmpty { try await consumer.ack(received) }
            }
            #expect(after.count == 10)
            let all = before.map(\.message.text) + after
            #expect(Set(all) == Set((0..<20).map { "\($0)" }))
            await consumer.close()
        }
    }

    @Test("a delayed message is recalled at the new master")
    func recall() async throws {
        try await withGroup { cluster in
            let producer = Producer(cluster.client)
            let taken = try await producer.send(
                Message(topic: "T", body: "taken", delay: .after(.seconds(8))))
            try await producer.send(Message(topic: "T", body: "due", delay: .after(.seconds(8))))
            let handle = try #require(taken.recallHandle)
            try await cluster.killMaster()
            let id = try await producer.recall(handle, deadline: .seconds(10))
            #expect(id == taken.messageID)
            #expect(try await cluster.texts(in: "T") == ["due"])
            await producer.close()
        }
    }
}
