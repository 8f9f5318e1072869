import MessageFormat
import RoutingCore
import Testing

@Suite("What a name server refuses to keep")
struct LimitTests {
    struct BadName: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var text: String
        var problem: String
    }

    static let badNames =
        [
            BadName(testDescription: "empty", text: "", problem: "is empty"),
            BadName(
                testDescription: "10,000 characters", text: String(repeating: "x", count: 10_000),
                problem: "has 10000 bytes, at most 255 are allowed"),
        ]
        + ["a\0b", "a b", "a\"b", "a,b", "a;b", "a{b", "a\\b", "a\nb"].map {
            BadName(
                testDescription: $0.debugDescription, text: $0,
                problem: "has a blank, a control character or one of \" \\ , ; { }")
        }

    @Test(arguments: Self.badNames)
    func names(_ bad: BadName) throws {
        var table = RouteTable()
        func refusal(of field: String) -> RegistrationError {
            .badName(field: field, problem: bad.problem)
        }
        try table.take(.refused(broker(cluster: bad.text), refusal(of: "clusterName")))
        try table.take(.refused(broker(bad.text), refusal(of: "brokerName")))
        try table.take(.refused(broker(at: bad.text), refusal(of: "brokerAddr")))
        try table.take(.refused(broker(topics: ["A", bad.text]), refusal(of: "topicName")))
        #expect(table.groups.isEmpty)
        #expect(table.topics.count == 0)
    }

    @Test("a refused registration leaves nothing behind", arguments: [Int32.min, -1, 65_537, .max])
    func queues(_ count: Int32) throws {
        var table = RouteTable()
        let error = RegistrationError.badQueues(topic: "A", read: count, write: count, max: 65_536)
        try table.take(.refused(broker(queues: count), error))
        #expect(table.groups.isEmpty)
    }

    @Test func negativeID() throws {
        var table = RouteTable()
        try table.take(.refused(broker(id: -1), .negativeBrokerID(-1)))
    }

    @Test("the numbers of brokers, topics and shares have a bound; what is known may be repeated")
    func bounds() throws {
        var limits = RoutingLimits()
        limits.brokersMax = 2
        limits.topicsMax = 3
        limits.sharesMax = 4
        var table = RouteTable(limits: limits)
        try table.take(.register(broker(topics: ["A", "B"])))
        try table.take(
            .refused(broker(topics: ["A", "C", "D"], version: version(1)), .tooManyTopics(max: 3)))
        try table.take(
            .refused(
                broker("broker-b", at: "b:1", topics: ["A", "B", "C"]), .tooManyShares(max: 4))
        )
        try table.take(.register(broker("broker-b", at: "b:1", topics: ["A", "C"])))
        try table.take(.refused(broker("broker-c", at: "c:1"), .tooManyBrokers(max: 2)))
        try table.take(.register(broker(topics: ["A", "B"], version: version(1))))
        #expect(throws: RegistrationError.tooManyTopics(max: 3)) {
            try table.registerTopic(
                "E", shares: [("broker-a", QueueShare(TopicConfig(name: "E")))])
        }
        #expect(throws: RegistrationError.tooManyShares(max: 4)) {
            try table.registerTopic(
                "C", shares: [("broker-a", QueueShare(TopicConfig(name: "C")))])
        }
        #expect(table.topics.shareCount == 4)
    }

    @Test("a broker name belongs to one cluster while its group lives")
    func nameTaken() throws {
        var table = RouteTable()
        try table.take(.register(broker()))
        let other = broker(id: 1, at: "b:1", cluster: "C2")
        try table.take(.refused(other, .nameTaken(broker: "broker-a", cluster: "C1")))
        try table.take(.register(broker(cluster: "C3")))
        #expect(table.clusters == ["C3": ["broker-a"]])
        try table.take(.close(link: 1))
        try table.take(.register(other))
        #expect(table.clusters == ["C2": ["broker-a"]])
    }

    @Test("settings have a namespace, a key and a bound on what all weigh")
    func keyValues() throws {
        var limits = RoutingLimits()
        limits.settingsBytesMax = 2 * (64 + 3) + 10
        var settings = KeyValueConfig(limits: limits)
        try settings.put("1", for: "a", in: "n")
        try settings.put("2", for: "b", in: "n")
        #expect(settings.entries(of: "n") == ["a": "1", "b": "2"])
        try settings.put("12345678901", for: "b", in: "n")
        #expect(throws: KeyValueConfig.PutError.full(bytesMax: 144)) {
            try settings.put("22", for: "a", in: "n")
        }
        #expect(settings.value(of: "a", in: "n") == "1")
        #expect(throws: KeyValueConfig.PutError.blank(field: "key")) {
            try settings.put("1", for: " ", in: "n")
        }
        #expect(throws: KeyValueConfig.PutError.blank(field: "namespace")) {
            try settings.put("1", for: "a", in: "")
        }
        settings.delete("a", in: "n")
        settings.delete("a", in: "n")
        settings.delete("b", in: "n")
        #expect(settings.entries(of: "n") == nil)
        #expect(settings.bytes == 0)
    }
}
