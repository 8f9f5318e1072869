import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite struct ProducerEngineTests {
    @Test("the first send asks for the route, goes out, and is acknowledged where it was stored")
    func happyPath() {
        var driver = ProducerDriver()
        let id = driver.send()
        #expect(driver.transmissions.isEmpty)
        driver.route(["a"])
        let sent = driver.nextTransmission()
        #expect(sent?.queue == MessageQueue(topic: "T", brokerName: "a", queueID: 0))
        #expect(sent?.address == "a:1")
        guard let sent else { return }
        driver.end(sent, Answers.stored(queue: sent.queue, offset: 7))
        guard case .acknowledged(let acknowledgement, let queue, 1) = driver.results[id] else {
            Issue.record("not acknowledged: \(String(describing: driver.results[id]))")
            return
        }
        #expect(queue == sent.queue)
        #expect(acknowledgement.queueOffset == QueueOffset(7))
        #expect(driver.engine.pendingCount == 0)
    }

    @Test("sends take the queues in turn, and heartbeats go to the masters")
    func roundRobin() {
        var driver = ProducerDriver()
        for _ in 0..<5 { driver.send() }
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.route(["a", "b"]))
        let beats = driver.calls.filter { $0.command.code == RequestCode.heartBeat.rawValue }
        #expect(beats.map(\.address) == ["a:1", "b:1"])
        let queues = driver.transmissions.map { "\($0.queue.brokerName)\($0.queue.queueID)" }
        #expect(queues == ["a0", "a1", "b0", "b1", "a0"])
    }

    @Test("a missing topic is sent to where its template is")
    func template() {
        var driver = ProducerDriver()
        driver.send()
        driver.end(driver.nextCall(), Answers.command(.topicNotExist))
        let lookup = driver.nextCall()
        #expect(lookup?.command["topic"] == "TBW102")
        driver.end(lookup, Answers.route(["a"], queues: 8))
        #expect(driver.transmissions.count == 1)
        let used = (0..<4).map { _ in driver.send() }
        #expect(used.count == 4)
        // The topic will get four queues, however many the template has.
        #expect(Set(driver.transmissions.map(\.queue.queueID)) == [0, 1, 2, 3])
    }

    @Test(
        "a broker that has no such queue: the topic's own route is waited for, not the template's")
    func strayed() {
        var driver = ProducerDriver()
        driver.send()
        driver.end(driver.nextCall(), Answers.command(.topicNotExist))
        driver.end(driver.nextCall(), Answers.route(["a"], queues: 8))
        driver.end(driver.nextTransmission(), Answers.command(.invalidParameter))
        let later = driver.send()
        #expect(driver.transmissions.isEmpty)
        driver.advance(to: ms(60))
        let lookup = driver.nextCall(.getRouteInfoByTopic)
        #expect(lookup?.command["topic"] == "T")
        driver.end(lookup, Answers.command(.topicNotExist))
        #expect(driver.nextCall(.getRouteInfoByTopic) == nil)
        driver.advance(to: ms(300))
        driver.route(["a"], queues: 1)
        #expect(driver.transmissions.map(\.queue.queueID) == [0, 0])
        for sent in driver.transmissions {
            driver.end(sent, Answers.stored(queue: sent.queue, offset: 0))
        }
        for id in [SendID(1), later] {
            guard case .acknowledged? = driver.results[id] else {
                Issue.record("not acknowledged: \(String(describing: driver.results[id]))")
                return
            }
        }
    }

    @Test("a topic that got fewer queues: what the stale route misled is sent again by a newer one")
    func strayedOnOldRoute() {
        var driver = ProducerDriver()
        let id = driver.send()
        driver.route(["a"], queues: 4)
        driver.end(driver.nextTransmission(), Answers.command(.invalidParameter))
        // The name server has not heard of it yet.
        driver.advance(to: ms(100))
        driver.route(["a"], queues: 4)
        driver.end(driver.nextTransmission(), Answers.command(.invalidParameter))
        driver.advance(to: ms(200))
        driver.route(["a"], queues: 1)
        #expect(driver.nextTransmission()?.queue.queueID == 0)
        #expect(driver.results[id] == nil)
    }

    @Test("a queue that the user chose and nobody has, or that stays wrong, is told")
    func strayedForGood() {
        var driver = ProducerDriver()
        let chosen = driver.send(.queue(MessageQueue(topic: "T", brokerName: "a", queueID: 9)))
        driver.route(["a"])
        driver.end(driver.nextTransmission(), Answers.command(.invalidParameter))
        let other = driver.send()
        for step in stride(from: 0, through: 4_000, by: 50) {
            driver.advance(to: ms(step))
            while let call = driver.nextCall() {
                driver.end(
                    call,
                    call.command.code == RequestCode.getRouteInfoByTopic.rawValue
                        ? Answers.route(["a"]) : Answers.command(.success))
            }
            while let sent = driver.nextTransmission() {
                driver.end(sent, Answers.command(.invalidParameter))
            }
        }
        for id in [chosen, other] {
            guard case .failed(let failure) = driver.results[id],
                case .attempt(let attempt) = failure.cause
            else {
                Issue.record("not failed: \(String(describing: driver.results[id]))")
                return
            }
            #expect(attempt.kind == .answered(code: 29))
        }
    }

    @Test("a topic that exists nowhere fails after a short while, saying so")
    func missingTopic() {
        var driver = ProducerDriver()
        let id = driver.send()
        for step in stride(from: 0, through: 4000, by: 50) {
            driver.advance(to: ms(step))
            while let call = driver.nextCall() { driver.end(call, Answers.command(.topicNotExist)) }
        }
        guard case .failed(let failure) = driver.results[id] else {
            Issue.record("not failed")
            return
        }
        #expect(failure.cause == .topicNotFound)
        #expect(!failure.mayHaveBeenStored)
    }

    @Test("another name server is asked when one does not answer; the failure says that none did")
    func nameServers() {
        var driver = ProducerDriver(nameServers: ["n1:1", "n2:1"])
        let id = driver.send()
        #expect(driver.calls.first?.address == "n1:1")
        driver.end(driver.nextCall(), Answers.refused)
        driver.advance(to: ms(150))
        #expect(driver.calls.first?.address == "n2:1")
        driver.end(driver.nextCall(), Answers.refused)
        driver.advance(to: ms(10_000))
        guard case .failed(let failure) = driver.results[id] else {
            Issue.record("not failed")
            return
        }
        #expect(failure.cause == .noNameServer(reason: "test"))
        #expect(failure.isDeadlineOver)
    }

    @Test("a topic whose brokers are all gone has no route, and the wait ends when one is back")
    func brokersGone() {
        var driver = ProducerDriver()
        let lost = driver.send()
        driver.end(driver.nextCall(), Answers.route([]))
        driver.advance(to: ms(10_000))
        guard case .failed(let failure) = driver.results[lost] else {
            Issue.record("not failed")
            return
        }
        #expect(failure.cause == .noRoute)
        driver.send()
        driver.advance(to: ms(10_500))
        driver.calls.removeFirst(max(0, driver.calls.count - 1))
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.route(["a"]))
        #expect(driver.transmissions.count == 1)
    }

    @Test("a refused message goes to another broker at once, and the first one is avoided")
    func anotherBroker() {
        var driver = ProducerDriver()
        let id = driver.send()
        driver.route(["a", "b"])
        let first = driver.nextTransmission()
        #expect(first?.address == "a:1")
        driver.now = ms(1)
        driver.end(first, Answers.refused)
        let second = driver.nextTransmission()
        #expect(second?.address == "b:1")
        #expect(second?.attempt == 2)
        for _ in 0..<4 { driver.send() }
        #expect(Set(driver.transmissions.map(\.address)) == ["b:1"])
        guard let second else { return }
        driver.end(second, Answers.stored(queue: second.queue, offset: 0))
        guard case .acknowledged(_, _, attempts: 2) = driver.results[id] else {
            Issue.record("not acknowledged")
            return
        }
    }

    @Test("the only broker is tried again after pauses, until it is back")
    func onlyBroker() {
        var driver = ProducerDriver()
        let id = driver.send()
        driver.route(["a"])
        var attempts = 0
        for step in 0..<2000 where driver.results[id] == nil {
            driver.advance(to: ms(step))
            while let sent = driver.nextTransmission() {
                attempts += 1
                let isBack = step > 1000
                driver.end(
                    sent,
                    isBack ? Answers.stored(queue: sent.queue, offset: 0) : Answers.refused)
            }
        }
        guard case .acknowledged = driver.results[id] else {
            Issue.record("not acknowledged after \(attempts) attempts")
            return
        }
        #expect((3...12).contains(attempts))
    }

    @Test(
        "a failure says whether the message may be stored",
        arguments: [
            (["refused"], false), (["timedOut"], true), (["timedOut", "refused"], true),
            (["refused", "lost", "refused"], true),
        ])
    func mayHaveBeenStored(outcomes: [String], expected: Bool) {
        var driver = ProducerDriver { $0.policy.attemptsMax = outcomes.count }
        let id = driver.send()
        driver.route(["a", "b"])
        let answers = [
            "refused": Answers.refused, "timedOut": Answers.timedOut, "lost": Answers.lost,
        ]
        for (step, outcome) in outcomes.enumerated() {
            driver.advance(to: ms(step * 1000))
            driver.end(driver.nextTransmission(), answers[outcome]!)
        }
        guard case .failed(let failure) = driver.results[id] else {
            Issue.record("not failed")
            return
        }
        #expect(failure.mayHaveBeenStored == expected)
        #expect(failure.attempts == outcomes.count)
    }

    @Test("an illegal message is not tried again")
    func illegal() {
        var driver = ProducerDriver()
        let id = driver.send()
        driver.route(["a", "b"])
        driver.end(driver.nextTransmission(), Answers.command(.messageIllegal))
        guard case .failed(let failure) = driver.results[id] else {
            Issue.record("not failed")
            return
        }
        #expect(failure.attempts == 1)
        #expect(!failure.mayHaveBeenStored)
    }

    @Test("a chosen queue and a sharding key stay where they are")
    func placement() {
        var driver = ProducerDriver()
        let queue = MessageQueue(topic: "T", brokerName: "b", queueID: 1)
        driver.send(.queue(queue))
        driver.route(["a", "b"])
        for step in 1...3 {
            let sent = driver.nextTransmission()
            #expect(sent?.queue == queue)
            driver.end(sent, Answers.refused)
            driver.advance(to: ms(step * 600))
        }
        driver.transmissions.removeAll()
        for _ in 0..<5 { driver.send(.key("order-1")) }
        #expect(Set(driver.transmissions.map(\.queue)).count == 1)
    }

    @Test("a sharding key keeps its queue while its broker has no master")
    func keyWithoutMaster() {
        var driver = ProducerDriver()
        driver.send(.key("order-1"))
        driver.route(["a", "b"])
        guard let first = driver.nextTransmission() else { return }
        driver.end(first, Answers.refused)
        let orphan = first.queue.brokerName
        driver.advance(to: ms(600))
        driver.end(
            driver.nextCall(.getRouteInfoByTopic), Answers.route(["a", "b"], without: [orphan]))
        driver.transmissions.removeAll()
        let id = driver.send(.key("order-1"))
        #expect(driver.transmissions.isEmpty)
        #expect(driver.results[id] == nil)
        driver.advance(to: ms(3_000))
        driver.route(["a", "b"])
        #expect(!driver.transmissions.isEmpty)
        #expect(driver.transmissions.allSatisfy { $0.queue == first.queue })
    }

    @Test("an answer to an attempt that was given up changes nothing")
    func lateAnswer() {
        var driver = ProducerDriver()
        let id = driver.send()
        driver.route(["a", "b"])
        let first = driver.nextTransmission()
        driver.now = ms(3000)
        driver.end(first, Answers.timedOut)
        guard let first, let second = driver.nextTransmission() else {
            Issue.record("no second attempt")
            return
        }
        driver.end(first, Answers.stored(queue: first.queue, offset: 1))
        #expect(driver.results[id] == nil)
        driver.end(second, Answers.stored(queue: second.queue, offset: 2))
        guard case .acknowledged(_, second.queue, 2) = driver.results[id] else {
            Issue.record("not acknowledged by the second attempt")
            return
        }
    }

    @Test("a lost broker makes the producer ask for the route again, but not without end")
    func refreshesRoute() {
        var driver = ProducerDriver()
        driver.send()
        driver.route(["a"])
        var lookups = 0
        for step in 1..<1000 {
            driver.advance(to: ms(step))
            while let sent = driver.nextTransmission() { driver.end(sent, Answers.refused) }
            while let call = driver.nextCall(.getRouteInfoByTopic) {
                lookups += 1
                driver.end(call, Answers.route(["a"]))
            }
        }
        #expect((3...20).contains(lookups))
    }

    @Test("closing fails what waits, says goodbye, and accepts nothing more")
    func close() {
        var driver = ProducerDriver()
        let inFlight = driver.send()
        driver.route(["a"])
        let unrouted = driver.send(topic: "U")
        driver.engine.close(at: driver.now)
        driver.collect()
        let late = driver.send()
        for (id, mayBeStored) in [(inFlight, true), (unrouted, false), (late, false)] {
            guard case .failed(let failure) = driver.results[id] else {
                Issue.record("send \(id) has no result")
                continue
            }
            #expect(failure.cause == .closed)
            #expect(failure.mayHaveBeenStored == mayBeStored)
        }
        let goodbyes = driver.calls.filter {
            $0.command.code == RequestCode.unregisterClient.rawValue
        }
        #expect(goodbyes.map(\.address) == ["a:1"])
        #expect(driver.engine.nextWakeAt == nil)
    }
}

