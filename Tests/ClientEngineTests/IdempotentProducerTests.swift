import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("An idempotent producer")
struct IdempotentProducerTests {
    private func driver(
        _ change: (inout ProducerEngine.Configuration) -> Void = { _ in }
    ) -> ProducerDriver {
        ProducerDriver {
            $0.session = "s"
            $0.isIdempotent = true
            change(&$0)
        }
    }

    private func stamp(_ transmission: Transmission?) -> SequenceStamp? {
        transmission.flatMap { sent in
            sent.stamped(sent.send).messages.first.flatMap { SequenceStamp($0.properties) }
        }
    }

    @Test("repeats a message that may be stored to its own queue, with its number")
    func sameQueue() {
        var driver = self.driver()
        driver.send()
        driver.route(["a", "b"])
        let first = driver.nextTransmission()
        driver.end(first, Answers.timedOut)
        driver.advance(to: ms(100))
        let second = driver.nextTransmission()
        #expect(second?.queue == first?.queue, "elsewhere nobody would recognize it")
        #expect(self.stamp(first)?.number == 1 && self.stamp(second)?.number == 1)
        #expect(second?.stamps?.done == 0)
    }

    @Test("a message that certainly is stored nowhere goes to another broker")
    func free() {
        var driver = self.driver()
        driver.send()
        driver.route(["a", "b"])
        let first = driver.nextTransmission()
        driver.end(first, Answers.refused)
        let second = driver.nextTransmission()
        #expect(second?.queue.brokerName == "b")
        #expect(self.stamp(second)?.number == 1, "numbers belong to queues")
    }

    @Test("a message that may be stored waits for its broker's new master, and goes there at once")
    func newMaster() {
        var driver = self.driver()
        let id = driver.send()
        driver.route(["a", "b"])
        let first = driver.nextTransmission()
        driver.end(first, Answers.lost)
        driver.advance(to: ms(60))
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.route(["b"]))
        driver.advance(to: ms(700))
        driver.transmissions = []
        driver.advance(to: ms(800))
        #expect(driver.transmissions.isEmpty, "broker a is not there")
        driver.end(
            driver.nextCall(.getRouteInfoByTopic),
            Answers.route(["a", "b"], masterOf: ["a": "a:2"]))
        let second = driver.nextTransmission()
        #expect(second?.address == "a:2" && second?.queue == first?.queue)
        guard let second else { return }
        driver.end(second, Answers.stored(queue: second.queue, offset: 0))
        guard case .acknowledged = driver.results[id] else {
            Issue.record("not acknowledged")
            return
        }
        driver.send(.queue(second.queue))
        #expect(driver.nextTransmission()?.stamps?.done == 1, "the broker may forget number 1")
    }

    @Test("a queue whose window is full is left to those that wait for it, in their order")
    func fullWindow() {
        var driver = self.driver { $0.numbering.windowMax = 2 }
        let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 0)
        let ids = (0..<5).map { _ in driver.send(.queue(queue)) }
        driver.route(["a"])
        let sent = driver.transmissions
        #expect(sent.map(\.id) == Array(ids[..<2]))
        driver.transmissions = []
        driver.end(sent[0], Answers.stored(queue: queue, offset: 0))
        #expect(driver.transmissions.map(\.id) == [ids[2]])
        let late = driver.send(.queue(queue))
        driver.end(sent[1], Answers.stored(queue: queue, offset: 1))
        #expect(driver.transmissions.map(\.id) == [ids[2], ids[3]], "nobody overtakes")
        var offset: Int64 = 2
        while let next = driver.nextTransmission() {
            driver.end(next, Answers.stored(queue: queue, offset: offset))
            offset += 1
        }
        #expect(driver.results.count == 6 && driver.results[late] != nil)
        #expect(driver.engine.pendingCount == 0)
    }

    @Test("a batch that needs more numbers than there are is not overtaken by what would fit")
    func batchWaits() {
        var driver = self.driver { $0.numbering.windowMax = 2 }
        let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 0)
        driver.send(.queue(queue))
        driver.route(["a"])
        let first = driver.nextTransmission()
        let batch = (0..<2).map {
            OutgoingMessage(body: [1], properties: MessageProperties(), uniqueKey: "b\($0)")
        }
        driver.engine.send(
            OutgoingSend(topic: "T", messages: batch, isBatch: true, placement: .queue(queue)),
            as: SendID(100), at: driver.now)
        driver.collect()
        let late = driver.send(.queue(queue))
        #expect(driver.transmissions.isEmpty)
        driver.end(first, Answers.stored(queue: queue, offset: 0))
        #expect(driver.transmissions.map(\.id) == [SendID(100)])
        #expect(driver.transmissions.first?.stamps?.numbers == 2...3)
        driver.end(driver.nextTransmission(), Answers.stored(queue: queue, offset: 1))
        #expect(driver.transmissions.map(\.id) == [late])
    }

    @Test("messages that may go anywhere pass by a full queue; who waits too long fails")
    func deadline() {
        var driver = self.driver { $0.numbering.windowMax = 1 }
        driver.send()
        driver.route(["a"], queues: 2)
        driver.send()
        #expect(Set(driver.transmissions.map(\.queue.queueID)) == [0, 1])
        let stuck = driver.send()
        driver.advance(to: ms(10_000))
        guard case .failed(let failure)? = driver.results[stuck] else {
            Issue.record("waits for ever")
            return
        }
        #expect(!failure.mayHaveBeenStored && failure.attempts == 0)
    }

    @Test("what becomes visible later or never is numbered apart, and promises readers nothing")
    func hidden() {
        var driver = self.driver()
        let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 0)
        driver.send(.queue(queue))
        driver.send(.queue(queue), kind: .half)
        driver.send(.queue(queue), kind: .delayed)
        driver.send(.queue(queue))
        driver.route(["a"])
        let properties = driver.transmissions.map { $0.stamped($0.send).messages[0].properties }
        #expect(properties.map { $0["APUS_SEQ_PRODUCER"] } == ["s.1", "s-h.1", "s-h.1", "s.1"])
        #expect(properties.map { $0["APUS_SEQ"] } == ["1", "1", "2", "2"])
        #expect(properties.map { $0["APUS_SEQ_DONE"] } == ["0", "0", "0", "0"])
        #expect(properties.map { $0["APUS_SEQ_DECIDED"] != nil } == [true, false, false, true])
    }

    @Test("one that is not idempotent numbers half messages only")
    func off() {
        var driver = ProducerDriver { $0.session = "s" }
        for kind in [OutgoingSend.Kind.plain, .delayed, .half] { driver.send(kind: kind) }
        driver.route(["a"])
        #expect(driver.transmissions.map { $0.stamps != nil } == [false, false, true])
        #expect(
            driver.transmissions.map { $0.stamped($0.send) === $0.send } == [true, true, false])
    }
}
