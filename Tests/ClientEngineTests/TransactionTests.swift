import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A producer's transactions")
struct TransactionTests {
    private func end(_ id: String, _ verdict: TransactionVerdict = .commit) -> EndTransaction? {
        EndTransaction(
            of: SendAcknowledgement(
                offsetMessageID: "7F00000100002A9F0000000000000123", queueID: 0,
                queueOffset: QueueOffset(7)),
            messageID: id, topic: "T", group: "P", verdict: verdict)
    }

    /// A producer that knows where the topic is, and has begun a transaction.
    private func begun(_ id: String = "m") -> ProducerDriver {
        var driver = ProducerDriver()
        driver.engine.beginTransaction(id)
        driver.engine.prepare("T", at: driver.now)
        driver.collect()
        driver.route(["a", "b"])
        return driver
    }

    private func decide(_ driver: inout ProducerDriver, _ end: EndTransaction?) {
        guard let end else {
            Issue.record("the acknowledgement names no place")
            return
        }
        driver.engine.endTransaction(end, at: "a", driver.now)
        driver.collect()
    }

    @Test("the outcome goes to the master that holds the half message, by its place in the log")
    func commit() {
        var driver = self.begun()
        self.decide(&driver, self.end("m"))
        let call = driver.nextCall(.endTransaction)
        #expect(call?.address == "a:1")
        #expect(call?.command["commitLogOffset"] == String(0x123))
        #expect(call?.command["tranStateTableOffset"] == "7")
        #expect(call?.command["commitOrRollback"] == "8")
        #expect(call?.command["msgId"] == "m" && call?.command["producerGroup"] == "P")
        #expect(call?.command.isOneWay == false, "its answer is worth having")
        driver.end(call, Answers.command(.success))
        #expect(driver.ended["m"] == .confirmed)
    }

    @Test("an outcome that nobody confirmed is said to the new master at once")
    func failover() {
        var driver = self.begun()
        self.decide(&driver, self.end("m", .rollback))
        let lost = driver.nextCall(.endTransaction)
        driver.advance(to: ms(2_000))
        driver.end(
            driver.nextCall(.getRouteInfoByTopic),
            Answers.route(["a", "b"], masterOf: ["a": "a:2"]))
        let again = driver.nextCall(.endTransaction)
        #expect(again?.address == "a:2")
        #expect(again?.command["commitOrRollback"] == "12")
        driver.end(lost, Answers.lost)
        #expect(driver.ended.isEmpty, "the old master's end is no news")
        driver.end(again, Answers.command(.success))
        #expect(driver.ended["m"] == .confirmed)
    }

    @Test(
        "what a broker answers decides whether it is asked again",
        arguments: [
            (ResponseCode.slaveNotAvailable, true), (.systemBusy, true), (.systemError, true),
            (.illegalOperation, false),
        ])
    func answers(code: ResponseCode, isRepeated: Bool) {
        var driver = self.begun()
        self.decide(&driver, self.end("m"))
        driver.end(driver.nextCall(.endTransaction), Answers.command(code))
        driver.advance(to: ms(200))
        #expect((driver.nextCall(.endTransaction) != nil) == isRepeated)
        #expect((driver.ended["m"] != nil) == !isRepeated)
    }

    @Test("a broker that always refuses is left alone, and so is one that never answers")
    func bounded() {
        for answer in [Answers.command(.systemError), Answers.timedOut] {
            var driver = self.begun()
            self.decide(&driver, self.end("m"))
            var calls = 0
            for step in 0..<700 {
                driver.advance(to: ms(step * 100))
                while let call = driver.nextCall(.endTransaction) {
                    calls += 1
                    driver.end(call, answer)
                }
            }
            #expect((2...60).contains(calls))
            #expect(driver.ended["m"] != nil && driver.ended["m"] != .confirmed)
        }
    }

    @Test("a question is answered with what is known; who still works is not disturbed")
    func knowledge() {
        var driver = self.begun()
        #expect(driver.engine.knowledge(ofTransaction: "m") == .underWay)
        #expect(driver.engine.knowledge(ofTransaction: "other") == .unknown)
        self.decide(&driver, self.end("m", .rollback))
        #expect(driver.engine.knowledge(ofTransaction: "m") == .decided(.rollback))
        driver.engine.beginTransaction("n")
        driver.engine.leaveOpen("n")
        #expect(driver.engine.knowledge(ofTransaction: "n") == .unknown, "the checker must know")
        driver.engine.checked("n", .unknown)
        #expect(driver.engine.knowledge(ofTransaction: "n") == .unknown)
        driver.engine.checked("n", .commit)
        #expect(driver.engine.knowledge(ofTransaction: "n") == .decided(.commit))
    }

    @Test("only so many outcomes are remembered")
    func memory() {
        var driver = ProducerDriver { $0.transactions.rememberedMax = 10 }
        for number in 0..<100 { driver.engine.checked("\(number)", .commit) }
        let known = (0..<100).filter {
            driver.engine.knowledge(ofTransaction: "\($0)") != .unknown
        }
        #expect(known == Array(90..<100))
    }

    @Test("whoever waits when the producer closes hears that nothing is confirmed")
    func close() {
        var driver = self.begun()
        self.decide(&driver, self.end("m"))
        driver.engine.close(at: driver.now)
        driver.collect()
        #expect(driver.ended["m"] == .unconfirmed)
        self.decide(&driver, self.end("late"))
        #expect(driver.ended["late"] == .unconfirmed)
    }

    @Test("a half message says what it is; the answer to a question names what was asked")
    func wire() throws {
        let half = SendCommand.command(
            OutgoingSend(
                topic: "T",
                messages: [
                    OutgoingMessage(body: [1], properties: MessageProperties(), uniqueKey: "u")
                ], kind: .half), to: MessageQueue(topic: "T", brokerName: "a", queueID: 0),
            group: "P", at: Timestamp(milliseconds: 5))
        #expect(half["f"] == "4")
        let asked = try ReceivedCommand(
            receiving: .request(
                .checkTransactionState,
                fields: [
                    "commitLogOffset": "99", "msgId": "u", "tranStateTableOffset": "3",
                    "transactionId": "u",
                ], body: Answers.messages([5])))
        let check = try TransactionCheck(asked)
        #expect(check.message.body == Array("m5".utf8))
        let answer = check.answer(.commit, group: "P").command
        #expect(answer["commitLogOffset"] == "99" && answer["tranStateTableOffset"] == "3")
        #expect(answer["fromTransactionCheck"] == "true" && answer.isOneWay)
        #expect(throws: TransactionCheckError.self) {
            try TransactionCheck(
                ReceivedCommand(receiving: .request(.checkTransactionState)))
        }
    }
}
