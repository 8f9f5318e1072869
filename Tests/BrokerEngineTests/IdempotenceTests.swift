import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

/// What a producer sends that numbers its messages.
enum Numbered {
    static func properties(_ sequence: Int, done: Int = 0, by producer: String = "P") -> String {
        "APUS_SEQ_PRODUCER\u{1}\(producer)\u{2}APUS_SEQ\u{1}\(sequence)\u{2}"
            + "APUS_SEQ_DONE\u{1}\(done)\u{2}"
    }

    static func send(
        _ body: String, _ sequence: Int, done: Int = 0, by producer: String = "P",
        queue: Int32 = 1, properties: String = ""
    ) -> RemotingCommand {
        Requests.send(
            body, queue: queue,
            properties: Self.properties(sequence, done: done, by: producer) + properties)
    }

    static func batch(_ numbers: ClosedRange<Int>, done: Int = 0) -> RemotingCommand {
        var bytes: [UInt8] = []
        for number in numbers {
            MessageBatch.append(
                to: &bytes, body: Array("m\(number)".utf8),
                properties: Array(Self.properties(number, done: done).utf8))
        }
        return Requests.send(queue: 1, batch: bytes)
    }
}

@Suite("A message that its producer sends again is stored once")
struct IdempotenceTests {
    @Test("and answered as the first time, once that is confirmed")
    func duplicate() {
        var bench = EngineBench()
        bench.request(Numbered.send("other", 1))
        let first = bench.request(Numbered.send("hello", 2))
        let early = bench.request(Numbered.send("hello", 2))
        #expect(bench.answer(to: early) == nil, "the first one may still be lost")
        bench.settle()
        let late = bench.request(Numbered.send("hello", 2))
        for opaque in [early, late] {
            #expect(bench.answer(to: opaque)?.code == .success)
            for name in ["msgId", "queueId", "queueOffset"] {
                #expect(bench.field(name, of: opaque) == bench.field(name, of: first))
            }
        }
        #expect(bench.field("queueOffset", of: first) == "1")
        #expect(bench.bodies() == ["other", "hello"])
    }

    @Test("other queues, producers and numbers are other messages")
    func others() {
        var bench = EngineBench()
        bench.request(Numbered.send("a", 1))
        bench.request(Numbered.send("b", 1, by: "Q"))
        bench.request(Numbered.send("c", 1, queue: 2))
        bench.request(Numbered.send("d", 2))
        bench.settle()
        #expect(bench.bodies() == ["a", "b", "d"])
        #expect(bench.bodies(queue: 2) == ["c"])
    }

    @Test("what the producer was done with comes too late; nonsense is refused")
    func refused() {
        var bench = EngineBench()
        bench.request(Numbered.send("a", 5, done: 4))
        let illegal = [
            Numbered.send("late", 3), Numbered.send("no queue", 6, queue: -1),
            Numbered.send("done with itself", 7, done: 7),
            Requests.send("no number", properties: "APUS_SEQ_DONE\u{1}1\u{2}"),
        ]
        for command in illegal {
            let send = bench.request(command)
            bench.settle()
            #expect(bench.answer(to: send)?.code == .messageIllegal)
        }
        let far = bench.request(Numbered.send("far", 9_999, done: 4))
        #expect(bench.answer(to: far)?.code.rawValue == 215)
        #expect(bench.bodies() == ["a"])
    }

    @Test("a batch is stored whole or not at all")
    func batches() {
        var bench = EngineBench()
        let first = bench.request(Numbered.batch(1...3))
        let again = bench.request(Numbered.batch(1...3))
        bench.settle()
        #expect(bench.field("msgId", of: again) == bench.field("msgId", of: first))
        #expect(bench.field("msgId", of: first)?.split(separator: ",").count == 3)
        let partly = bench.request(Numbered.batch(2...4))
        #expect(bench.answer(to: partly)?.code == .messageIllegal)
        #expect(bench.bodies() == ["m1", "m2", "m3"])
        #expect(bench.disk.last.map { $0.bytes.count } ?? 0 > 0)
    }

    @Test("a broker that starts again knows what it stored, whatever of its last writes is lost")
    func restarts() throws {
        var bench = EngineBench(EngineBench.settings { $0.log.batchBytesMax = 64 })
        bench.request(Numbered.send("a", 1))
        bench.settle()
        let kept = bench.disk.count
        bench.request(Numbered.batch(2...3, done: 1))
        bench.settle()
        bench.request(Numbered.send("m4", 4, done: 1))
        bench.settle()
        for batches in kept...bench.disk.count {
            var again = try EngineBench(restarting: bench, batches: batches)
            again.settle()
            again.request(Numbered.batch(2...3, done: 1))
            again.request(Numbered.send("m4", 4, done: 1))
            again.settle()
            #expect(again.bodies() == ["a", "m2", "m3", "m4"], "\(batches) batches")
            again.engine.delivery.checkInvariants()
        }
    }

