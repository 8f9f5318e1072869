import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A group that an operator moves goes on from there, whatever its consumers still commit")
struct ResettingTests {
    /// Ten messages in queue 0, a second apart, and a consumer that has consumed five of them.
    private func bench() -> EngineBench {
        var bench = EngineBench()
        for number in 0..<10 {
            bench.request(Requests.send("m\(number)"))
            bench.settle()
            bench.pass(.seconds(1))
        }
        bench.request(Requests.heartbeat("c"), from: 2)
        bench.request(Requests.commit(5), from: 2)
        bench.settle()
        return bench
    }

    private func reset(
        timestamp: Int64 = -1, queue: Int32? = nil, offset: Int64? = nil, topic: String = "T",
        group: String = "CG"
    ) -> RemotingCommand {
        var command = RemotingCommand.request(
            .invokeBrokerToResetOffset,
            fields: [
                "group": group, "topic": topic, "timestamp": String(timestamp), "isForce": "true",
            ])
        command["queueId"] = queue.map { String($0) }
        command["offset"] = offset.map { String($0) }
        return command
    }

    private func offset(_ bench: inout EngineBench) -> String? {
        let query = bench.request(Requests.queryOffset())
        return bench.field("offset", of: query)
    }

    @Test(
        "to a time, to an offset, to the end",
        arguments: [
            (EngineBench.wall.milliseconds + 3_000, Int32?.none, Int64?.none, Int64(3)),
            (-1, 0, 2, 2), (-1, nil, nil, 10), (0, nil, nil, 0),
        ])
    func targets(timestamp: Int64, queue: Int32?, offset: Int64?, expected: Int64) throws {
        var bench = self.bench()
        let reset = bench.request(self.reset(timestamp: timestamp, queue: queue, offset: offset))
        #expect(bench.answer(to: reset) == nil)
        bench.settle()
        let answer = try #require(bench.answer(to: reset))
        #expect(answer.code == .success)
        let table = try ResetOffsetBody(parsing: answer.body).offsets
        let first = MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)
        #expect(table[first] == expected)
        #expect(self.offset(&bench) == String(expected))
    }

    @Test("a consumer's commits do not count until it has followed; then they do")
    func following() {
        var bench = self.bench()
        bench.request(self.reset(queue: 0, offset: 2))
        bench.settle()
        let stale = bench.request(Requests.commit(7), from: 2)
        #expect(bench.answer(to: stale)?.code == .success)
        #expect(bench.answer(to: stale)?.remark == "Offset has been previously reset")
        let pull = bench.request(Requests.pull(offset: 7), from: 2)
        #expect(bench.answer(to: pull)?.code == .pullOffsetMoved)
        #expect(bench.field("nextBeginOffset", of: pull) == "2")
        #expect(self.offset(&bench) == "2")
        let moved = bench.request(Requests.pull(offset: 2), from: 2)
        #expect(bench.answer(to: moved)?.entries.count == 8)
        bench.request(Requests.commit(7), from: 2)
        bench.settle()
        #expect(self.offset(&bench) == "7")
    }

    @Test("a held pull hears of it at once")
    func held() {
        var bench = self.bench()
        let pull = bench.request(Requests.pull(offset: 10, hold: 15_000), from: 2)
        #expect(bench.answer(to: pull) == nil)
        bench.request(self.reset(queue: 0, offset: 2))
        #expect(bench.answer(to: pull)?.code == .pullOffsetMoved)
        #expect(bench.field("nextBeginOffset", of: pull) == "2")
    }

    @Test("a consumer that does not follow goes its own way in the end")
    func stubborn() {
        var bench = self.bench()
        bench.request(self.reset(queue: 0, offset: 2))
        bench.settle()
        var told = 0
        while told < 100 {
            let pull = bench.request(Requests.pull(offset: 7), from: 2)
            guard bench.answer(to: pull)?.code == .pullOffsetMoved else { break }
            told += 1
        }
        #expect(told == 8)
    }

    @Test("an operator's own commit counts, and ends the reset")
    func seeking() {
        var bench = self.bench()
        bench.request(self.reset(queue: 0, offset: 2))
        bench.settle()
        bench.request(Requests.commit(4), from: 9)
        bench.settle()
        #expect(self.offset(&bench) == "4")
        #expect(bench.engine.delivery.offsets.resetCount == 0)
    }

    @Test("a broker that starts again still knows whom it has to tell")
    func restart() throws {
        var bench = self.bench()
        bench.request(self.reset(queue: 0, offset: 2))
        bench.settle()
        var again = try EngineBench(restarting: bench)
        let pull = again.request(Requests.pull(offset: 7), from: 2)
        #expect(again.answer(to: pull)?.code == .pullOffsetMoved)
        let moved = again.request(Requests.pull(offset: 2), from: 2)
        #expect(again.answer(to: moved)?.code == .success)
        again.settle()
        let third = try EngineBench(restarting: again)
        #expect(third.engine.delivery.offsets.resetCount == 0)
    }

    @Test("a new master knows whom it has to tell")
    func failover() throws {
        var group = GroupBench.inStep([1, 2, 3])
        for _ in 0..<5 { _ = group.request(Requests.send(), at: 1) }
        _ = group.request(Requests.heartbeat("c"), at: 1)
        _ = group.request(Requests.commit(4), at: 1)
        let reset = group.request(self.reset(queue: 0, offset: 2), at: 1)
        #expect(group.code(of: reset, at: 1) == .success)
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.seconds(1))
        let pull = group.request(Requests.pull(offset: 4), at: 2)
        #expect(group.code(of: pull, at: 2) == .pullOffsetMoved)
        let moved = group.request(Requests.pull(offset: 2), at: 2)
        #expect(group.code(of: moved, at: 2) == .success)
        group.pass(.seconds(1))
        #expect(group[3].engine.delivery.offsets.resetCount == 0)
    }

    @Test("unknown topics and groups, offsets outside of the queue: refused, nothing moves")
    func refused() {
        var bench = self.bench()
        for (request, code) in [
            (self.reset(topic: "None"), ResponseCode.topicNotExist),
            (self.reset(group: "nobody"), .subscriptionGroupNotExist),
            (self.reset(queue: 0, offset: 11), .systemError),
            (self.reset(queue: 77, offset: 1), .invalidParameter),
        ] {
            let answer = bench.request(request)
            #expect(bench.answer(to: answer)?.code == code)
        }
        #expect(self.offset(&bench) == "5")
    }

    @Test("a C++ client gets the table in the form that it can read")
    func arrayForm() throws {
        var bench = self.bench()
        var command = self.reset()
        command.language = .cpp
        let reset = bench.request(command)
        bench.settle()
        let body = try #require(bench.answer(to: reset)?.body)
        #expect(try JSONValue(parsing: body)["offsetTable"]?.elements?.isEmpty == false)
    }

    @Test("a group takes over another group's offsets")
    func cloning() {
        var bench = self.bench()
        let clone = bench.request(
            .request(
                .cloneGroupOffset,
                fields: ["srcGroup": "CG", "destGroup": "copy", "topic": "T", "offline": "true"]))
        bench.settle()
        #expect(bench.answer(to: clone)?.code == .success)
        var query = Requests.queryOffset()
        query["consumerGroup"] = "copy"
        let offset = bench.request(query)
        #expect(bench.field("offset", of: offset) == "5")
    }
}

