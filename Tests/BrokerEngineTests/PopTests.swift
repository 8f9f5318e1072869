import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A popped message is with one consumer at a time, until it is acknowledged")
struct PopTests {
    private func bench(_ texts: String..., segmentBytes: Int = 1 << 20) -> EngineBench {
        var bench = EngineBench(EngineBench.settings(segmentBytes: segmentBytes))
        for text in texts { bench.request(Requests.send(text)) }
        bench.settle()
        return bench
    }

    @Test("what one consumer has popped no other gets before its time has passed")
    func invisible() {
        var bench = self.bench("a", "b", "c")
        #expect(bench.pop(2).map(\.text) == ["a", "b"])
        #expect(bench.pop().map(\.text) == ["c"])
        bench.live(.milliseconds(59_900))
        #expect(bench.pop() == [])
        bench.live(.milliseconds(600))
        let again = bench.pop()
        #expect(again.map(\.text).sorted() == ["a", "b", "c"])
        #expect(again.allSatisfy { $0.topic == "T" && $0.reconsumeTimes == 1 })
        #expect(again.allSatisfy { $0.properties["1ST_POP_TIME"] != nil })
        #expect(again.allSatisfy { $0.handle.split(separator: " ")[4] == "1" })
    }

    @Test("nothing is given out before the log has it that it was taken")
    func confirmedFirst() {
        var bench = self.bench("a")
        let pop = bench.request(Requests.pop())
        #expect(bench.answer(to: pop) == nil)
        bench.settle()
        #expect(bench.popped(pop).map(\.text) == ["a"])
    }

    @Test("an acknowledged message never comes again, and the group's offset follows")
    func acknowledged() throws {
        var bench = self.bench("a", "b")
        let popped = bench.pop()
        #expect(bench.acknowledge(popped[1]) == .success)
        bench.live(.milliseconds(100))
        var query = bench.request(Requests.queryOffset())
        #expect(bench.field("offset", of: query) == "0")
        #expect(bench.acknowledge(popped[0]) == .success)
        #expect(bench.acknowledge(popped[0]) == .success)
        bench.live(.milliseconds(100))
        query = bench.request(Requests.queryOffset())
        #expect(bench.field("offset", of: query) == "2")
        #expect(bench.drain() == [])
        #expect(bench.engine.delivery.pops.inFlight == 0)
    }

    @Test("what failed again and again stays in its one retry topic, and counts")
    func retriesCount() {
        var bench = self.bench("a")
        for times in 0..<4 {
            let popped = bench.pop(invisible: 1_000)
            #expect(popped.map(\.reconsumeTimes) == [Int32(times)])
            bench.live(.milliseconds(1_600), step: .milliseconds(100))
        }
        let last = bench.pop()
        #expect(bench.acknowledge(last[0]) == .success)
        #expect(bench.drain() == [])
        let topics = bench.engine.delivery.topics.names.filter { $0.hasPrefix("%RETRY%") }
        #expect(topics == ["%RETRY%CG_T"])
    }

    @Test("a changed visible time counts from the change; the handle before it is over")
    func changed() throws {
        var bench = self.bench("a")
        var message = bench.pop(invisible: 10_000)[0]
        bench.live(.seconds(9))
        let change = bench.request(Requests.change(message, to: 10_000))
        bench.settle()
        #expect(bench.answer(to: change)?.code == .success)
        bench.live(.seconds(9))
        #expect(bench.pop() == [])
        let old = message
        let fields = ["popTime", "invisibleTime", "reviveQid"].map {
            bench.field($0, of: change) ?? "?"
        }
        message.handle = "0 \(fields.joined(separator: " ")) 0 broker-a 0 0"
        #expect(bench.acknowledge(old) == .success)
        #expect(bench.engine.delivery.pops.inFlight == 1)
        #expect(bench.acknowledge(message) == .success)
        #expect(bench.engine.delivery.pops.inFlight == 0)
        let late = bench.request(Requests.change(message, to: 10_000))
        #expect(bench.answer(to: late)?.code == .noMessage)
    }