    @Test("a new master knows what its group stored; what was lost on the way is new again")
    func failover() {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Numbered.send("a", 1), at: 1)
        group.cutOff = [1]
        let lost = group.request(Numbered.send("b", 2), at: 1)
        #expect(group.code(of: lost, at: 1) == nil)
        group.kill(1)
        group.cutOff = []
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        #expect(group[2].engine.delivery.idempotence == group[3].engine.delivery.idempotence)
        let again = group.request(Numbered.send("a", 1), at: 2)
        let anew = group.request(Numbered.send("b", 2), at: 2)
        #expect(group.code(of: again, at: 2) == .success)
        #expect(group.code(of: anew, at: 2) == .success)
        let pull = group.request(Requests.pull(queue: 1, offset: 0), at: 2)
        #expect(group[2].answers.first { $0.opaque == pull }?.entries == 2)
        #expect(group[2].engine.delivery.idempotence == group[3].engine.delivery.idempotence)
    }

    @Test("a delayed or a half message sent again waits once, wherever it waits")
    func waiting() throws {
        var bench = EngineBench()
        let delay = "TIMER_DELAY_SEC\u{1}3\u{2}"
        let first = bench.request(Numbered.send("later", 1, properties: delay))
        bench.settle()
        bench.pass(.seconds(1))
        let again = bench.request(Numbered.send("later", 1, properties: delay))
        for name in ["msgId", "queueOffset"] {
            #expect(bench.field(name, of: again) == bench.field(name, of: first))
        }
        let handle = try #require(bench.field("recallHandle", of: again))
        #expect(RecallHandle(handle)?.due.milliseconds == EngineBench.wall.milliseconds + 3_000)
        for _ in 0..<2 {
            bench.request(Transactional.half("order", properties: Numbered.properties(2)))
            bench.settle()
        }
        #expect(bench.openHalves.count == 1)
        bench.request(Transactional.end(8, try #require(bench.openHalves.first)))
        bench.settle()
        bench.pass(.seconds(2))
        bench.settle()
        #expect(bench.bodies() == ["order", "later"])
        var restarted = try EngineBench(restarting: bench)
        restarted.request(Numbered.send("later", 1))
        restarted.request(Numbered.send("order", 2))
        restarted.settle()
        #expect(restarted.bodies() == ["order", "later"])
    }

    @Test("copies that the broker makes promise nothing in their producer's name")
    func copies() throws {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"))
        bench.request(Numbered.send("a", 1, properties: "DELAY\u{1}1\u{2}"))
        bench.request(Transactional.half("b", properties: Numbered.properties(2)))
        bench.settle()
        bench.request(Transactional.end(8, try #require(bench.openHalves.first)))
        bench.pass(.seconds(1))
        bench.settle()
        let pull = bench.request(Requests.pull(queue: 1, offset: 0))
        let found = bench.messages(of: pull) { ($0.physicalOffset, $0.properties) }
        #expect(found.count == 2)
        #expect(found.allSatisfy { $0.1["APUS_SEQ_DONE"] == nil })
        #expect(found.allSatisfy { $0.1["APUS_SEQ_PRODUCER"] == "P" })

        bench.request(Numbered.send("c", 3))
        bench.settle()
        let last = bench.request(Requests.pull(queue: 1, offset: 2))
        let position = try #require(bench.messages(of: last) { $0.physicalOffset }.first)
        bench.request(
            .request(
                .consumerSendMessageBack,
                fields: [
                    "offset": String(position.bytes), "group": "CG", "delayLevel": "1",
                    "originMsgId": "", "originTopic": "T", "maxReconsumeTimes": "16",
                ]))
        bench.settle()
        bench.pass(.seconds(1))
        bench.settle()
        #expect(bench.bodies("%RETRY%CG", queue: 0) == ["c"])
        #expect(bench.engine.delivery.idempotence.sessionCount == 1)
        #expect(bench.engine.delivery.idempotence.storedCount == 3)
    }

    @Test("a producer that was silent for an hour is forgotten, and stays so")
    func silence() throws {
        var bench = EngineBench()
        bench.request(Numbered.send("a", 1))
        bench.settle()
        bench.pass(.seconds(3_599))
        #expect(bench.engine.delivery.idempotence.sessionCount == 1)
        bench.pass(.seconds(1))
        bench.settle()
        #expect(bench.engine.delivery.idempotence.sessionCount == 0)
        let again = try EngineBench(restarting: bench)
        #expect(again.engine.delivery.idempotence.sessionCount == 0)
    }

    @Test("a topic that is deleted takes its numbers with it")
    func deletedTopic() throws {
        var bench = EngineBench()
        bench.request(Numbered.send("a", 1))
        bench.settle()
        bench.request(.request(.deleteTopicInBroker, fields: ["topic": "T"]))
        bench.settle()
        #expect(bench.engine.delivery.idempotence.sessionCount == 0)
        let again = try EngineBench(restarting: bench)
        #expect(again.engine.delivery.idempotence.sessionCount == 0)
    }

    @Test("what producers make brokers remember fits a segment many times", arguments: [32, 256])
    func fits(megabytes: Int) {
        var settings = BrokerSettings()
        settings.fitTables(toSegment: megabytes << 20)
        let bytes =
            settings.delivery.transactions.snapshotBytesMax
            + settings.delivery.idempotence.snapshotBytesMax
        #expect(bytes < (megabytes << 20) / 4)
    }
}
