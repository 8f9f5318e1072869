import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

extension ConsumerDriver {
    /// Answers the lookups of routes: the group's retry topic lies on these brokers.
    mutating func answerRoutes(_ brokers: [String], retryOn: [String] = []) {
        while let call = self.nextCall(.getRouteInfoByTopic) {
            let isRetry = call.command["topic"] == "%RETRY%G"
            let route =
                isRetry && retryOn.isEmpty
                ? Answers.command(.topicNotExist)
                : Answers.route(isRetry ? retryOn : brokers, queues: 1)
            self.end(call, route)
        }
    }

    /// Joined alone; one queue of each broker; messages 0..<count of the first one are buffered.
    mutating func beginWithRetries(
        brokers: [String] = ["a"], retryOn: [String] = [], messages count: Int64 = 1
    ) {
        self.engine.start(at: self.now)
        self.collect()
        self.answerRoutes(brokers, retryOn: retryOn)
        self.share()
        while let question = self.nextCall(.queryConsumerOffset) {
            self.end(question, Answers.offset(0))
        }
        guard let index = self.pulls.firstIndex(where: { $0.request.queue.topic == "T" }) else {
            Issue.record("nothing is pulled")
            return
        }
        self.end(
            self.pulls.remove(at: index),
            Answers.pulled(.success, next: count, body: Answers.messages(0..<count)))
    }

    /// Routes that come one after the other are shared out with a pause between them.
    mutating func share() {
        for pause in [0, 60] {
            self.advance(to: ms(pause))
            while let beat = self.nextCall(.heartBeat) { self.end(beat, Answers.command(.success)) }
            self.members(["c1"])
        }
    }

    @discardableResult
    mutating func sendBack(
        _ delivery: ConsumerEngine.Delivery?, level: Int32 = 0, _ reason: String = "bad luck"
    ) -> Bool {
        guard let delivery else { return false }
        let isTaken = self.engine.sendBack(
            delivery.message.queueOffset, of: delivery.assignment,
            RetryRequests.Choice(level: level, reason: reason), at: self.now)
        self.collect()
        return isTaken
    }
}

@Suite struct RetryTests {
    @Test("a group with retries subscribes to its retry topic, from the first message on")
    func subscribes() throws {
        var driver = ConsumerDriver { $0.retry = RetryRules() }
        driver.engine.start(at: .zero)
        driver.collect()
        driver.answerRoutes(["a"], retryOn: ["a"])
        let beatCall = driver.nextCall(.heartBeat)
        let beat = try #require(beatCall)
        let data = try HeartbeatData(parsing: beat.command.body)
        #expect(data.consumers.first?.subscriptions.map(\.topic) == ["%RETRY%G", "T"])
        #expect(data.consumers.first?.subscriptions.first?.expression == "*")
        driver.end(beat, Answers.command(.success))
        driver.share()
        for _ in 0..<2 {
            driver.end(driver.nextCall(.queryConsumerOffset), Answers.command(.queryNotFound))
        }
        #expect(driver.nextCall(.getMinOffset)?.command["topic"] == "%RETRY%G")
        #expect(driver.nextCall(.getMaxOffset)?.command["topic"] == "T")
    }