    @Test("a batch acknowledges by bits")
    func batch() {
        var bench = self.bench("a", "b", "c", "d")
        let popped = bench.pop()
        let words = popped[0].handle.split(separator: " ")
        let body = BatchAcknowledgeBody(
            brokerName: "broker-a",
            acknowledgements: [
                BatchAcknowledgement(
                    consumerGroup: "CG", topic: "T", retry: "0", startOffset: 0, queueID: 0,
                    reviveQueue: 0, popTime: Int64(words[1]) ?? 0, invisibleTime: 60_000,
                    bits: "CQ==")  // 0 and 3
            ])
        let ack = bench.request(.request(.batchAckMessage, body: body.encoded))
        bench.settle()
        #expect(bench.answer(to: ack)?.code == .success)
        bench.live(.seconds(61))
        #expect(bench.pop().map(\.text).sorted() == ["b", "c"])
    }

    @Test("tags decide what is popped; the rest is passed over for good")
    func tags() {
        var bench = EngineBench()
        for tag in ["A", "B", "A"] { bench.request(Requests.send("of \(tag)", tag: tag)) }
        bench.settle()
        #expect(bench.pop(expression: "A").map(\.text) == ["of A", "of A"])
        #expect(bench.pop() == [])
    }

    @Test("an expression decides what is popped, too")
    func expressions() {
        var bench = EngineBench()
        for size in 1...3 {
            bench.request(Requests.send("\(size)", properties: "size\u{1}\(size)\u{2}"))
        }
        bench.settle()
        #expect(bench.pop(expression: "size >= 2", type: "SQL92").map(\.text) == ["2", "3"])
        #expect(bench.pop() == [])
    }

    @Test("a new group begins where it asks to")
    func starts() {
        var bench = self.bench("a", "b", "c")
        #expect(bench.pop(topic: "T", startMode: 1).map(\.text) == ["a", "b", "c"])
    }

    @Test("messages whose entries lie in an index file are popped, and return")
    func sealed() {
        var bench = self.bench(segmentBytes: 64 << 10)
        let big = String(repeating: "x", count: 6_000)
        for _ in 0..<40 {
            bench.request(Requests.send(big))
            bench.settle()
        }
        bench.sealForReading()
        var offsets: [Int64] = []
        for _ in 0..<20 { offsets += bench.pop(3).map(\.offset) }
        #expect(offsets == Array(0..<40).map(Int64.init))
        bench.live(.seconds(62))
        let back = bench.drain()
        #expect(back.count == 40)
        #expect(bench.engine.delivery.pops.inFlight == 0)
    }

    @Test("what is wrong with a pop or a handle has its code")
    func refusals() {
        var bench = self.bench("a")
        func code(_ command: RemotingCommand) -> ResponseCode? {
            let opaque = bench.request(command)
            bench.settle()
            return bench.answer(to: opaque)?.code
        }
        #expect(code(Requests.pop(33)) == .invalidParameter)
        #expect(code(Requests.pop(topic: "nowhere")) == .topicNotExist)
        #expect(code(Requests.pop(queue: 99)) == .invalidParameter)
        #expect(code(Requests.pop(expression: "a >", type: "SQL92")) == .subscriptionParseFailed)
        var message = bench.pop()[0]
        #expect(code(Requests.pop()) == .pollingTimeout)
        message.offset = 7
        message.handle = "0 1 60000 0 0 broker-a 0 7"
        #expect(code(Requests.acknowledge(message)) == .noMessage)
        message.handle = "nonsense of five words 0"
        #expect(code(Requests.acknowledge(message)) == .messageIllegal)
    }

    @Test("a group that is reset pops from there, and handles of before are over")
    func reset() {
        var bench = self.bench("a", "b")
        let before = bench.pop()
        let reset = bench.request(
            .request(
                .invokeBrokerToResetOffset,
                fields: [
                    "group": "CG", "topic": "T", "queueId": "0", "offset": "0",
                    "timestamp": "0", "isForce": "true",
                ]))
        bench.settle()
        #expect(bench.answer(to: reset)?.code == .success)
        #expect(bench.pop().map(\.text) == ["a", "b"])
        bench.acknowledge(before[0])
        #expect(bench.engine.delivery.pops.inFlight == 2)
        bench.live(.seconds(61))
        #expect(bench.drain().map(\.text).sorted() == ["a", "b"])
        #expect(bench.engine.delivery.offsets.resetCount == 0)
    }

