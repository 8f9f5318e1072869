import DeliveryCore
import MessageFormat
import Testing

private let now = Timestamp(milliseconds: 1_700_000_000_000)

@Suite("Retry and dead letters")
struct RetryPolicyTests {
    @Test(
        "whether a message may come back at all",
        arguments: [
            (nil, true, .unknownGroup), (nil, false, .unknownGroup), (1, true, .go),
            (1, false, .brokerNotWritable), (0, true, .nothing), (0, false, .nothing),
            (-1, true, .nothing),
        ] as [(Int32?, Bool, RetryAdmission)])
    func admission(queues: Int32?, isWritable: Bool, expected: RetryAdmission) {
        let group = queues.map { queues in
            var group = SubscriptionGroupConfig(name: "G")
            group.retryQueues = queues
            return group
        }
        #expect(
            RetryPolicy.admission(group: group, brokerIsWritable: isWritable) == expected)
    }

    /// Reconsume times, level asked, version, own limit, group's limit; destination and level.
    @Test(
        "another try after a growing delay, then the dead letters",
        arguments: [
            (0, 0, 479, 16, 16, 3), (1, 0, 479, 16, 16, 4), (15, 0, 479, 16, 16, 18),
            (16, 0, 479, 16, 16, nil), (17, 0, 479, 16, 16, nil),
            (.max, 0, 479, .max, 16, nil),
            // A level that the consumer asked for; below zero it gave up.
            (0, 1, 479, 16, 16, 1), (9, 5, 479, 16, 16, 5), (0, 99, 479, 16, 16, 99),
            (0, -1, 479, 16, 16, nil), (0, .min, 479, 16, 16, nil),
            // The client's limit counts from version 121 on, and only when it has one.
            (3, 0, 121, 3, 16, nil), (3, 0, 120, 3, 16, 6), (3, 0, 121, nil, 3, nil),
            (20, 0, 121, 30, 16, 23), (20, 0, 120, 30, 16, nil), (3, 0, 479, -1, 16, 6),
            (0, 0, 479, 0, 16, nil), (0, 0, 479, nil, 0, nil),
        ] as [(Int32, Int32, Int32, Int32?, Int32, Int32?)])
    func sendBack(
        times: Int32, asked: Int32, version: Int32, own: Int32?, groupMax: Int32, level: Int32?
    ) {
        var group = SubscriptionGroupConfig(name: "G")
        group.retryTimesMax = groupMax
        group.retryQueues = 2
        let decision = RetryPolicy.sendBack(
            Self.message(times: times),
            RetryRequest(delayLevel: asked, reconsumeTimesMax: own, clientVersion: version),
            group: group, at: now)
        #expect(decision.destination == (level == nil ? .deadLetters : .retry))
        #expect(decision.topic == (level == nil ? "%DLQ%G" : "%RETRY%G"))
        #expect(decision.queues == (level == nil ? 1 : 2))
        #expect(decision.reconsumeTimes == (times == .max ? .max : times + 1))
        #expect(decision.properties["DELAY"] == level.map(String.init))
        #expect((DeadLetterNote(decision.properties) != nil) == (level == nil))
    }

    @Test("an incarnation remembers topic and first id; an old timer does not act again")
    func inherits() {
        let first = RetryPolicy.sendBack(
            Self.message(times: 0, ["TIMER_DELAY_SEC": "5", "DELAY": "9", "UNIQ_KEY": "U"]),
            RetryRequest(clientVersion: 479), group: SubscriptionGroupConfig(name: "G"), at: now)
        #expect(first.properties["RETRY_TOPIC"] == "T")
        #expect(first.properties["ORIGIN_MESSAGE_ID"] == "0AFF")
        #expect(first.properties["WAIT"] == "false")
        #expect(first.properties["TIMER_DELAY_SEC"] == nil)
        #expect(first.properties["DELAY"] == "3")
        #expect(first.properties["UNIQ_KEY"] == "U")

        let again = FailedMessage(
            topic: first.topic, reconsumeTimes: first.reconsumeTimes,
            properties: first.properties, messageID: "0BFF")
        let second = RetryPolicy.sendBack(
            again, RetryRequest(delayLevel: -1, clientVersion: 479, clientID: "c@1"),
            group: SubscriptionGroupConfig(name: "G"), at: now)
        #expect(second.properties["RETRY_TOPIC"] == "T")
        #expect(second.properties["ORIGIN_MESSAGE_ID"] == "0AFF")
        #expect(!DelayRequest(second.properties).isDelayed, "a dead letter is not delayed")
        #expect(
            DeadLetterNote(second.properties)
                == DeadLetterNote(
                    attempts: 2, consumer: "c@1", error: nil, originTopic: "T", time: now))
    }

    /// Header's reconsume times, version, own limit, whether the group holds a lock; dead or not.
    @Test(
        "a client that sends to a retry topic by itself",
        arguments: [
            (1, 479, 16, false, false), (16, 479, 16, false, false), (17, 479, 16, false, true),
            (17, 120, 99, false, true), (17, 121, 99, false, false), (17, 479, nil, false, true),
            (0, 479, 16, true, true), (0, 120, nil, true, true), (0, 479, -1, false, false),
        ] as [(Int32, Int32, Int32?, Bool, Bool)])
    func send(times: Int32, version: Int32, own: Int32?, holdsLock: Bool, isDead: Bool) throws {
        let decision = RetryPolicy.send(
            topic: "%RETRY%G",
            properties: Self.properties(["DELAY": "4", "RETRY_TOPIC": "T", "TIMER_DELAY_MS": "9"]),
            reconsumeTimes: times,
            RetryRequest(
                reconsumeTimesMax: own, clientVersion: version, clientID: "c", errorText: "bang"),
            group: SubscriptionGroupConfig(name: "G"), groupHoldsLock: holdsLock, at: now)
        guard case .put(let put) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(put.destination == (isDead ? .deadLetters : .retry))
        #expect(put.topic == (isDead ? "%DLQ%G" : "%RETRY%G"))
        #expect(put.properties["DELAY"] == (isDead ? "-1" : "4"))
        #expect(put.reconsumeTimes == times)
        #expect(DelayRequest(put.properties).isDelayed == !isDead)
        let note = DeadLetterNote(
            attempts: max(1, times), consumer: "c", error: "bang", originTopic: "T", time: now)
        #expect(DeadLetterNote(put.properties) == (isDead ? note : nil))
    }

    @Test("a retry topic of a group that nobody knows, and topics that are none")
    func sendElsewhere() {
        let request = RetryRequest(clientVersion: 479)
        func send(_ topic: String) -> RetrySendDecision {
            RetryPolicy.send(
                topic: topic, properties: MessageProperties(), reconsumeTimes: 0, request,
                group: nil, groupHoldsLock: false, at: now)
        }
        #expect(send("%RETRY%G") == .unknownGroup("G"))
        #expect(send("T") == .notRetry)
        #expect(send("%RETRY%") == .notRetry)
        #expect(send("%DLQ%G") == .notRetry)
    }

    @Test("what is told about a death is bounded, cut between characters, and never in the way")
    func noteIsBounded() throws {
        func die(_ filler: Int, _ error: String) -> MessageProperties {
            let properties = ["F": String(repeating: "f", count: filler), "APUS_DLQ_ERROR": "old"]
            return RetryPolicy.sendBack(
                Self.message(times: 0, properties),
                RetryRequest(
                    delayLevel: -1, clientVersion: 479,
                    clientID: String(repeating: "c", count: 400), errorText: error),
                group: SubscriptionGroupConfig(name: "G"), at: now
            ).properties
        }
        let long = try #require(DeadLetterNote(die(10, String(repeating: "é", count: 5_000))))
        #expect(long.error == String(repeating: "é", count: 512))
        #expect(long.consumer?.count == 255)
        #expect(try #require(DeadLetterNote(die(10, "a\u{1}b\u{2}c\nd"))).error == "a b c\nd")
        #expect(DeadLetterNote(die(10, ""))?.error == nil, "an earlier death's text is gone")
        for filler in 32_000...32_767 {
            let properties = die(filler, String(repeating: "x", count: 600))
            let bare = die(filler, "")
            #expect(properties.encoded.utf8.count <= max(32_767, bare.encoded.utf8.count))
            #expect(properties["RETRY_TOPIC"] == "T")
        }
    }

    private static func message(
        times: Int32, _ texts: [String: String] = [:]
    ) -> FailedMessage {
        FailedMessage(
            topic: "T", reconsumeTimes: times, properties: Self.properties(texts),
            messageID: "0AFF")
    }

    private static func properties(_ texts: [String: String]) -> MessageProperties {
        var properties = MessageProperties()
        for (name, value) in texts.sorted(by: { $0.key < $1.key }) { properties[name] = value }
        return properties
    }
}