    @Test("what failed goes back to its broker, and only then the offset moves past it")
    func sendsBack() {
        var driver = ConsumerDriver {
            $0.retry = RetryRules()
            $0.retry?.retriesMax = 5
        }
        driver.beginWithRetries()
        let delivery = driver.take()
        #expect(driver.sendBack(delivery, level: 0, "no such account") == true)
        // A second word about the same message changes nothing.
        driver.sendBack(delivery)
        let back = driver.nextCall(.consumerSendMessageBack)
        #expect(driver.nextCall(.consumerSendMessageBack) == nil)
        #expect(back?.address == "a:1")
        #expect(back?.command["group"] == "G")
        #expect(back?.command["delayLevel"] == "0")
        #expect(back?.command["maxReconsumeTimes"] == "5")
        #expect(back?.command["apusError"] == "no such account")
        driver.advance(to: ms(5_000))
        #expect(driver.nextCall(.updateConsumerOffset) == nil)
        driver.end(back, Answers.command(.success))
        driver.advance(to: ms(10_000))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "1")
        #expect(driver.take() == nil)
    }

    @Test("if its broker does not take it, it is sent to the retry topic on another one")
    func fallsBack() throws {
        var driver = ConsumerDriver { $0.retry = RetryRules() }
        driver.beginWithRetries(brokers: ["a", "b"], retryOn: ["a", "b"])
        driver.sendBack(driver.take())
        driver.end(driver.nextCall(.consumerSendMessageBack), Answers.lost)
        let sentCall = driver.nextCall(.sendMessageV2)
        let sent = try #require(sentCall)
        #expect(sent.address == "b:1")
        #expect(sent.command["b"] == "%RETRY%G")
        #expect(sent.command["j"] == "1")
        let properties = MessageProperties(parsing: sent.command["i"] ?? "")
        #expect(properties[PropertyName.retryTopic] == "T")
        #expect(properties[PropertyName.reconsumeTime] == "1")
        #expect(properties[PropertyName.delayLevel] == "3")
        #expect(properties[PropertyName.originMessageID] != nil)
        driver.end(sent, Answers.command(.success))
        driver.advance(to: ms(5_000))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "1")
    }

    @Test("if no broker takes it, it comes again here after five seconds")
    func staysHere() {
        var driver = ConsumerDriver { $0.retry = RetryRules() }
        driver.beginWithRetries()
        driver.sendBack(driver.take())
        driver.end(driver.nextCall(.consumerSendMessageBack), Answers.timedOut)
        driver.end(driver.nextCall(.sendMessageV2), Answers.command(.systemError))
        driver.advance(to: ms(5_059))
        #expect(driver.take() == nil)
        driver.advance(to: ms(5_060))
        let again = driver.take()
        #expect(again?.deliveries == 2)
        // It may be given back again.
        #expect(driver.sendBack(again) == true)
        #expect(driver.nextCall(.consumerSendMessageBack) != nil)
    }

    @Test("a dead letter that its broker does not take is sent as one that was tried too often")
    func deadLetter() throws {
        var driver = ConsumerDriver {
            $0.retry = RetryRules()
            $0.retry?.retriesMax = 16
        }
        driver.beginWithRetries()
        driver.sendBack(driver.take(), level: -1)
        let back = driver.nextCall(.consumerSendMessageBack)
        #expect(back?.command["delayLevel"] == "-1")
        driver.end(back, Answers.refused)
        let sentCall = driver.nextCall(.sendMessageV2)
        let sent = try #require(sentCall)
        let (times, limit) = (sent.command["j"].flatMap(Int.init), sent.command["l"])
        #expect(try #require(times) > Int(try #require(limit)) ?? .max)
    }

    @Test("a retry shows its original topic, and only to its own group")
    func originalTopic() throws {
        var properties = MessageProperties()
        properties[PropertyName.retryTopic] = "T"
        let draft = MessageDraft(
            topic: "%RETRY%G", queueID: 0, bornTimestamp: Timestamp(milliseconds: 1),
            bornHost: .unknown, storeHost: .unknown)
        var bytes: [UInt8] = []
        let text = Array(properties.encoded.utf8)
        Array("body".utf8).withUnsafeBytes { body in
            text.withUnsafeBytes {
                draft.append(
                    to: &bytes, body: body, properties: $0, queueOffset: .zero,
                    physicalOffset: .zero, storeTimestamp: Timestamp(milliseconds: 2))
            }
        }
        for (group, topic) in [("G", "T"), ("H", "%RETRY%G")] {
            let queue = MessageQueue(topic: "%RETRY%G", brokerName: "a", queueID: 0)
            let pull = QueuePull(
                group: group, queue: queue, offset: .zero,
                subscription: SubscriptionData(topic: queue.topic, expression: "*"),
                messagesMax: 1, hold: .zero)
            let answer = PullAnswer(Answers.pulled(.success, next: 1, body: bytes), of: pull)
            guard case .found(let messages, _) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(messages.first?.topic == topic)
            #expect(messages.first?.queue == queue)
        }
    }

    @Test("a message that is handled for too long is given back, whatever becomes of its handler")
    func overdue() {
        var driver = ConsumerDriver {
            $0.retry = RetryRules()
            $0.retry?.handlingMax = .seconds(100)
        }
        driver.beginWithRetries(messages: 2)
        let slow = driver.take()
        driver.advance(to: ms(99_000))
        #expect(driver.nextCall(.consumerSendMessageBack) == nil)
        _ = driver.take()
        driver.advance(to: ms(150_000))
        let back = driver.nextCall(.consumerSendMessageBack)
        #expect(back?.command["delayLevel"] == "3")
        #expect(driver.nextCall(.consumerSendMessageBack) == nil)
        driver.end(back, Answers.command(.success))
        #expect(driver.acknowledge(slow) == false)
        driver.advance(to: ms(160_000))
        #expect(driver.nextCall(.updateConsumerOffset)?.command["commitOffset"] == "1")
    }

    @Test("a message of a queue that was lost meanwhile is nobody's business here")
    func lostQueue() {
        var driver = ConsumerDriver { $0.retry = RetryRules() }
        driver.beginWithRetries()
        driver.sendBack(driver.take())
        let back = driver.nextCall(.consumerSendMessageBack)
        driver.now = ms(500)
        driver.engine.membersChanged(group: "G", at: driver.now)
        driver.collect()
        driver.members(["c0", "c1"])
        #expect(driver.revoked.count == 1)
        driver.end(back, Answers.lost)
        #expect(driver.nextCall(.sendMessageV2) == nil)
    }

    @Test("queues chosen by hand are taken whoever else is there")
    func chosenQueues() {
        let chosen = MessageQueue(topic: "T", brokerName: "a", queueID: 1)
        var driver = ConsumerDriver { $0.allocation = .config([chosen]) }
        driver.join(queues: 3)
        driver.members(["c0", "c1", "c2"])
        #expect(driver.assigned == [chosen])

        var other = ConsumerDriver { $0.queuesByHand = [chosen] }
        other.join(queues: 3)
        #expect(other.nextCall(.getConsumerListByGroup) == nil)
        #expect(other.assigned == [chosen])
    }
}
