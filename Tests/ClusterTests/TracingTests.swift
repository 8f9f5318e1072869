import ApusClient
import Broker
import Chaos
import RemotingProtocol
import Synchronization
import TestSupport
import Testing

@Suite("Message traces", .realTime)
struct TracingTests {
    private func configuration(_ cluster: InProcessCluster) -> ApusClient.Configuration {
        var configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
        var trace = TraceOptions()
        trace.interval = .milliseconds(50)
        configuration.trace = trace
        return configuration
    }

    private func options() -> PushConsumer.Options {
        var options = PushConsumer.Options()
        options.from = .first
        options.retry = .local(after: .milliseconds(50))
        return options
    }

    /// Waits until so many records are there.
    private func trace(
        of id: String, count: Int, _ admin: Admin
    ) async -> [TraceRecord] {
        let found = Mutex<[TraceRecord]>([])
        _ = await eventually {
            let records = (try? await admin.trace(ofMessage: id)) ?? []
            found.withLock { $0 = records }
            return records.count >= count
        }
        return found.withLock { $0 }
    }

    @Test("a message's way: sent, handled in vain, handled")
    func way() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            let receipt = try await withProducer(configuration) { producer in
                try await producer.send(
                    Message(topic: "T", body: "traced", tag: "A", keys: ["k1", "k2"]))
            }
            let consumer = PushConsumer(
                configuration, group: "G", subscriptions: [Subscription(topic: "T")],
                options: self.options())
            let attempts = Mutex(0)
            struct NoLuck: Error {}
            let work = Task {
                await consumer.run { _ in
                    let attempt = attempts.withLock { count in
                        count += 1
                        return count
                    }
                    if attempt == 1 { throw NoLuck() }
                }
            }
            #expect(await eventually { attempts.withLock { $0 } == 2 })
            await consumer.close()
            await work.value

            let admin = Admin(configuration)
            let records = await self.trace(of: receipt.messageID, count: 5, admin)
            await admin.close()
            #expect(records.count == 5)
            guard case .sent(let sent)? = records.first else {
                Issue.record("the way begins with \(records)")
                return
            }
            #expect(sent.topic == "T" && sent.group == "APUS_PRODUCER" && sent.tag == "A")
            #expect(sent.keys == "k1 k2" && sent.bodyBytes == 6 && sent.kind == .normal)
            #expect(
                sent.offsetMessageID == receipt.offsetMessageID && sent.region == "DefaultRegion")
            let ends = records.compactMap { record -> Bool? in
                if case .handled(let handled) = record { handled.succeeded } else { nil }
            }
            #expect(ends == [false, true])
        }
    }

    @Test("the end of a transaction is traced, and a delayed message's recall")
    func transactions() async throws {
        try await withCluster { cluster in
            let configuration = self.configuration(cluster)
            var options = Producer.Options()
            options.transactionChecker = { _ in .unknown }
            let ids = try await withProducer(configuration, options: options) { producer in
                let half = try await producer.sendInTransaction(
                    Message(topic: "T", body: "half")
                ) { _ in .rollback }
                let delayed = try await producer.send(
                    Message(topic: "T", body: "later", delay: .after(.seconds(60))))
                try await producer.recall(try #require(delayed.recallHandle))
                return (half.receipt.messageID, delayed.messageID)
            }
            let admin = Admin(configuration)
            let ended = await self.trace(of: ids.0, count: 2, admin)
            guard case .sent(let sent)? = ended.first,
                case .transactionEnded(let end)? = ended.last
            else {
                Issue.record("the way of a half message is \(ended)")
                return
            }
            #expect(sent.kind == .transactionHalf && end.outcome == .rollback && !end.wasAsked)
            let recalled = await self.trace(of: ids.1, count: 2, admin)
            await admin.close()
            guard case .recalled(let recall)? = recalled.last else {
                Issue.record("the way of a recalled message is \(recalled)")
                return
            }
            #expect(recall.succeeded)
        }
    }

    @Test("sends go on when nobody takes the traces")
    func withoutTopic() async throws {
        try await withCluster(brokers: []) { cluster in
            try await cluster.start("broker-a") { $0.autoCreateTopics = false }
            #expect(await eventually { (try? await cluster.access.masters().count) == 1 })
            let configuration = self.configuration(cluster)
            let admin = Admin(configuration)
            try await admin.createTopic("T")
            await admin.close()
            let began = ContinuousClock.now
            let producer = Producer(configuration)
            for number in 0..<20 { try await producer.send(Message(topic: "T", body: "\(number)")) }
            // Each would wait 3 s if it waited for its trace.
            #expect(ContinuousClock.now - began < .seconds(30))
            await producer.close()
        }
    }

    @Test("a broker has the topic from its start if its operator wants it")
    func traceTopic() async throws {
        try await withCluster(brokers: []) { cluster in
            try await cluster.start("broker-a") {
                $0.autoCreateTopics = false
                $0.hasTraceTopic = true
            }
            #expect(
                await eventually {
                    (try? await cluster.access.route(of: "RMQ_SYS_TRACE_TOPIC"))?.queues.count == 1
                })
        }
    }
}
