import ApusClient
import ApusTesting
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Examples

/// Runs the examples.
@Suite("Examples", .realTime)
struct ExampleTests {
    /// What handlers were given, in the order of their calls.
    final class Seen: Sendable {
        private let seen = Mutex<[String]>([])

        func add(_ text: String) { self.seen.withLock { $0.append(text) } }

        var texts: [String] { self.seen.withLock { $0 } }
    }

    private func until(_ condition: () async throws -> Bool) async rethrows {
        let deadline = ContinuousClock.now + .seconds(20)
        while try await !condition(), ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private func send(_ texts: String..., to topic: String, of broker: TestBroker) async throws {
        try await withProducer(broker.configuration) { producer in
            for text in texts { try await producer.send(Message(topic: topic, body: text)) }
        }
    }

    @Test("the first message comes back")
    func first() async throws {
        try await withTestBroker { broker in
            let nameServers = broker.configuration.nameServers.joined(separator: ";")
            let text = try await firstMessage(nameServers: nameServers)
            #expect(text == "two coffees")
        }
    }

    @Test("steps come in order, though a handler fails")
    func orderly() async throws {
        try await withTestBroker { broker in
            try await withProducer(broker.configuration) { try await sendSteps(of: "o-17", $0) }
            let (seen, tries) = (Seen(), Seen())
            let work = Task {
                await followSteps(broker.configuration) { message in
                    let text = message.text
                    if text == "o-17 served", tries.texts.isEmpty {
                        tries.add(text)
                        throw NoSuchCustomer()
                    }
                    seen.add(text)
                }
            }
            await self.until { seen.texts.count == 3 }
            work.cancel()
            await work.value
            #expect(seen.texts == ["o-17 brewed", "o-17 served", "o-17 paid"])
        }
    }

    @Test("what is hopeless becomes a dead letter, the rest is tried again")
    func byHand() async throws {
        try await withTestBroker { broker in
            try await self.send("no customer", "busy", to: "orders", of: broker)
            let seen = Seen()
            let work = Task {
                await billOrdersByHand(broker.configuration) { message in
                    if message.text == "no customer" { throw NoSuchCustomer() }
                    if message.reconsumeTimes == 0 { throw CancellationError() }
                    seen.add(message.text)
                }
            }
            await self.until {
                await broker.advance(by: .seconds(1))
                return seen.texts.count == 1
            }
            #expect(seen.texts == ["busy"])
            await self.until { await broker.deadLetters(of: "billing").count == 1 }
            #expect(await broker.deadLetters(of: "billing").map(\.text) == ["no customer"])
            work.cancel()
            await work.value
        }
    }

    @Test("what fails three times is in the file")
    func setsAside() async throws {
        try await withTestBroker { broker in
            try await self.send("no customer", to: "orders", of: broker)
            let file = NSTemporaryDirectory() + "set-aside-\(UUID().uuidString).jsonl"
            let handler = billOrSetAside(file: file) { _ in throw NoSuchCustomer() }
            let work = Task { await billOrders(broker.configuration, bill: handler) }
            await self.until {
                await broker.advance(by: .seconds(5))
                return FileManager.default.fileExists(atPath: file)
            }
            let kept = try String(contentsOfFile: file, encoding: .utf8)
            #expect(kept.contains("NoSuchCustomer"))
            work.cancel()
            await work.value
            #expect(await broker.deadLetters(of: "billing").isEmpty)
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @Test("a reminder comes in time, unless it was taken back")
    func delays() async throws {
        try await withTestBroker { broker in
            let producer = Producer(broker.configuration)
            let receipt = try await remind(producer)
            try await remindLater(at: broker.time + 60_000, producer)
            try await forget(receipt, producer)
            await broker.advance(by: .seconds(1_000))
            await self.until { await broker.messages(in: "reminders").count == 2 }
            let texts = await broker.messages(in: "reminders").map(\.text)
            #expect(Set(texts) == ["it opens", "it is ready"])
            await producer.close()
        }
    }

    @Test("an order that was paid is sent, a second payment is not")
    func transacts() async throws {
        try await withTestBroker { broker in
            let orders = Orders()
            let producer = till(broker.configuration, orders)
            let sent = try await payAndSend(producer, orders)
            #expect(sent.outcome == .commit && sent.isConfirmed)
            #expect(try await payAndSend(producer, orders).outcome == .rollback)
            await self.until { await !broker.messages(in: "orders").isEmpty }
            #expect(await broker.messages(in: "orders").map(\.text) == ["two coffees"])
            await producer.close()
        }
    }

    @Test("an outcome that was lost is asked for")
    func checks() async throws {
        try await withTestBroker { broker in
            let orders = Orders()
            let producer = till(broker.configuration, orders)
            await broker.fail(.endTransaction, with: .requestLost, times: 100)
            let sent = try await payAndSend(producer, orders)
            #expect(sent.outcome == .commit && !sent.isConfirmed)
            await broker.heal()
            await broker.advance(by: .seconds(60))
            await self.until { await !broker.messages(in: "orders").isEmpty }
            #expect(await broker.messages(in: "orders").map(\.text) == ["two coffees"])
            await producer.close()
        }
    }

    @Test("what was received by one call and not acknowledged comes again")
    func pops() async throws {
        try await withTestBroker { broker in
            try await self.send("a tea", to: "orders", of: broker)
            await #expect(throws: NoSuchCustomer.self) {
                try await billSome(broker.configuration) { _ in throw NoSuchCustomer() }
            }
            await broker.advance(by: .seconds(40))
            let seen = Seen()
            let work = Task {
                try await billAll(broker.configuration) { message in
                    seen.add(message.text)
                }
            }
            await self.until { seen.texts.count == 1 }
            #expect(seen.texts == ["a tea"])
            work.cancel()
            try await work.value
        }
    }

    @Test("filters let through what they say")
    func filters() async throws {
        try await withTestBroker { broker in
            let producer = Producer(broker.configuration)
            try await sendOrder("small", tag: "late", amount: 3, region: "eu", producer)
            try await sendOrder("far", tag: "late", amount: 300, region: "us", producer)
            try await sendOrder("big", tag: "late", amount: 300, region: "uk", producer)
            try await sendOrder("new", tag: "new", amount: 3, region: "eu", producer)
            await producer.close()
            let tagged = try await receiveOne(broker.configuration, group: "bar", newOrPaid)
            #expect(tagged == "new")
            let chosen = try await receiveOne(broker.configuration, group: "boss", worthALook)
            #expect(chosen == "big")
        }
    }

    @Test("a question is answered")
    func replies() async throws {
        try await withTestBroker { broker in
            let producer = Producer(broker.configuration)
            let work = Task { await answerQuestions(broker.configuration) }
            let price = try await askForPrice(producer)
            #expect(price == "3.20")
            work.cancel()
            await work.value
            await producer.close()
        }
    }

    @Test("what is sent while the broker is down arrives when it is back, in order")
    func spools() async throws {
        try await withTestBroker { broker in
            let directory = NSTemporaryDirectory() + "spool-\(UUID().uuidString)"
            let producer = patient(broker.configuration, directory: directory)
            let orders = (0..<3).map { Message(topic: "orders", body: "order \($0)") }
            #expect(try await sendOrKeep(orders[0], producer).hasPrefix("stored"))
            await broker.takeDown()
            #expect(try await sendOrKeep(orders[1], producer).hasPrefix("on this disk"))
            try await broker.bringUp()
            #expect(try await !sendOrKeep(orders[2], producer).isEmpty)
            await self.until { await broker.messages(in: "orders").count >= 3 }
            let texts = await broker.messages(in: "orders").map(\.text)
            #expect(texts == ["order 0", "order 1", "order 2"])
            await producer.close()
            try FileManager.default.removeItem(atPath: directory)
        }
    }
}
