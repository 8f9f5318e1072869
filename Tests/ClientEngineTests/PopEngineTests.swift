import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A pop consumer")
struct PopEngineTests {
    @Test("is known to a broker before it asks it, and every broker is asked")
    func ask() {
        var driver = PopDriver()
        driver.receive(max: 7, invisible: .seconds(9), wait: .seconds(5))
        driver.route(["a", "b"])
        let codes = driver.calls.map(\.command.code)
        let pop = RequestCode.popMessage.rawValue
        #expect(codes == [34, 34, pop, pop])
        let asked = driver.nextCall(.popMessage, to: "a:1")?.command
        #expect(asked?["maxMsgNums"] == "7" && asked?["invisibleTime"] == "9000")
        #expect(asked?["pollTime"] == "5000" && asked?["queueId"] == "-1")
        #expect(asked?["consumerGroup"] == "G" && asked?["initMode"] == "1")
    }

    @Test(
        "says whether its messages are others' when its connection closes",
        arguments: [true, false])
    func returnsOnClose(returns: Bool) {
        var driver = PopDriver(returnsOnClose: returns)
        driver.receive()
        driver.route(["a"])
        let asked = driver.nextCall(.popMessage)?.command
        #expect(asked?["apusReturnOnClose"] == (returns ? "true" : nil))
    }

    @Test("gives out what came first; what comes later waits for the next who asks")
    func twoBrokers() {
        var driver = PopDriver()
        let first = driver.receive()
        driver.route(["a", "b"])
        driver.end(driver.nextCall(.popMessage, to: "a:1"), driver.popped([3, 4]))
        #expect(driver.offsets(first) == [3, 4])
        driver.end(driver.nextCall(.popMessage, to: "b:1"), driver.popped([8]))
        let second = driver.receive()
        #expect(driver.offsets(second) == [8])
        #expect(driver.calls.allSatisfy { $0.command.code != RequestCode.popMessage.rawValue })
    }

    @Test("what has waited for half of its time is left to come again")
    func stale() {
        var driver = PopDriver()
        driver.receive()
        driver.route(["a", "b"])
        driver.end(driver.nextCall(.popMessage, to: "a:1"), driver.popped([3]))
        driver.end(driver.nextCall(.popMessage, to: "b:1"), driver.popped([8], invisible: 4_000))
        driver.advance(to: 2_001)
        let second = driver.receive()
        #expect(driver.received[second] == nil, "nothing but what is nearly over")
        driver.end(driver.nextCall(.popMessage, to: "b:1"), driver.popped([9]))
        #expect(driver.offsets(second) == [9])
    }

    @Test("asks again until the wait is over, and then goes with nothing")
    func nothing() {
        var driver = PopDriver()
        let id = driver.receive(wait: .seconds(2))
        driver.route(["a"])
        var polls = 0
        for step in stride(from: 0, through: 2_500, by: 10) {
            driver.advance(to: step)
            while let call = driver.nextCall(.popMessage) {
                polls += 1
                driver.end(call, Answers.command(.pollingTimeout))
            }
            if step < 2_000 { #expect(driver.received[id] == nil) }
        }
        #expect(driver.offsets(id) == [])
        #expect((10...110).contains(polls), "a broker that holds nothing is not asked without end")
    }

    @Test("who does not wait is told as soon as everybody has answered")
    func noWait() {
        var driver = PopDriver()
        let id = driver.receive(wait: .zero)
        driver.route(["a", "b"])
        driver.end(driver.nextCall(.popMessage, to: "a:1"), Answers.command(.pollingTimeout))
        #expect(driver.received[id] == nil)
        driver.end(driver.nextCall(.popMessage, to: "b:1"), Answers.command(.pollingTimeout))
        #expect(driver.offsets(id) == [])
        let pops = driver.calls.filter { $0.command.code == RequestCode.popMessage.rawValue }
        #expect(pops.isEmpty, "once is enough")
    }

    @Test("a failure is told only if nobody answered well")
    func failure() {
        var driver = PopDriver()
        let id = driver.receive(wait: .milliseconds(100))
        driver.route(["a"])
        driver.end(
            driver.nextCall(.popMessage), Answers.command(.subscriptionGroupNotExist))
        driver.advance(to: 100)
        driver.end(
            driver.nextCall(.popMessage), Answers.command(.subscriptionGroupNotExist))
        driver.advance(to: 120)
        guard case .failure(let failure)? = driver.received[id],
            case .attempt(let attempt) = failure.cause
        else {
            Issue.record("no failure: \(String(describing: driver.received[id]))")
            return
        }
        #expect(attempt.kind == .answered(code: 26) && failure.place == "a")
    }

    @Test("a topic that nobody knows is named")
    func noTopic() {
        var driver = PopDriver()
        let id = driver.receive(wait: .milliseconds(100))
        driver.end(driver.nextCall(.getRouteInfoByTopic), Answers.command(.topicNotExist))
        driver.advance(to: 100)
        guard case .failure(let failure)? = driver.received[id] else {
            Issue.record("no failure")
            return
        }
        #expect(failure.cause == .topicNotFound && failure.place == "T")
    }

    @Test("goes on at the new master, which hears of it first")
    func failover() {
        var driver = PopDriver()
        let id = driver.receive()
        driver.route(["a"])
        driver.end(driver.nextCall(.popMessage), Answers.lost)
        driver.calls = []
        driver.advance(to: 60)
        driver.calls.removeAll { $0.command.code == RequestCode.popMessage.rawValue }
        driver.route(["a"], masterOf: ["a": "a:2"])
        let after = driver.calls.filter { $0.address == "a:2" }
        #expect(after.map(\.command.code).prefix(2) == [34, RequestCode.popMessage.rawValue])
        driver.end(driver.nextCall(.popMessage, to: "a:2"), driver.popped([1]))
        #expect(driver.offsets(id) == [1])
    }

    @Test("what only shares its tag's hash is acknowledged, and nobody sees it")
    func filtered() {
        var driver = PopDriver(tags: "A")
        let id = driver.receive()
        driver.route(["a"])
        driver.end(driver.nextCall(.popMessage), driver.popped([1, 2], tag: "B"))
        #expect(driver.received[id] == nil)
        #expect(driver.nextCall(.batchAckMessage) != nil)
    }

    @Test("after the end nobody is served")
    func close() {
        var driver = PopDriver()
        let id = driver.receive()
        driver.route(["a"])
        driver.engine.close(at: driver.now.tick)
        driver.collect()
        guard case .failure(let failure)? = driver.received[id] else {
            Issue.record("no failure")
            return
        }
        #expect(failure.cause == .closed && !driver.isClosed)
        driver.end(driver.nextCall(.unregisterClient), Answers.command(.success))
        #expect(driver.isClosed && driver.engine.nextWakeAt == nil)
    }
}

@Suite("What a pop consumer says of messages")
struct PopSettlementTests {
    private func popped(_ driver: inout PopDriver, _ offsets: [Int64]) -> [PopTicket] {
        let id = driver.receive()
        driver.route(["a"])
        driver.end(driver.nextCall(.popMessage), driver.popped(offsets))
        return driver.messages(id)?.map(\.ticket) ?? []
    }

