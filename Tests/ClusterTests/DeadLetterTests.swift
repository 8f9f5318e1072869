import ApusClient
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Dead letters, from the handler's error to the second life", .realTime)
struct DeadLetterTests {
    private struct NoLuck: Error, CustomStringConvertible {
        var description: String { "the bank is closed" }
    }

    private func letters(
        _ admin: Admin, matching change: (inout DeadLetterFilter) -> Void = { _ in }
    ) async throws -> [DeadLetter] {
        var filter = DeadLetterFilter()
        change(&filter)
        var letters: [DeadLetter] = []
        for try await letter in admin.deadLetters(ofGroup: "billing", matching: filter) {
            letters.append(letter)
        }
        return letters
    }

    /// Fails at `orders`, until the three of them have come once each and are dead.
    private func fail(_ cluster: InProcessCluster, _ admin: Admin) async throws {
        var options = PushConsumer.Options()
        options.from = .first
        options.attemptsMax = 1
        options.hold = .seconds(1)
        options.commitInterval = .milliseconds(200)
        let consumer = PushConsumer(
            ApusClient.Configuration(nameServers: cluster.nameServer), group: "billing",
            subscriptions: [Subscription(topic: "orders")], options: options)
        let seen = Mutex<[String]>([])
        let work = Task {
            await consumer.run { message in
                seen.withLock { $0.append(message.text) }
                throw NoLuck()
            }
        }
        let isOver = try await eventually(within: .seconds(30)) {
            guard try await admin.deadLetterGroups().first?.waiting == 3 else { return false }
            // Whoever closes before its offset moved gets them again.
            let progress = try? await admin.progress(ofGroup: "billing", topic: "orders")
            return progress?.values.contains { $0.lag > 0 } == false
        }
        #expect(isOver)
        #expect(seen.withLock { $0.sorted() } == ["a", "b", "c"])
        await consumer.close()
        await work.value
    }

    @Test("they are found by why they died, sent again once each, and purged; through a restart")
    func story() async throws {
        try await withCluster { cluster in
            let configuration = ApusClient.Configuration(nameServers: cluster.nameServer)
            let admin = Admin(configuration)
            try await admin.createTopic("orders", TopicSettings(readQueues: 2, writeQueues: 2))
            let producer = Producer(configuration)
            for name in ["a", "b", "c"] {
                try await producer.send(
                    Message(topic: "orders", body: name, tag: "new", keys: ["key-\(name)"]))
            }
            await producer.close()
            try await self.fail(cluster, admin)
            let letters = try await self.letters(admin) { $0.error = "BANK" }
            #expect(letters.map(\.message.text).sorted() == ["a", "b", "c"])
            #expect(letters.allSatisfy { $0.error == "the bank is closed" && $0.attempts == 1 })
            #expect(try await self.letters(admin) { $0.topic = "others" }.isEmpty)
            #expect(try await self.letters(admin) { $0.until = letters[0].diedAt }.isEmpty)

            let one = try await self.letters(admin) { $0.key = "key-b" }
            #expect(one.map(\.message.text) == ["b"])
            for letter in one + one { try await admin.replay(letter) }
            try await cluster.stop("broker-a")
            try await cluster.start("broker-a")
            // As one that was interrupted is begun again: all that were found before.
            for letter in letters { try await admin.replay(letter) }
            #expect(try await self.letters(admin).isEmpty)
            let summary = try #require(try await admin.deadLetterGroups().first)
            #expect(summary.waiting == 0)
            #expect(summary.replayed == 3)
            #expect(summary.lastReplayedAt != nil)

            try await self.fail(cluster, admin)
            let again = try await self.letters(admin)
            #expect(again.allSatisfy { $0.message.tag == "new" && $0.originTopic == "orders" })
            #expect(
                again.map(\.message.messageID).sorted() == letters.map(\.message.messageID).sorted()
            )
            #expect(try await admin.purgeDeadLetters(ofGroup: "billing") == 3)
            #expect(try await self.letters(admin).isEmpty)
            #expect(try await admin.deadLetterGroups().first?.waiting == 0)
            await admin.close()
        }
    }
}
