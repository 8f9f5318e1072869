import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Acked means durable")
struct SendingTests {
    @Test("a send is answered when its batch is durable, not when it is written")
    func ackAfterFlush() throws {
        var bench = EngineBench()
        let durable = bench.engine.progress.durable
        let send = bench.request(Requests.send())
        #expect(bench.answer(to: send) == nil)
        let end = try #require(bench.disk.last?.end)
        bench.written(upTo: end, durable: durable)
        #expect(bench.answer(to: send) == nil)
        bench.written(upTo: end, durable: end)
        #expect(bench.answer(to: send)?.code == .success)
        #expect(bench.field("queueOffset", of: send) == "0")
    }

    @Test("with ASYNC_FLUSH it is answered when the system has it")
    func asyncFlush() throws {
        var bench = EngineBench(EngineBench.settings { $0.flushMode = .async })
        let durable = bench.engine.progress.durable
        let send = bench.request(Requests.send())
        bench.written(upTo: try #require(bench.disk.last?.end), durable: durable)
        #expect(bench.answer(to: send)?.code == .success)
    }

    @Test("what arrives during a flush shares the next batch")
    func groupCommit() {
        var bench = EngineBench()
        bench.request(Requests.send("first"))
        let before = bench.disk.count
        let waiting = (0..<50).map { _ in bench.request(Requests.send("more")) }
        #expect(bench.disk.count == before)
        bench.complete()
        #expect(bench.disk.count == before + 1)
        bench.complete()
        #expect(waiting.allSatisfy { bench.answer(to: $0)?.code == .success })
    }

    @Test("a disk that does not answer in time is told as FLUSH_DISK_TIMEOUT, never as OK")
    func flushTimeout() {
        var bench = EngineBench()
        let send = bench.request(Requests.send())
        if let end = bench.disk.last?.end {
            bench.written(upTo: end, durable: bench.engine.progress.durable)
        }
        bench.pass(.seconds(4))
        #expect(bench.answer(to: send) == nil)
        bench.pass(.seconds(2))
        #expect(bench.answer(to: send)?.code == .flushDiskTimeout)
        bench.complete()
        #expect(bench.answers.count { $0.opaque == send } == 1)
    }

    @Test("a message that was not even written is never told as if it were stored")
    func notWritten() {
        var bench = EngineBench()
        let send = bench.request(Requests.send())
        bench.pass(.seconds(6))
        #expect(bench.answer(to: send)?.code == .systemError)
    }

    @Test("a topic that another master spreads leaves the one that is here as it is")
    func spreadKeepsTopic() {
        var bench = EngineBench()
        bench.request(Requests.send())
        bench.settle()
        let fields: KeyValuePairs = [
            "topic": "T", "defaultTopic": "TBW102", "readQueueNums": "1", "writeQueueNums": "1",
            "perm": "6", "topicFilterType": "SINGLE_TAG", "order": "false", "onlyIfMissing": "true",
        ]
        let answer = bench.request(.request(.updateAndCreateTopic, fields: fields))
        bench.settle()
        #expect(bench.answer(to: answer)?.code == .success)
        #expect(bench.engine.delivery.topics.config("T")?.writeQueues == 4)
    }

    @Test("more than may wait for the disk is refused at once, with a reason")
    func overload() {
        var bench = EngineBench(EngineBench.settings { $0.unconfirmedBytesMax = 10_000 })
        var codes: [ResponseCode?] = []
        for _ in 0..<20 {
            let send = bench.request(Requests.send(String(repeating: "x", count: 1_000)))
            codes.append(bench.answer(to: send)?.code)
        }
        #expect(codes.last == .systemBusy)
        #expect(codes.first == .some(nil))
        bench.complete()
        bench.complete()
        let next = bench.request(Requests.send())
        bench.complete()
        #expect(bench.answer(to: next)?.code == .success)
    }

    @Test("the first send creates the topic, tells the name servers and spreads it")
    func autoCreate() {
        var bench = EngineBench()
        bench.request(Requests.send(topic: "New"))
        #expect(bench.engine.delivery.topics.config("New")?.writeQueues == 4)
        var registered = false
        var spread = false
        for effect in bench.others {
            if case .register = effect { registered = true }
            if case .spread(let config) = effect, config.name == "New" { spread = true }
        }
        #expect(registered && spread)
    }

    @Test("a batch is stored whole, each message with an offset of its own")
    func batch() {
        var bench = EngineBench()
        var body: [UInt8] = []
        for number in 0..<3 {
            MessageBatch.append(to: &body, body: Array("m\(number)".utf8), properties: [])
        }
        let send = bench.request(Requests.send(batch: body))
        bench.complete()
        #expect(bench.answer(to: send)?.code == .success)
        #expect(bench.field("msgId", of: send)?.split(separator: ",").count == 3)
        #expect(bench.engine.queues.queue(QueueKey(topic: "T", queueID: 0))?.visibleEnd.value == 3)
    }

    @Test("a batch whose inner length lies is refused and stores nothing")
    func lyingBatch() {
        var bench = EngineBench()
        var body: [UInt8] = []
        MessageBatch.append(to: &body, body: Array("ok".utf8), properties: [])
        MessageBatch.append(to: &body, body: Array("bad".utf8), properties: [])
        for at in 0..<body.count {
            for value in [UInt8(0x7F), 0xFF] {
                var bad = body
                bad[at] = value
                bench.request(Requests.send(batch: bad))
            }
        }
        let truncated = bench.request(Requests.send(batch: Array(body.dropLast(3))))
        #expect(bench.answer(to: truncated)?.code == .messageIllegal)
    }

    @Test(
        "bad input is refused with its code, and nothing is stored",
        arguments: [
            (Requests.send(topic: "a/b"), ResponseCode.invalidParameter),
            (Requests.send(topic: "../../etc"), .invalidParameter),
            (Requests.send(topic: "nul\u{0}"), .invalidParameter),
            (Requests.send(topic: String(repeating: "x", count: 10_000)), .invalidParameter),
            (Requests.send(topic: ""), .invalidParameter),
            (Requests.send(queue: 1_000), .invalidParameter),
            (Requests.send(""), .messageIllegal),
            (
                Requests.send(properties: String(repeating: "p", count: 40_000)), .messageIllegal
            ),
            (Requests.send(topic: "SCHEDULE_TOPIC_XXXX"), .noPermission),
            (Requests.send(properties: "TIMER_DELAY_MS\u{1}soon\u{2}"), .messageIllegal),
        ])
    func badInput(request: RemotingCommand, code: ResponseCode) {
        var bench = EngineBench()
        let opaque = bench.request(request)
        bench.complete()
        bench.complete()
        #expect(bench.answer(to: opaque)?.code == code)
        #expect(bench.engine.queues.all.allSatisfy { $0.visibleEnd == .zero })
    }

    @Test("an unknown request code is answered as such")
    func unknownCode() {
        var bench = EngineBench()
        let opaque = bench.request(RemotingCommand(code: 31_337))
        #expect(bench.answer(to: opaque)?.code == .requestCodeNotSupported)
    }
}
