import ApusClient
import Foundation
import Synchronization
import Testing

/// Further snippets of `docs/client-guide.md`, as a user would write them.
private struct ProducingGuide {
    let nameServers: String
    let directory: String

    var configuration: ApusClient.Configuration {
        ApusClient.Configuration(nameServers: nameServers)
    }

    actor Orders {
        private var paid: Set<String> = []

        func pay(_ order: String) -> Bool { self.paid.insert(order).inserted }

        func isPaid(_ order: String?) -> Bool { order.map { self.paid.contains($0) } ?? false }
    }

    func delayed(_ producer: Producer) async throws -> SendReceipt {
        let reminder = Message(
            topic: "reminders", body: "o-17 is cold", delay: .after(.seconds(600)))
        let receipt = try await producer.send(reminder)
        if let handle = receipt.recallHandle { try await producer.recall(handle) }
        return receipt
    }

    func inTransaction(_ orders: Orders) async throws -> TransactionReceipt {
        var options = Producer.Options()
        options.group = "till"
        options.transactionChecker = { message in
            await orders.isPaid(message.keys.first) ? .commit : .rollback
        }
        let producer = Producer(configuration, options: options)
        producer.prepare(topic: "orders")
        let order = Message(topic: "orders", body: "two coffees", keys: ["o-17"])
        let sent = try await producer.sendInTransaction(order) { _ in
            await orders.pay("o-17") ? .commit : .rollback
        }
        await producer.close()
        return sent
    }

    func onceEach() async throws -> SendReceipt {
        var options = Producer.Options()
        options.isIdempotent = true
        let producer = Producer(configuration, options: options)
        let receipt = try await producer.send(Message(topic: "orders", body: "a tea"))
        await producer.close()
        return receipt
    }

    func handler(
        bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) throws -> IdempotentHandler {
        let store = try HandledFile(directory: directory)
        let handler = IdempotentHandler(store: store) { message in try await bill(message) }
        return handler
    }

    func spooled() async throws -> SendReceipt {
        var options = Producer.Options()
        options.deadline = .seconds(2)
        options.spool = SpoolOptions(directory: directory)
        let producer = Producer(configuration, options: options)
        let receipt = try await producer.send(Message(topic: "orders", body: "a juice"))
        await producer.close()
        return receipt
    }

    func oneCall(
        bill: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws {
        var options = SimpleConsumer.Options()
        options.from = .first
        let consumer = SimpleConsumer(
            configuration, group: "bar", subscriptions: [Subscription(topic: "orders")],
            options: options)
        for received in try await consumer.receive(max: 16, invisible: .seconds(30)) {
            try await bill(received.message)
            try await consumer.ack(received)
        }
        await consumer.close()
    }
}

@Suite("The client guide on producing", .serialized, .timeLimit(.minutes(5)))
struct ProducingGuideTests {
    @Test("its snippets do what it says")
    func snippets() async throws {
        try await withCluster { cluster in
            let guide = ProducingGuide(
                nameServers: cluster.nameServer, directory: "\(cluster.directory)/client")
            let producer = Producer(guide.configuration)
            #expect(try await guide.delayed(producer).recallHandle != nil)
            await producer.close()
            let sent = try await guide.inTransaction(ProducingGuide.Orders())
            #expect(sent.outcome == .commit && sent.isConfirmed)
            #expect(try await guide.onceEach().attempts >= 1)
            #expect(try await !guide.spooled().isSpooled, "the cluster is there")
            let billed = Mutex<[String]>([])
            let bill: @Sendable (ReceivedMessage) async throws -> Void = { message in
                billed.withLock { $0.append(message.text) }
            }
            let other = ProducingGuide(
                nameServers: cluster.nameServer, directory: "\(cluster.directory)/handled")
            let handler = try other.handler(bill: bill)
            _ = await eventually {
                try? await guide.oneCall { try await handler($0) }
                return billed.withLock { $0.count } >= 3
            }
            #expect(billed.withLock { $0.sorted() } == ["a juice", "a tea", "two coffees"])
        }
    }
}
