import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

/// What a transactional producer sends, and what the broker says to it.
enum Transactional {
    static func half(
        _ body: String, key: String = "K1", group: String = "PG", queue: Int32 = 1,
        properties: String = ""
    ) -> RemotingCommand {
        var send = Requests.send(
            body, queue: queue,
            properties: "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}\(group)\u{2}UNIQ_KEY\u{1}\(key)\u{2}"
                + properties)
        send["f"] = "4"
        return send
    }

    /// `code`: 8 commits, 12 rolls back, 0 says nothing.
    static func end(
        _ code: Int, offset: Int64, position: Int64, group: String = "PG", isFromCheck: Bool = false
    ) -> RemotingCommand {
        .request(
            .endTransaction,
            fields: [
                "topic": "T", "producerGroup": group, "tranStateTableOffset": String(offset),
                "commitLogOffset": String(position), "commitOrRollback": String(code),
                "fromTransactionCheck": isFromCheck ? "true" : "false", "msgId": "K1",
            ])
    }

    static func end(
        _ code: Int, _ half: HalfMessage, group: String = "PG", isFromCheck: Bool = false
    ) -> RemotingCommand {
        Self.end(
            code, offset: half.offset.value, position: half.position.bytes, group: group,
            isFromCheck: isFromCheck)
    }

    static func heartbeat(_ clientID: String, group: String = "PG") -> RemotingCommand {
        let data = HeartbeatData(clientID: clientID, producers: [group], consumers: [])
        return .request(.heartBeat, body: data.encoded)
    }
}

extension EngineBench {
    var openHalves: [HalfMessage] {
        self.engine.delivery.transactions.table.list(countMax: 100).map(\.half)
    }

    /// What consumers of a queue can see.
    mutating func bodies(_ topic: String = "T", queue: Int32 = 1) -> [String] {
        let pull = self.request(Requests.pull(topic: topic, queue: queue, offset: 0))
        return self.messages(of: pull) { String(decoding: $0.body, as: UTF8.self) }
    }

    /// Connections that were asked about half messages since the start, with the questions.
    var questions: [(connection: UInt64, command: RemotingCommand)] {
        self.others.compactMap { effect in
            guard case .notify(let connection, let command) = effect,
                command.code == RequestCode.checkTransactionState.rawValue
            else { return nil }
            return (connection.value, command)
        }
    }
}

@Suite("A transactional message is delivered when its producer commits, and only then")
struct TransactionTests {
    @Test("committed, it lies in the queue that it was sent to; nobody saw it before")
    func commits() throws {
        var bench = EngineBench()
        let send = bench.request(Transactional.half("order", properties: "TAGS\u{1}red\u{2}"))
        bench.settle()
        let half = try #require(bench.openHalves.first)
        #expect(bench.answer(to: send)?.code == .success)
        #expect(bench.field("queueId", of: send) == "1", "the queue that was asked for")
        #expect(bench.field("queueOffset", of: send) == "0", "of the half message")
        #expect(bench.field("transactionId", of: send) == "K1")
        let id = OffsetMessageID(
            storeHost: bench.engine.settings.storeHost, physicalOffset: half.position)
        #expect(bench.field("msgId", of: send) == id.text)
        #expect(bench.bodies() == [])

        let end = bench.request(Transactional.end(8, half))
        #expect(bench.answer(to: end) == nil, "not before it is durable")
        bench.settle()
        #expect(bench.answer(to: end)?.code == .success)
        let pull = bench.request(Requests.pull(queue: 1, offset: 0))
        let found = bench.messages(of: pull) {
            ($0.systemFlag.transactionBits, $0.preparedTransactionOffset, $0.properties)
        }
        try #require(found.count == 1)
        #expect(found[0].0 == 8)
        #expect(found[0].1 == half.position.bytes)
        #expect(found[0].2["TRAN_MSG"] == nil)
        #expect(found[0].2["TAGS"] == "red")
        #expect(found[0].2["UNIQ_KEY"] == "K1")
        #expect(bench.openHalves == [])
    }