    @Test("one acknowledgement shows the handle; several share a request")
    func acknowledge() throws {
        var driver = PopDriver()
        let tickets = self.popped(&driver, [100, 103, 109])
        try #require(tickets.count == 3)
        let one = driver.settle(.acknowledge([tickets[1]]))
        let call = driver.nextCall(.ackMessage)
        #expect(call?.command["extraInfo"] == "100 1000000 60000 2 0 a 0 103")
        #expect(call?.command["offset"] == "103" && call?.command["topic"] == "T")
        driver.end(call, Answers.command(.success))
        #expect(driver.settled[one] == .success(nil))
        _ = driver.settle(.acknowledge(tickets))
        let body = driver.nextCall(.batchAckMessage)?.command.body ?? []
        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"acks":[{"b":"CQI=","c":"G","it":60000,"pt":1000000,"q":0,"r":"0","rq":2,"#
                + #""so":100,"t":"T"}],"brokerName":"a"}"#)
    }

    @Test("a message that came from the retry topic is acknowledged there")
    func retry() {
        let ticket = PopTicket("5 1000000 60000 2 1 a 0 7", topic: "T", group: "G")
        let command = ticket.map { PopSettlement.acknowledge([$0]).command(group: "G") }
        #expect(command?["topic"] == "%RETRY%G_T")
        #expect(command?["extraInfo"] == "5 1000000 60000 2 1 a 0 7")
        #expect(PopTicket("5 x 60000 2 1 a 0 7", topic: "T", group: "G") == nil)
        #expect(PopTicket("5 6", topic: "T", group: "G") == nil)
    }

    @Test("a new invisible time gives a new handle")
    func hide() throws {
        var driver = PopDriver()
        let ticket = try #require(self.popped(&driver, [4, 5]).last)
        let id = driver.settle(.hide(ticket, milliseconds: 500))
        let call = driver.nextCall(.changeMessageInvisibleTime)
        #expect(call?.command["invisibleTime"] == "500")
        driver.end(
            call,
            Answers.command(
                .success,
                fields: ["invisibleTime": "500", "popTime": "1000077", "reviveQid": "3"]))
        #expect(try driver.settled[id]?.get()?.text == "5 1000077 500 3 0 a 0 5")
    }

    @Test("is said again, to the new master, until it is confirmed")
    func failover() throws {
        var driver = PopDriver()
        let ticket = try #require(self.popped(&driver, [4]).last)
        let id = driver.settle(.acknowledge([ticket]))
        driver.end(driver.nextCall(.ackMessage), Answers.lost)
        driver.advance(to: 60)
        driver.end(driver.nextCall(.ackMessage), Answers.command(.slaveNotAvailable))
        driver.route(["a"], masterOf: ["a": "a:2"])
        driver.advance(to: 200)
        let again = driver.nextCall(.ackMessage)
        #expect(again?.address == "a:2")
        driver.end(again, Answers.command(.success))
        #expect(driver.settled[id] == .success(nil))
    }

    @Test("a refusal is told at once, silence when the time is over")
    func failures() throws {
        var driver = PopDriver()
        let ticket = try #require(self.popped(&driver, [4]).last)
        let refused = driver.settle(.acknowledge([ticket]))
        driver.end(driver.nextCall(.ackMessage), Answers.command(.noMessage))
        let silent = driver.settle(.acknowledge([ticket]))
        for step in stride(from: 0, through: 10_000, by: 100) {
            driver.advance(to: step)
            while let call = driver.nextCall(.ackMessage) { driver.end(call, Answers.timedOut) }
        }
        for (id, kind) in [
            (refused, AttemptFailure.Kind.answered(code: 208)), (silent, .timedOut),
        ] {
            guard case .failure(let failure)? = driver.settled[id],
                case .attempt(let attempt) = failure.cause
            else {
                Issue.record("\(kind): no failure")
                continue
            }
            #expect(attempt.kind == kind)
        }
    }

    @Test("the table of delays ends with two hours, again and again")
    func delays() {
        let delays = [0, 1, 15, 16, 99].map { PopRetry.delay(after: $0, of: PopRetry.delays) }
        #expect(delays == [10, 30, 7200, 7200, 7200].map { .seconds($0) })
    }
}