extension ProducerEngineTests {
    @Test("sends that fail together ask for the route once")
    func oneLookup() {
        var driver = ProducerDriver { $0.policy.attemptsMax = 1 }
        for _ in 0..<10 { driver.send() }
        driver.route(["a"])
        driver.now = ms(500)
        var lookups = 0
        for step in 0..<50 {
            driver.advance(to: ms(500 + step))
            if step < 10 { driver.end(driver.nextTransmission(), Answers.refused) }
            while let call = driver.nextCall(.getRouteInfoByTopic) {
                lookups += 1
                driver.end(call, Answers.route(["a"]))
            }
        }
        #expect(lookups == 1)
    }
}

@Suite struct SendCommandTests {
    let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 3)

    @Test("a message travels under the wire's short names")
    func single() {
        var properties = MessageProperties()
        properties[PropertyName.tags] = "A"
        let message = OutgoingMessage(
            body: [1, 2], properties: properties, uniqueKey: "u", flag: 9)
        let command = SendCommand.command(
            OutgoingSend(topic: "T", messages: [message]), to: self.queue, group: "P",
            at: Timestamp(milliseconds: 5))
        #expect(command.code == 310)
        let fields = Dictionary(uniqueKeysWithValues: command.fields.map { ($0.name, $0.value) })
        #expect(
            fields == [
                "a": "P", "b": "T", "c": "TBW102", "d": "4", "e": "3", "f": "0", "g": "5",
                "h": "9", "i": "TAGS\u{1}A\u{2}UNIQ_KEY\u{1}u\u{2}", "j": "0", "k": "false",
                "m": "false",
            ])
        #expect(command.body == [1, 2])
    }

    @Test("a batch carries its members' properties inside")
    func batch() throws {
        let messages = (0..<3).map {
            OutgoingMessage(body: [$0], properties: MessageProperties(), uniqueKey: "u\($0)")
        }
        let command = SendCommand.command(
            OutgoingSend(topic: "T", messages: messages, isBatch: true), to: self.queue,
            group: "P", at: Timestamp(milliseconds: 5))
        #expect(command.code == 320)
        #expect(command["m"] == "true")
        let members = try command.body.withUnsafeBytes { bytes in
            try MessageBatch.members(of: bytes).map {
                (Array($0.body), MessageProperties(parsing: $0.properties)["UNIQ_KEY"])
            }
        }
        #expect(members.map(\.0) == [[0], [1], [2]])
        #expect(members.map(\.1) == ["u0", "u1", "u2"])
    }
}