    @Test("rolled back, it is never seen, and nobody is asked about it")
    func rollsBack() throws {
        var bench = EngineBench()
        bench.request(Transactional.heartbeat("p1"))
        bench.request(Transactional.half("order"))
        bench.settle()
        let end = bench.request(Transactional.end(12, try #require(bench.openHalves.first)))
        bench.settle()
        #expect(bench.answer(to: end)?.code == .success)
        bench.pass(.seconds(60))
        bench.settle()
        #expect(bench.bodies() == [])
        #expect(bench.questions.isEmpty)
    }

    @Test("ended again, the answer is the same, and nothing is delivered twice")
    func endsOnce() throws {
        var bench = EngineBench()
        bench.request(Transactional.half("order"))
        bench.settle()
        let half = try #require(bench.openHalves.first)
        bench.request(Transactional.end(8, half))
        let again = bench.request(Transactional.end(8, half))
        #expect(bench.answer(to: again) == nil, "the first one is not durable yet")
        bench.settle()
        #expect(bench.answer(to: again)?.code == .success)
        let other = bench.request(Transactional.end(12, half))
        #expect(bench.answer(to: other)?.code == .systemError)
        #expect(bench.bodies() == ["order"])
    }

    @Test("its delay runs from the commit")
    func delayed() throws {
        var bench = EngineBench()
        bench.request(Transactional.half("order", properties: "DELAY\u{1}2\u{2}"))
        bench.settle()
        bench.pass(.seconds(3))
        bench.request(Transactional.end(8, try #require(bench.openHalves.first)))
        bench.settle()
        bench.pass(.milliseconds(4_999))
        bench.settle()
        #expect(bench.bodies() == [])
        bench.pass(.milliseconds(1))
        bench.settle()
        #expect(bench.bodies() == ["order"])
    }

    @Test("an END for another group or another place ends nothing")
    func mismatches() throws {
        var bench = EngineBench()
        bench.request(Transactional.half("order"))
        bench.settle()
        let half = try #require(bench.openHalves.first)
        let wrong = [
            Transactional.end(8, half, group: "others"),
            Transactional.end(8, offset: 0, position: half.position.bytes + 8),
            Transactional.end(8, offset: 7, position: half.position.bytes),
            Transactional.end(8, offset: 7, position: 1 << 40),
            Transactional.end(8, offset: 7, position: -1),
        ]
        for command in wrong {
            let end = bench.request(command)
            bench.settle()
            #expect(bench.answer(to: end)?.code == .systemError)
        }
        let unknown = bench.request(Transactional.end(0, half))
        #expect(bench.answer(to: unknown) == nil)
        #expect(bench.openHalves == [half])
        #expect(bench.bodies() == [])
    }

    @Test("with an immunity of its own, only the answer to a question counts after it")
    func late() throws {
        var bench = EngineBench()
        bench.request(
            Transactional.half(
                "order", properties: "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}10\u{2}"))
        bench.settle()
        let half = try #require(bench.openHalves.first)
        bench.pass(.seconds(11))
        let direct = bench.request(Transactional.end(8, half))
        #expect(bench.answer(to: direct)?.code.rawValue == 604)
        bench.request(Transactional.end(8, half, isFromCheck: true))
        bench.settle()
        #expect(bench.bodies() == ["order"])
    }

    @Test("what could not be committed is not taken")
    func refused() {
        var bench = EngineBench()
        for properties in ["TIMER_DELAY_SEC\u{1}99999999\u{2}", "PGROUP\u{1}\(longName)\u{2}"] {
            let send = bench.request(Transactional.half("order", properties: properties))
            #expect(bench.answer(to: send)?.code == .messageIllegal)
        }
        var batch: [UInt8] = []
        MessageBatch.append(
            to: &batch, body: Array("a".utf8),
            properties: Array("TRAN_MSG\u{1}true\u{2}".utf8))
        let send = bench.request(Requests.send(batch: batch))
        #expect(bench.answer(to: send)?.code == .messageIllegal)
        #expect(bench.openHalves == [])
    }

    private let longName = String(repeating: "g", count: 256)

    @Test("a topic that was deleted meanwhile: no commit, and an operator finds the message")
    func deletedTopic() throws {
        var bench = EngineBench()
        bench.request(Transactional.half("order"))
        bench.settle()
        bench.request(.request(.deleteTopicInBroker, fields: ["topic": "T"]))
        bench.settle()
        let half = try #require(bench.openHalves.first)
        let end = bench.request(Transactional.end(8, half))
        #expect(bench.answer(to: end)?.code == .topicNotExist)
        #expect(bench.openHalves == [half])
    }

    @Test("a broker that starts again knows each outcome, whatever of its last writes is lost")
    func restarts() throws {
        var bench = EngineBench()
        for name in ["a", "b", "c"] {
            bench.request(Transactional.half(name, key: name))
            bench.settle()
        }
        let halves = bench.openHalves
        let kept = bench.disk.count
        bench.request(Transactional.end(8, halves[0]))
        bench.settle()
        bench.request(Transactional.end(12, halves[1]))
        bench.settle()
        for batches in kept...bench.disk.count {
            var again = try EngineBench(restarting: bench, batches: batches)
            again.settle()
            #expect(again.openHalves == Array(halves.dropFirst(batches - kept)))
            again.request(Transactional.end(8, halves[0]))
            again.request(Transactional.end(12, halves[1]))
            again.request(Transactional.end(8, halves[2]))
            again.settle()
            #expect(again.bodies().sorted() == ["a", "c"], "\(batches) batches")
            #expect(again.openHalves == [])
            again.engine.delivery.checkInvariants()
        }
    }

    @Test("a replica that becomes master goes on with what is open, and ends it once")
    func failover() throws {
        var group = GroupBench.inStep([1, 2, 3])
        for name in ["a", "b"] { group.request(Transactional.half(name, key: name), at: 1) }
        let halves = group[1].engine.delivery.transactions.table.list(countMax: 10).map(\.half)
        try #require(halves.count == 2)
        group.request(Transactional.end(8, halves[0]), at: 1)
        #expect(
            group[2].engine.delivery.transactions.table
                == group[1].engine.delivery.transactions.table)
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        for half in halves {
            let end = group.request(Transactional.end(8, half, isFromCheck: true), at: 2)
            #expect(group.code(of: end, at: 2) == .success)
        }
        let pull = group.request(Requests.pull(queue: 1, offset: 0), at: 2)
        #expect(group[2].answers.first { $0.opaque == pull }?.entries == 2)
        #expect(
            group[3].engine.delivery.transactions.table
                == group[2].engine.delivery.transactions.table)
    }
}

@Suite("A producer is asked about what it left behind")
struct TransactionCheckTests {
    @Test("members of the group in turn, after 6 s and then every 30 s")
    func asks() throws {
        var bench = EngineBench()
        bench.request(Transactional.heartbeat("p1"), from: 1)
        bench.request(Transactional.heartbeat("p2"), from: 2)
        bench.request(Transactional.heartbeat("other", group: "others"), from: 3)
        bench.request(Transactional.half("order"))
        bench.settle()
        let half = try #require(bench.openHalves.first)
        bench.pass(.milliseconds(5_999))
        #expect(bench.questions.isEmpty)
        bench.pass(.milliseconds(1))
        bench.settle()
        #expect(bench.questions.count == 1)
        bench.pass(.milliseconds(29_999))
        #expect(bench.questions.count == 1)
        bench.pass(.milliseconds(1))
        #expect(Set(bench.questions.map(\.connection)) == [1, 2])

        let question = try #require(bench.questions.first?.command)
        #expect(question.isOneWay)
        let fields = Dictionary(
            question.fields.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        #expect(fields["tranStateTableOffset"] == String(half.offset.value))
        #expect(fields["commitLogOffset"] == String(half.position.bytes))
        #expect(fields["transactionId"] == "K1")
        question.body.withUnsafeBytes { bytes in
            let message = try? StoredMessageView(bytes)
            #expect(message?.topic == "T")
            #expect(message?.queueID == 1)
            #expect(message?.queueOffset == half.offset)
            #expect(message.map { String(decoding: $0.body, as: UTF8.self) } == "order")
        }
        bench.request(Transactional.end(8, half, isFromCheck: true), from: 2)
        bench.settle()
        bench.pass(.seconds(100))
        #expect(bench.bodies() == ["order"])
        #expect(bench.questions.count == 2)
    }

    @Test("when nobody was there, the first of its group that comes, at once")
    func asksWhoComes() throws {
        var bench = EngineBench()
        bench.request(Transactional.half("order"))
        bench.settle()
        bench.pass(.seconds(7))
        bench.request(Transactional.heartbeat("other", group: "others"), from: 3)
        bench.pass(.milliseconds(100))
        #expect(bench.questions.isEmpty)
        for connection in [5, 6] as [UInt64] {
            bench.request(Transactional.heartbeat("p\(connection)"), from: connection)
            bench.pass(.milliseconds(100))
        }
        #expect(bench.questions.map(\.connection) == [5])
        bench.engine.delivery.checkInvariants()
        // Not again for whoever joins it or comes back.
        bench.close(5)
        bench.close(6)
        bench.request(Transactional.heartbeat("p7"), from: 7)
        bench.pass(.milliseconds(100))
        #expect(bench.questions.count == 1)
        bench.pass(.seconds(30))
        #expect(bench.questions.map(\.connection) == [5, 7])
    }

    @Test("after 15 questions it lies where an operator finds it")
    func givesUp() {
        var bench = EngineBench()
        bench.request(Transactional.half("order"))
        bench.settle()
        // Nobody is there: that counts for nothing.
        for _ in 0..<20 { bench.pass(.seconds(30)) }
        for _ in 0..<16 {
            bench.request(Transactional.heartbeat("p1"))
            bench.pass(.seconds(30))
            bench.settle()
        }
        #expect(bench.questions.count == 15)
        #expect(bench.openHalves == [])
        #expect(bench.bodies() == [])
        #expect(bench.bodies(SystemTopic.transactionGivenUp, queue: 0) == ["order"])
        #expect(bench.engine.delivery.topics.config(SystemTopic.transactionGivenUp) != nil)
    }

    @Test("what was given up becomes a half message again when an operator says so")
    func resumes() throws {
        var bench = EngineBench(
            EngineBench.settings { $0.delivery.transactions.checksMax = 1 })
        bench.request(Transactional.heartbeat("p1"))
        bench.request(Transactional.half("order"))
        bench.settle()
        for _ in 0..<3 {
            bench.pass(.seconds(30))
            bench.settle()
        }
        let pull = bench.request(
            Requests.pull(topic: SystemTopic.transactionGivenUp, offset: 0))
        let position = try #require(bench.messages(of: pull) { $0.physicalOffset }.first)
        let id = OffsetMessageID(
            storeHost: bench.engine.settings.storeHost, physicalOffset: position)
        let resume = bench.request(
            .request(.resumeCheckHalfMessage, fields: ["topic": "T", "msgId": id.text]))
        bench.settle()
        #expect(bench.answer(to: resume)?.code == .success)
        bench.request(Transactional.end(8, try #require(bench.openHalves.first)))
        bench.settle()
        #expect(bench.bodies() == ["order"])
    }

    @Test("a broker that starts again goes on counting, and gives its producers time to return")
    func restarts() throws {
        var bench = EngineBench()
        bench.request(Transactional.heartbeat("p1"))
        bench.request(Transactional.half("order"))
        bench.settle()
        for seconds in [6, 30, 30] {
            bench.pass(.seconds(seconds))
            bench.settle()
        }
        #expect(bench.questions.count == 3)
        var again = try EngineBench(restarting: bench)
        #expect(again.engine.delivery.transactions.table.list(countMax: 1).first?.checks == 3)
        again.setTime(since: .seconds(200))
        again.request(Transactional.heartbeat("p1"))
        again.pass(.milliseconds(100))
        again.settle()
        #expect(again.questions.count == 1)
    }

    @Test("it keeps its segment; when the disk is nearly full it is given up instead")
    func keepsSegment() {
        var bench = EngineBench(
            EngineBench.settings(segmentBytes: 1 << 20) { $0.retention.age = .seconds(60) })
        bench.request(Transactional.half("order"))
        bench.settle()
        for _ in 0..<40 {
            bench.request(Requests.send(String(repeating: "x", count: 50_000)))
            bench.settle()
        }
        bench.sealAll()
        bench.pass(.seconds(1_000))
        bench.settle()
        #expect(bench.deletedSegments == [])
        bench.setDiskUsed(0.9)
        for _ in 0..<4 {
            bench.pass(.seconds(2))
            bench.settle()
        }
        #expect(bench.openHalves == [])
        #expect(Set(bench.deletedSegments) == [.zero])
        #expect(bench.bodies(SystemTopic.transactionGivenUp, queue: 0) == ["order"])
    }
}
