import ApusClient
import ApusTesting
import Foundation
import Synchronization
import Testing

@testable import Examples

/// How a user tests what a program does with messages, and what it does when the broker fails.
@Suite("Billing", .timeLimit(.minutes(5)))
struct BillingTests {
    /// Counts how often each order was billed.
    final class Bills: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func add(_ order: String) { self.counts.withLock { $0[order, default: 0] += 1 } }

        func count(_ order: String) -> Int { self.counts.withLock { $0[order, default: 0] } }
    }

    @Test("an order is sent again when its answer is lost, and stored once")
    func sendsOnce() async throws {
        let broker = try await TestBroker.start()
        let producer = careful(broker.configuration)
        await broker.fail(.send, with: .connectionLost)
        let receipt = try await producer.send(Message(topic: "orders", body: "two coffees"))
        #expect(receipt.attempts == 2)
        #expect(await broker.messages(in: "orders").count == 1)
        await producer.close()
        await broker.stop()
    }

    @Test("an order that is delivered twice is billed once")
    func billsOnce() async throws {
        try await withTestBroker { broker in
            let message = Message(topic: "orders", body: "two coffees")
            await broker.fail(.send, with: .connectionLost)
            try await withProducer(broker.configuration) { try await $0.send(message) }
            #expect(await broker.messages(in: "orders").count == 2, "the producer sent it twice")

            let bills = Bills()
            let directory = NSTemporaryDirectory() + "billing-\(UUID().uuidString)"
            let work = Task {
                try await billOnce(broker.configuration, directory: directory) {
                    bills.add($0.text)
                }
            }
            #expect(await broker.untilConsumed("orders", by: "billing"))
            work.cancel()
            try await work.value
            #expect(bills.count("two coffees") == 1)
            try FileManager.default.removeItem(atPath: directory)
        }
    }

    @Test("an order that cannot be billed is given up after three attempts")
    func givesUp() async throws {
        try await withTestBroker { broker in
            try await withProducer(broker.configuration) {
                try await $0.send(Message(topic: "orders", body: "two coffees"))
            }
            let bills = Bills()
            let work = Task {
                await billOrders(broker.configuration) { message in
                    bills.add(message.text)
                    throw NoSuchCustomer()
                }
            }
            while await broker.deadLetters(of: "billing").isEmpty {
                // Retries wait for 10 and for 30 seconds of the broker's time.
                await broker.advance(by: .seconds(5))
                try await Task.sleep(for: .milliseconds(10))
            }
            work.cancel()
            await work.value
            #expect(bills.count("two coffees") == 3)
        }
    }
}
