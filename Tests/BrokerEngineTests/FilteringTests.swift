@testable import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A consumer gets what its expression chooses, and nothing else")
struct FilteringTests {
    private func bench(
        sending count: Int, change: (inout BrokerSettings) -> Void = { _ in },
        properties: (Int) -> String = { "n\u{1}\($0)\u{2}" }
    ) -> EngineBench {
        var bench = EngineBench(EngineBench.settings { change(&$0) })
        for number in 0..<count {
            bench.request(Requests.send("m\(number)", properties: properties(number)))
            bench.settle()
        }
        return bench
    }

    private func pull(
        _ expression: String, offset: Int64 = 0, max: Int32 = 32, hold: Int64 = 0,
        topic: String = "T"
    ) -> RemotingCommand {
        var pull = Requests.pull(
            topic: topic, offset: offset, max: max, hold: hold, expression: expression)
        pull["expressionType"] = "SQL92"
        return pull
    }

    private func bodies(_ bench: EngineBench, _ pull: Int32) -> [String] {
        bench.messages(of: pull) { String(decoding: $0.body, as: UTF8.self) }
    }

    @Test(
        "expressions choose by properties",
        arguments: [
            ("n > 2", ["m3", "m4", "m5"]), ("n BETWEEN 1 AND 2", ["m1", "m2"]),
            ("n IN ('0', '5')", ["m0", "m5"]), ("missing IS NULL AND n = 4", ["m4"]),
            ("missing = 1", []),
        ])
    func choosing(expression: String, expected: [String]) {
        var bench = self.bench(sending: 6)
        let pull = bench.request(self.pull(expression))
        #expect(self.bodies(bench, pull) == expected)
        #expect(bench.field("nextBeginOffset", of: pull) == "6")
        let code: ResponseCode = expected.isEmpty ? .pullRetryImmediately : .success
        #expect(bench.answer(to: pull)?.code == code)
    }

    @Test("a mistake is refused with its place, by a pull, a heartbeat and the check of a client")
    func mistakes() {
        var bench = self.bench(sending: 1)
        let bad = SubscriptionData(
            topic: "T", expression: "n > > 1", expressionType: "SQL92", version: 1)
        let check = RemotingCommand.request(
            .checkClientConfig,
            body: JSONValue.object([
                JSONMember("clientId", "c"), JSONMember("group", "CG"),
                JSONMember("subscriptionData", bad.json),
            ]).encoded)
        for request in [self.pull("n > > 1"), check, self.heartbeat(bad)] {
            let answer = bench.request(request)
            #expect(bench.answer(to: answer)?.code == .subscriptionParseFailed)
            #expect(bench.answer(to: answer)?.remark?.contains("column 5") == true)
        }
        #expect(bench.engine.consumers.group("CG") == nil)
    }

    private func heartbeat(_ data: SubscriptionData) -> RemotingCommand {
        let body = HeartbeatData(
            clientID: "c",
            consumers: [ConsumerData(group: "CG", subscriptions: [data])])
        return .request(.heartBeat, body: body.encoded)
    }

    @Test("without an expression of its own a pull uses the group's, until the group has another")
    func heartbeats() {
        var bench = self.bench(sending: 4)
        for (version, expression, expected) in [
            (Int64(1), "n < 2", ["m0", "m1"]), (2, "n >= 2", ["m2", "m3"]),
        ] {
            bench.request(
                self.heartbeat(
                    SubscriptionData(
                        topic: "T", expression: expression, expressionType: "SQL92",
                        version: version)))
            var pull = Requests.pull(offset: 0)
            pull["sysFlag"] = "0"
            let answer = bench.request(pull)
            #expect(self.bodies(bench, answer) == expected)
        }
    }

    @Test("an expression is parsed once, however many pulls come with it")
    func parsedOnce() {
        var bench = self.bench(sending: 1)
        for _ in 0..<100 { bench.request(self.pull("n = 0")) }
        #expect(bench.engine.filters.parsedCount == 1)
    }

    @Test("the cache of expressions is bounded and keeps what is used")
    func boundedCache() throws {
        var cache = FilterCache(bytesMax: 1_000)
        for number in 0..<1_000 {
            _ = try cache.expression("n = \(number)")
            _ = try cache.expression("used = 1")
        }
        #expect(cache.count < 40)
        #expect(cache.parsedCount == 1_001)
    }