    @Test("a message that is sent on with its old handle gets a new one")
    func sentOn() {
        var bench = EngineBench()
        bench.request(Requests.send("a", properties: "POP_CK\u{1}0 1 2 0 0 b 0 0\u{2}"))
        bench.settle()
        let message = bench.pop()[0]
        #expect(message.properties["POP_CK"] == nil)
        #expect(bench.acknowledge(message) == .success)
        #expect(bench.engine.delivery.pops.inFlight == 0)
    }

    @Test("a deleted topic takes its pops and retry topics with it")
    func deletedTopic() {
        var bench = self.bench("a")
        #expect(bench.pop(invisible: 1_000).count == 1)
        bench.live(.seconds(3))
        #expect(bench.pop().count == 1)
        bench.request(.request(.deleteTopicInBroker, fields: ["topic": "T"]))
        bench.settle()
        #expect(bench.engine.delivery.topics.config("%RETRY%CG_T") == nil)
        #expect(bench.engine.delivery.pops.inFlight == 0)
        bench.live(.seconds(61))
    }
}

@Suite("Pops in order: the queue is blocked until its batch is done")
struct PopInOrderTests {
    private func bench() -> EngineBench {
        var bench = EngineBench()
        for text in ["a", "b", "c", "d"] { bench.request(Requests.send(text)) }
        bench.settle()
        return bench
    }

    @Test("the next batch comes when all of the one before is acknowledged")
    func blocks() {
        var bench = self.bench()
        let first = bench.pop(2, ordered: true)
        #expect(first.map(\.text) == ["a", "b"])
        #expect(first.allSatisfy { $0.handle.split(separator: " ")[3] == "999" })
        #expect(bench.pop(2, ordered: true) == [])
        bench.acknowledge(first[1])
        #expect(bench.pop(2, ordered: true) == [])
        bench.acknowledge(first[0])
        #expect(bench.pop(2, ordered: true).map(\.text) == ["c", "d"])
    }

    @Test("what was not acknowledged in time comes again in its place, and is counted")
    func again() throws {
        var bench = self.bench()
        let first = bench.pop(3, ordered: true)
        bench.acknowledge(first[1])
        bench.live(.milliseconds(60_500))
        let request = bench.request(Requests.pop(ordered: true))
        bench.settle()
        #expect(bench.popped(request).map(\.text) == ["a", "c"])
        #expect(bench.field("orderCountInfo", of: request)?.contains("0 qo0%0 1") == true)
        #expect(bench.acknowledge(first[0]) == .success)
        for message in bench.popped(request) { bench.acknowledge(message) }
        #expect(bench.pop(ordered: true).map(\.text) == ["d"])
    }

    @Test("a repeat of the same attempt gets the same batch")
    func attempts() {
        var bench = self.bench()
        let first = bench.pop(2, ordered: true, attempt: "x")
        bench.live(.milliseconds(100))
        #expect(bench.pop(2, ordered: true, attempt: "x").map(\.text) == first.map(\.text))
        #expect(bench.pop(2, ordered: true, attempt: "y") == [])
    }

    @Test("who waits is woken when the queue is free again")
    func wakes() {
        var bench = self.bench()
        let first = bench.pop(2, ordered: true)
        let waiting = bench.request(Requests.pop(poll: 30_000, ordered: true))
        bench.settle()
        for message in first { bench.acknowledge(message) }
        #expect(bench.popped(waiting).map(\.text) == ["c", "d"])
    }
}

