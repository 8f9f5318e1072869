import ApusClient
import ApusTesting
import TestSupport
import Testing

@Suite("Faults on request", .realTime)
struct FaultTests {
    private let tea = Message(topic: "orders", body: "tea")

    private func impatient(isIdempotent: Bool = false) -> Producer.Options {
        var options = Producer.Options()
        options.attemptTimeout = .seconds(2)
        options.isIdempotent = isIdempotent
        return options
    }

    @Test("an answer that was lost makes a producer send twice")
    func storesTwice() async throws {
        for fault in [TestBroker.Fault.connectionLost, .answerLost] {
            try await withTestBroker { broker in
                await broker.fail(.send, with: fault)
                let receipt = try await withProducer(
                    broker.configuration, options: self.impatient()
                ) { try await $0.send(self.tea) }
                #expect(receipt.attempts == 2)
                let stored = await broker.messages(in: "orders")
                #expect(stored.map(\.messageID) == [receipt.messageID, receipt.messageID])
            }
        }
    }

    @Test("an idempotent producer's message is stored once all the same")
    func storesOnce() async throws {
        try await withTestBroker { broker in
            await broker.fail(.send, with: .connectionLost, times: 2)
            let receipt = try await withProducer(
                broker.configuration, options: self.impatient(isIdempotent: true)
            ) { try await $0.send(self.tea) }
            #expect(receipt.attempts == 3)
            #expect(await broker.messages(in: "orders").map(\.queueOffset) == [receipt.queueOffset])
        }
    }

    @Test("a request that was lost or refused is not carried out")
    func notCarriedOut() async throws {
        for fault in [TestBroker.Fault.requestLost, .refused()] {
            try await withTestBroker { broker in
                await broker.fail(.send, with: fault)
                let receipt = try await withProducer(
                    broker.configuration, options: self.impatient()
                ) { try await $0.send(self.tea) }
                #expect(receipt.attempts == 2)
                #expect(await broker.messages(in: "orders").count == 1)
            }
        }
    }

    @Test("a refusal says what it was told to say")
    func refuses() async throws {
        try await withTestBroker { broker in
            await broker.fail(.send, with: .refused(code: 13, remark: "not today"))
            let error = await #expect(throws: ApusClientError.self) {
                try await withProducer(broker.configuration) { try await $0.send(self.tea) }
            }
            #expect(error?.responseCode == 13)
            #expect(error?.message.contains("not today") == true)
        }
    }

    @Test("faults that were taken back do not happen")
    func heals() async throws {
        try await withTestBroker { broker in
            await broker.fail(.send, with: .refused(code: 13), times: 100)
            await broker.heal()
            try await withProducer(broker.configuration) { try await $0.send(self.tea) }
        }
    }

    @Test("an acknowledgement that was lost brings the message again")
    func deliversTwice() async throws {
        try await withTestBroker { broker in
            try await withProducer(broker.configuration) { try await $0.send(self.tea) }
            var options = SimpleConsumer.Options()
            options.from = .first
            let consumer = SimpleConsumer(
                broker.configuration, group: "bar", subscriptions: [Subscription(topic: "orders")],
                options: options)
            let first = try await consumer.receive(max: 1, invisible: .seconds(60))
            await broker.fail(.acknowledge, with: .refused(code: 1), times: 100)
            for received in first { try? await consumer.ack(received) }
            await broker.heal()
            await broker.advance(by: .seconds(70))
            let again = try await consumer.receive(max: 1, invisible: .seconds(60))
            #expect(again.map(\.message.messageID) == first.map(\.message.messageID))
            await consumer.close()
        }
    }

    @Test("a restart loses nothing that was acknowledged, and delays go on")
    func restarts() async throws {
        try await withTestBroker { broker in
            let producer = Producer(broker.configuration)
            try await producer.send(self.tea)
            try await producer.send(
                Message(topic: "orders", body: "cold", delay: .after(.seconds(600))))
            try await broker.restart()
            try await producer.send(Message(topic: "orders", body: "juice"))
            await broker.advance(by: .seconds(700))
            var options = PushConsumer.Options()
            options.from = .first
            let consumer = PushConsumer(
                broker.configuration, group: "kitchen",
                subscriptions: [Subscription(topic: "orders")], options: options)
            var texts: Set<String> = []
            for await delivery in consumer.messages {
                texts.insert(delivery.message.text)
                delivery.ack()
                if texts.count == 3 { break }
            }
            #expect(texts == ["tea", "juice", "cold"])
            await consumer.close()
            await producer.close()
        }
    }

    @Test("a send waits for a broker that is down")
    func waitsForTheBroker() async throws {
        try await withTestBroker { broker in
            let producer = Producer(broker.configuration)
            try await producer.send(self.tea)
            await broker.takeDown()
            await broker.takeDown()
            // It may be written before the client learns that its connection was closed.
            await #expect(throws: ApusClientError.self) {
                try await producer.send(self.tea, deadline: .milliseconds(200))
            }
            let error = await #expect(throws: ApusClientError.self) {
                try await producer.send(self.tea, deadline: .milliseconds(200))
            }
            #expect(error?.mayHaveBeenStored == false)
            let ticket = try await producer.enqueue(self.tea)
            try await broker.bringUp()
            try await broker.bringUp()
            _ = try await ticket.receipt
            #expect(await broker.messages(in: "orders").count == 2)
            await producer.close()
        }
    }
}