@Suite("Operators ask consumers through their broker")
struct AskingTests {
    @Test("each client's progress is gathered; one that does not answer is left out")
    func status() throws {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"), from: 1)
        bench.request(Requests.heartbeat("c2"), from: 2)
        let asked = bench.request(
            .request(
                .invokeBrokerToGetConsumerStatus, fields: ["group": "CG", "topic": "T"]), from: 3)
        let questions = bench.notified.filter {
            $0.command.code == RequestCode.getConsumerStatusFromClient.rawValue
        }
        #expect(questions.map(\.connection) == [1, 2])
        let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)
        let table = ResetOffsetBody(offsets: [queue: 3]).json["offsetTable"] ?? .null
        let first = try #require(questions.first)
        bench.respond(
            .response(
                .success, to: first.command.opaque,
                body: JSONValue.object([JSONMember("messageQueueTable", table)]).encoded),
            from: 1)
        #expect(bench.answer(to: asked) == nil)
        bench.pass(.seconds(6))
        let body = try JSONValue(parsing: try #require(bench.answer(to: asked)?.body))
        #expect(body["consumerTable"]?.members?.map(\.name) == ["c1"])
    }

    @Test("a client's own account of itself is passed on as it is, or that it gave none")
    func info() {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"), from: 1)
        let question = RemotingCommand.request(
            .getConsumerRunningInfo, fields: ["consumerGroup": "CG", "clientId": "c1"])
        let asked = bench.request(question, from: 3)
        let opaque = bench.notified.last?.command.opaque ?? 0
        bench.respond(.response(.success, to: opaque, body: Array("{}".utf8)), from: 2)
        #expect(bench.answer(to: asked) == nil, "only who was asked may answer")
        bench.respond(.response(.success, to: opaque, body: Array("{}".utf8)), from: 1)
        #expect(bench.answer(to: asked)?.body == Array("{}".utf8))
        let late = bench.request(question, from: 3)
        bench.pass(.seconds(11))
        #expect(bench.answer(to: late)?.code == .consumeMessageTimeout)
    }

    @Test("one consumer is handed a stored message, and what came of it is passed on")
    func handles() throws {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"), from: 1)
        bench.request(Requests.send("work"))
        bench.settle()
        let pull = bench.request(Requests.pull(offset: 0))
        let position = try #require(bench.answer(to: pull)?.entries.first).position
        let id = OffsetMessageID(
            storeHost: HostAddress(ip: [127, 0, 0, 1], port: 10911), physicalOffset: position)
        let command = RemotingCommand.request(
            .consumeMessageDirectly,
            fields: ["clientId": "c1", "consumerGroup": "CG", "msgId": id.text])
        let asked = bench.request(command, from: 3)
        let question = try #require(bench.notified.last)
        #expect(question.connection == 1)
        #expect(question.command.code == RequestCode.consumeMessageDirectly.rawValue)
        question.command.body.withUnsafeBytes { bytes in
            let body = (try? StoredMessageView(bytes)).map { Array($0.body) }
            #expect(body == Array("work".utf8))
        }
        let result = Array(#"{"consumeResult":"CR_SUCCESS"}"#.utf8)
        bench.respond(
            .response(.success, to: question.command.opaque, body: result), from: 1)
        #expect(bench.answer(to: asked)?.body == result)

        var wrong = command
        wrong["clientId"] = "nobody"
        let missing = bench.request(wrong, from: 3)
        #expect(bench.answer(to: missing)?.code == .systemError)
        wrong = command
        wrong["msgId"] = "what"
        let unknown = bench.request(wrong, from: 3)
        #expect(bench.answer(to: unknown)?.code == .systemError)
    }
}
