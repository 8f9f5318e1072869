import ApusClient
import Synchronization
import TestSupport
import Testing

@Suite("Clients with a namespace", .realTime)
struct NamespacedClientTests {
    private func configuration(
        _ cluster: InProcessCluster, _ namespace: String?
    ) -> ApusClient.Configuration {
        var configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
        configuration.namespace = namespace
        return configuration
    }

    private func options() -> PushConsumer.Options {
        var options = PushConsumer.Options()
        options.from = .first
        options.retry = .level(1)
        options.attemptsMax = 2
        return options
    }

    @Test("two users of one topic's name do not meet; retries and dead letters stay apart, too")
    func apart() async throws {
        try await withCluster { cluster in
            let mine = self.configuration(cluster, "mine")
            let receipt = try await withProducer(mine) { producer in
                try await producer.send(Message(topic: "T", body: "mine", keys: ["k"]))
            }
            #expect(receipt.queue.topic == "T")
            try await withProducer(self.configuration(cluster, "yours")) { producer in
                _ = try await producer.send(Message(topic: "T", body: "yours"))
            }
            let seen = Mutex<[ReceivedMessage]>([])
            struct NoLuck: Error {}
            let consumer = PushConsumer(
                mine, group: "G", subscriptions: [Subscription(topic: "T")],
                options: self.options())
            let work = Task {
                await consumer.run { message in
                    seen.withLock { $0.append(message) }
                    throw NoLuck()
                }
            }
            #expect(await eventually(within: .seconds(20)) { seen.withLock { $0.count } == 2 })
            let queues = Set(consumer.assignedQueues.map(\.topic))
            #expect(queues == ["T", "%RETRY%G"])
            let admin = Admin(self.configuration(cluster, nil))
            #expect(
                await eventually {
                    let topics = Set((try? await admin.topics()) ?? [])
                    return topics.isSuperset(of: [
                        "mine%T", "yours%T", "%RETRY%mine%G", "%DLQ%mine%G",
                    ])
                })
            await consumer.close()
            await work.value
            for message in seen.withLock({ $0 }) {
                #expect(message.text == "mine" && message.topic == "T")
                #expect(message.properties["INSTANCE_ID"] == "mine")
            }
            #expect(try await admin.topics().contains("T") == false)
            #expect(try await admin.groups().contains("mine%G"))
            await admin.close()
        }
    }

    @Test("pulling, popping and transactions know the names, too")
    func otherClients() async throws {
        try await withCluster { cluster in
            let mine = self.configuration(cluster, "mine")
            var options = Producer.Options()
            options.transactionChecker = { _ in .unknown }
            try await withProducer(mine, options: options) { producer in
                let done = try await producer.sendInTransaction(
                    Message(topic: "T", body: "committed")
                ) { _ in .commit }
                #expect(done.isConfirmed)
            }
            let pulling = PullConsumer(mine, group: "G")
            let queues = try await pulling.queues(of: "T")
            #expect(Set(queues.map(\.topic)) == ["T"])
            let texts = Mutex<[String]>([])
            #expect(
                await eventually {
                    var found: [String] = []
                    for queue in queues {
                        let page = try? await pulling.pull(queue, from: 0)
                        found += page?.messages.map(\.text) ?? []
                    }
                    texts.withLock { $0 = found }
                    return found == ["committed"]
                })
            try await pulling.commit(1, of: queues[0])
            #expect(try await pulling.committedOffset(of: queues[0]) == 1)
            await pulling.close()

            var simple = SimpleConsumer.Options()
            simple.from = .first
            let popping = SimpleConsumer(
                mine, group: "S", subscriptions: [Subscription(topic: "T")], options: simple)
            let received = try await popping.receive()
            #expect(received.map(\.message.text) == ["committed"])
            #expect(received.first?.message.topic == "T")
            try await popping.ack(received)
            await popping.close()
        }
    }
}