@Suite("A pop that finds nothing waits")
struct PopWaitingTests {
    @Test("a message wakes one pop, and it alone gets it")
    func woken() {
        var bench = EngineBench()
        bench.request(Requests.send("first"))
        bench.settle()
        #expect(bench.pop().count == 1)
        let pops = (0..<2).map { _ in bench.request(Requests.pop(poll: 10_000)) }
        let asking = bench.request(Requests.notification(poll: 10_000))
        bench.settle()
        #expect(bench.answer(to: pops[0]) == nil)
        let info = bench.request(
            .request(
                .pollingInfo, fields: ["consumerGroup": "CG", "topic": "T", "queueId": "0"]))
        #expect(bench.field("pollingNum", of: info) == "3")
        bench.request(Requests.send("second"))
        bench.settle()
        #expect(bench.popped(pops[0]).map(\.text) == ["second"])
        #expect(bench.answer(to: pops[1]) == nil)
        #expect(bench.answer(to: asking) != nil)
        bench.live(.seconds(11))
        #expect(bench.answer(to: pops[1])?.code == .pollingTimeout)
    }

    @Test("what returns to its retry topic wakes, too")
    func retryWakes() {
        var bench = EngineBench()
        bench.request(Requests.send("a"))
        bench.settle()
        #expect(bench.pop(invisible: 2_000).count == 1)
        let waiting = bench.request(Requests.pop(poll: 30_000))
        bench.live(.seconds(3), step: .milliseconds(100))
        #expect(bench.popped(waiting).map(\.text) == ["a"])
    }

    @Test("expressions of pops that wait have a bound together; one more is told that it is full")
    func boundedText() {
        var bench = EngineBench()
        bench.request(Requests.send("a"))
        bench.settle()
        _ = bench.pop()
        let long = Requests.pop(
            poll: 10_000, expression: "n = '\(String(repeating: "x", count: 16_000))'",
            type: "SQL92")
        let pops = (0..<220).map { _ in bench.request(long, from: 2) }
        // Compiled, each counts ten times.
        #expect(pops.prefix(209).allSatisfy { bench.answer(to: $0) == nil })
        #expect(pops.dropFirst(209).allSatisfy { bench.answer(to: $0)?.code == .pollingFull })
        bench.close(2)
        let next = bench.request(long, from: 3)
        #expect(bench.answer(to: next) == nil)
    }

    @Test("nobody waits behind a connection that closed")
    func closed() {
        var bench = EngineBench()
        bench.request(Requests.send("a"))
        bench.settle()
        #expect(bench.pop().count == 1)
        let waiting = bench.request(Requests.pop(poll: 30_000), from: 7)
        bench.settle()
        bench.close(7)
        bench.request(Requests.send("b"))
        bench.settle()
        #expect(bench.answer(to: waiting) == nil)
        #expect(bench.pop().map(\.text) == ["b"])
    }

    @Test("an answer without messages has the numbers that clients read with every code")
    func emptyHead() {
        var bench = EngineBench()
        bench.request(Requests.send("a"))
        bench.settle()
        let taken = bench.pop()
        let pop = bench.request(Requests.pop())
        let peek = bench.request(
            .request(
                .peekMessage,
                fields: ["consumerGroup": "CG", "topic": "T", "queueId": "-1", "maxMsgNums": "1"]))
        bench.settle()
        #expect(taken.count == 1)
        #expect(bench.answer(to: pop)?.code == .pollingTimeout)
        #expect(bench.answer(to: peek)?.code == .pullNotFound)
        for opaque in [pop, peek] {
            for name in ["popTime", "invisibleTime", "reviveQid", "restNum"] {
                #expect(bench.field(name, of: opaque) == "0", "\(name)")
            }
        }
    }

    @Test("a peek takes nothing")
    func peek() {
        var bench = EngineBench()
        bench.request(Requests.send("a"))
        bench.settle()
        let peek = RemotingCommand.request(
            .peekMessage,
            fields: ["consumerGroup": "CG", "topic": "T", "queueId": "-1", "maxMsgNums": "4"])
        for _ in 0..<2 {
            let opaque = bench.request(peek)
            #expect(bench.popped(opaque).map(\.text) == ["a"])
        }
        #expect(bench.pop().map(\.text) == ["a"])
    }
}