    @Test("a pull looks at no more than its share, and says how far it came")
    func boundedScan() {
        var bench = self.bench(sending: 200, change: { $0.filterScanMax = 100 })
        var offset = Int64(0)
        var pulls = 0
        while offset < 200 {
            let pull = bench.request(self.pull("n = 199", offset: offset))
            let next = Int64(bench.field("nextBeginOffset", of: pull) ?? "") ?? .max
            #expect(next > offset && next <= offset + 128)
            offset = next
            pulls += 1
            if offset >= 200 { #expect(self.bodies(bench, pull) == ["m199"]) }
        }
        #expect(pulls == 2)
    }

    @Test("an answer takes no more messages than were asked for, and the next goes on behind them")
    func messagesMax() {
        var bench = self.bench(sending: 10)
        let first = bench.request(self.pull("n <> 1", max: 2))
        #expect(self.bodies(bench, first) == ["m0", "m2"])
        #expect(bench.field("nextBeginOffset", of: first) == "3")
        let second = bench.request(self.pull("n <> 1", offset: 3, max: 2))
        #expect(self.bodies(bench, second) == ["m3", "m4"])
    }

    @Test("a held pull sleeps through what it does not want and wakes for what it does")
    func holding() {
        var bench = self.bench(sending: 1)
        let pull = bench.request(self.pull("n = 7", offset: 1, hold: 15_000), from: 2)
        for number in [5, 6] {
            bench.request(Requests.send("m\(number)", properties: "n\u{1}\(number)\u{2}"))
            bench.settle()
            #expect(bench.answer(to: pull) == nil)
        }
        bench.request(Requests.send("m7", properties: "n\u{1}7\u{2}"))
        bench.settle()
        #expect(self.bodies(bench, pull) == ["m7"])
        #expect(bench.field("nextBeginOffset", of: pull) == "4")
    }

    @Test("a held pull for which nothing came ends when its time does, behind what it looked at")
    func expiry() {
        var bench = self.bench(sending: 1)
        let pull = bench.request(self.pull("n = 7", offset: 1, hold: 1_000), from: 2)
        bench.request(Requests.send("m5", properties: "n\u{1}5\u{2}"))
        bench.settle()
        bench.pass(.milliseconds(1_100))
        #expect(bench.answer(to: pull)?.code == .pullNotFound)
        #expect(bench.field("nextBeginOffset", of: pull) == "2")
    }

    @Test("expressions of pulls that wait have a bound together; one more is answered at once")
    func boundedHolding() {
        var bench = self.bench(sending: 1)
        let long = self.pull(
            "n = '\(String(repeating: "x", count: 16_000))'", offset: 1, hold: 15_000)
        let pulls = (0..<220).map { _ in bench.request(long, from: 2) }
        // Compiled, each counts ten times.
        #expect(pulls.prefix(209).allSatisfy { bench.answer(to: $0) == nil })
        #expect(pulls.dropFirst(209).allSatisfy { bench.answer(to: $0)?.code == .pullNotFound })
        bench.close(2)
        let next = bench.request(long, from: 3)
        #expect(bench.answer(to: next) == nil)
    }

    @Test("what lies in index files is looked at as well")
    func sealed() throws {
        var bench = EngineBench(EngineBench.settings(segmentBytes: 1 << 17))
        for number in 0..<600 {
            let body = String(repeating: "x", count: 400)
            bench.request(Requests.send(body, properties: "n\u{1}\(number)\u{2}"))
            bench.settle()
        }
        bench.sealForReading()
        let place = bench.engine.queues.queue(QueueKey(topic: "T", queueID: 0))?.place(of: .zero)
        guard case .file = try #require(place) else {
            Issue.record("the first messages are in an index file")
            return
        }
        let pull = bench.request(self.pull("n IN ('3', '100', '599')"))
        let found = bench.messages(of: pull) { $0.properties["n"] }
        #expect(found == ["3", "100", "599"])
        #expect(bench.field("nextBeginOffset", of: pull) == "600")
    }

    @Test("everything in a retry topic passes")
    func retryTopic() {
        var bench = self.bench(sending: 0)
        bench.request(Requests.heartbeat("c"))
        bench.settle()
        bench.request(Requests.send("again", topic: "%RETRY%CG"))
        bench.settle()
        let pull = bench.request(self.pull("n = 1", topic: "%RETRY%CG"))
        #expect(self.bodies(bench, pull) == ["again"])
    }

    @Test("switched off, expressions are refused")
    func switchedOff() {
        var bench = self.bench(sending: 1, change: { $0.enablePropertyFilter = false })
        let pull = bench.request(self.pull("n = 0"))
        #expect(bench.answer(to: pull)?.code == .systemError)
    }
}
