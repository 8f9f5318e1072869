import ApusClient
import Synchronization
import TestSupport
import Testing

/// The texts that a group's consumer handled.
private final class Texts: Sendable {
    private let texts = Mutex<[String]>([])

    func add(_ text: String) { self.texts.withLock { $0.append(text) } }

    var all: [String] { self.texts.withLock { $0.sorted() } }
}

@Suite("Groups that are moved", .realTime)
struct MovingGroupsTests {
    private static let all = (10..<20).map { "\($0)" }

    private func send(
        _ texts: [String], _ configuration: ApusClient.Configuration
    ) async throws {
        try await withProducer(configuration) { producer in
            for text in texts { try await producer.send(Message(topic: "T", body: text)) }
        }
    }

    private func consuming(
        _ configuration: ApusClient.Configuration, group: String, from: ConsumeFrom = .first,
        _ body: (Texts, PushConsumer) async throws -> Void
    ) async throws {
        var options = PushConsumer.Options()
        options.from = from
        options.hold = .seconds(1)
        options.commitInterval = .milliseconds(100)
        let consumer = PushConsumer(
            configuration, group: group, subscriptions: [Subscription(topic: "T")],
            options: options)
        let texts = Texts()
        let work = Task { await consumer.run { texts.add($0.text) } }
        try await body(texts, consumer)
        await consumer.close()
        await work.value
    }

    @Test("members that are at work follow a seek, and new groups begin where another is")
    func moves() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            let admin = Admin(configuration)
            try await self.send(Self.all, configuration)
            try await self.consuming(configuration, group: "G") { texts, _ in
                #expect(await eventually { texts.all == Self.all })
                let moved = try await admin.seek(group: "G", topic: "T", to: .first)
                #expect(!moved.isEmpty && moved.values.allSatisfy { $0 == 0 })
                #expect(
                    await eventually(within: .seconds(20)) {
                        texts.all == (Self.all + Self.all).sorted()
                    })
            }
            // One skips what is there, the other is told to go on where the first one is.
            try await admin.skipBacklog(group: "skips", topic: "T")
            try await admin.cloneOffsets(ofGroup: "skips", to: "follows", topic: "T")
            for group in ["skips", "follows"] {
                try await self.send(["new of \(group)"], configuration)
                try await self.consuming(configuration, group: group) { texts, _ in
                    #expect(await eventually { texts.all.contains("new of \(group)") })
                    #expect(texts.all.allSatisfy { $0.hasPrefix("new") })
                }
            }
            await admin.close()
        }
    }

    @Test("a new group begins at a time")
    func fromTime() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            try await self.send(["old"], configuration)
            let reading = PullConsumer(configuration, group: "R")
            var last: Int64 = 0
            for queue in try await reading.queues(of: "T") {
                let page = try await reading.pull(queue, from: 0)
                last = max(last, page.messages.map(\.storeTimestamp).max() ?? 0)
            }
            await reading.close()
            #expect(last > 0)
            // The broker's clock must have gone on.
            let clock = ContinuousClock.now
            #expect(await eventually { ContinuousClock.now - clock > .milliseconds(5) })
            try await self.send(["new"], configuration)
            try await self.consuming(configuration, group: "G", from: .timestamp(last + 1)) {
                texts, _ in
                #expect(await eventually { texts.all == ["new"] })
            }
        }
    }

    @Test("a suspended consumer gets nothing until it is resumed")
    func suspends() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            try await self.send(["before"], configuration)
            try await self.consuming(configuration, group: "G") { texts, consumer in
                #expect(await eventually { texts.all == ["before"] })
                consumer.suspend()
                #expect(consumer.isSuspended)
                try await self.send(["meanwhile"], configuration)
                #expect(await !eventually(within: .milliseconds(300)) { texts.all.count > 1 })
                consumer.resume()
                #expect(await eventually { texts.all == ["before", "meanwhile"] })
            }
        }
    }
}
