import ApusClient
import ApusTesting
import TestSupport
import Testing

@Suite("A broker for tests", .realTime)
struct TestBrokerTests {
    private func push(
        _ broker: TestBroker, group: String = "kitchen", topic: String = "orders"
    ) -> PushConsumer {
        var options = PushConsumer.Options()
        options.from = .first
        return PushConsumer(
            broker.configuration, group: group, subscriptions: [Subscription(topic: topic)],
            options: options)
    }

    @Test("what was sent can be looked at, and is consumed")
    func sendsAndConsumes() async throws {
        try await withTestBroker { broker in
            let receipt = try await withProducer(broker.configuration) { producer in
                try await producer.send(
                    Message(topic: "orders", body: "two coffees", keys: ["o-17"]))
            }
            let stored = await broker.messages(in: "orders")
            #expect(stored.map(\.text) == ["two coffees"])
            #expect(stored.map(\.messageID) == [receipt.messageID])
            #expect(await broker.lag(of: "kitchen", topic: "orders") == nil)

            let consumer = self.push(broker)
            for await delivery in consumer.messages {
                #expect(delivery.message.text == "two coffees")
                delivery.ack()
                break
            }
            await consumer.close()
            #expect(await broker.lag(of: "kitchen", topic: "orders") == 0)
        }
    }

    @Test("without leave to make topics, a send to an unknown one fails")
    func refusesUnknownTopics() async throws {
        try await withTestBroker(createsTopics: false) { broker in
            let producer = Producer(broker.configuration)
            let error = await #expect(throws: ApusClientError.self) {
                try await producer.send(
                    Message(topic: "orders", body: "tea"), deadline: .milliseconds(300))
            }
            #expect(error?.mayHaveBeenStored == false)
            await producer.close()
        }
    }

    @Test("a delayed message comes when the broker's clock is set forward, not before")
    func delays() async throws {
        try await withTestBroker { broker in
            let before = await broker.time
            try await withProducer(broker.configuration) { producer in
                try await producer.send(
                    Message(topic: "orders", body: "cold", delay: .after(.seconds(86_400))))
            }
            await broker.advance(by: .seconds(86_300))
            #expect(await broker.messages(in: "orders").isEmpty)
            await broker.advance(by: .seconds(200))
            let consumer = self.push(broker)
            for await delivery in consumer.messages {
                #expect(delivery.message.text == "cold")
                delivery.ack()
                break
            }
            await consumer.close()
            #expect(await broker.time >= before + 86_500_000)
        }
    }

    @Test("a message that is not acknowledged is visible again after its time")
    func pops() async throws {
        try await withTestBroker { broker in
            try await withProducer(broker.configuration) { producer in
                try await producer.send(Message(topic: "orders", body: "tea"))
            }
            var options = SimpleConsumer.Options()
            options.from = .first
            let consumer = SimpleConsumer(
                broker.configuration, group: "bar", subscriptions: [Subscription(topic: "orders")],
                options: options)
            let first = try await consumer.receive(max: 1, invisible: .seconds(3_600))
            #expect(first.map(\.message.text) == ["tea"])
            await broker.advance(by: .seconds(3_700))
            let again = try await consumer.receive(max: 1, invisible: .seconds(30))
            #expect(again.map(\.message.text) == ["tea"])
            for received in again { try await consumer.ack(received) }
            await broker.advance(by: .seconds(3_700))
            let broken = try await consumer.receive(
                max: 1, invisible: .seconds(30), wait: .milliseconds(50))
            #expect(broken.isEmpty)
            await consumer.close()
        }
    }

    @Test("a producer that left its transaction open is asked when the time has come")
    func checksTransactions() async throws {
        try await withTestBroker { broker in
            var options = Producer.Options()
            options.transactionChecker = { _ in .commit }
            let producer = Producer(broker.configuration, options: options)
            let sent = try await producer.sendInTransaction(
                Message(topic: "orders", body: "tea")
            ) { _ in .unknown }
            #expect(sent.outcome == .unknown)
            #expect(await broker.messages(in: "orders").isEmpty)
            await broker.advance(by: .seconds(60))
            #expect(await self.eventually { await broker.messages(in: "orders").count == 1 })
            await producer.close()
        }
    }

    @Test("a consumer that is connected stays in its group, whatever the clock does")
    func staysConnected() async throws {
        try await withTestBroker { broker in
            let producer = Producer(broker.configuration)
            let consumer = self.push(broker)
            let deliveries = consumer.messages.makeAsyncIterator()
            for number in 1...3 {
                try await producer.send(Message(topic: "orders", body: "\(number)"))
                let delivery = await deliveries.next()
                #expect(delivery?.message.text == "\(number)")
                delivery?.ack()
                await broker.advance(by: .seconds(86_400))
            }
            let admin = Admin(broker.configuration)
            #expect(try await admin.members(ofGroup: "kitchen").count == 1)
            await admin.close()
            #expect(await broker.untilConsumed("orders", by: "kitchen"))
            await consumer.close()
            await producer.close()
        }
    }

    private func eventually(_ condition: () async -> Bool) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return await condition()
    }
}
