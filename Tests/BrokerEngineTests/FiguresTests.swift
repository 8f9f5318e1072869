import BrokerEngine
import LogCore
import MessageFormat
import MetricsFormat
import RemotingProtocol
import Testing

@Suite("what an engine counts for operators")
struct FiguresTests {
    @Test("messages in by topic, messages out by group, and the bytes of both")
    func traffic() throws {
        var bench = EngineBench()
        for body in ["one", "two", "three"] {
            bench.request(Requests.send(body))
            bench.settle()
        }
        bench.request(Requests.send("other", topic: "U"))
        bench.settle()
        bench.request(Requests.pull(offset: 0))
        bench.request(Requests.pull(offset: 2))
        bench.settle()

        let figures = bench.engine.figures
        let topics = figures.incoming.filter { !$0.isSystem }
        #expect(topics.map(\.topic) == ["T", "U"])
        #expect(topics.map(\.count.messages) == [3, 1])
        #expect(topics.map(\.messageType) == ["normal", "normal"])
        let out = try #require(figures.outgoing.first)
        #expect(figures.outgoing.count == 1)
        #expect((out.group, out.topic) == ("CG", "T"))
        #expect(out.count.messages == 4)
        #expect(out.count.bytes > topics[0].count.bytes)
        #expect(figures.counters.messageSize.count == figures.counters.messagesPut)
        #expect(figures.progress.confirmed == figures.logEnd)
    }

    @Test("messages of one turn share a batch")
    func batches() {
        var bench = EngineBench()
        bench.request(Requests.send("first"))
        // Gathers while the first is on its way to the disk.
        for number in 0..<5 { bench.request(Requests.send("m\(number)")) }
        bench.settle()
        let batches = bench.engine.figures.counters.messagesOfBatch
        #expect(batches.sum == 6)
        #expect(batches.counts.prefix(4) == [1, 0, 0, 1], "of 1, and of 5 to 8")
    }

    @Test("refusals are counted by their code")
    func refusals() {
        var bench = EngineBench()
        bench.request(Requests.pull(topic: "nowhere", offset: 0))
        bench.refuseAll()
        bench.request(Requests.send("no"))
        bench.request(Requests.send("no"))
        let refusals = bench.engine.figures.counters.refusals
        #expect(refusals[.topicNotExist] == 1)
        #expect(refusals.values.reduce(0, +) == 3)
    }

    @Test("the lag of a group is what it has not committed, in each of its topics")
    func lag() throws {
        var bench = EngineBench()
        for number in 0..<5 {
            bench.request(Requests.send("m\(number)"))
            bench.settle()
            bench.pass(.milliseconds(100))
        }
        bench.request(Requests.commit(2))
        bench.pass(.seconds(1))
        bench.settle()
        let lags = bench.engine.lagPortions.flatMap { bench.engine.lags(of: $0) }
        #expect(lags.map(\.group) == ["CG"])
        #expect(lags.map(\.topic) == ["T"])
        #expect(lags.map(\.messages) == [3])
        #expect(lags.map(\.isRetry) == [false])
        let third = try #require(lags[0].waitingSince)
        #expect(bench.engine.figures.now.wall.milliseconds - third.milliseconds == 1_300)
        bench.request(Requests.commit(5))
        bench.settle()
        let none = bench.engine.lagPortions.flatMap { bench.engine.lags(of: $0) }
        #expect(none.map(\.messages) == [0])
        #expect(none.map(\.waitingSince) == [nil])
    }

    @Test("transactions are counted by how they ended, delayed messages coming and going")
    func transactionsAndDelays() throws {
        var bench = EngineBench()
        for (key, code) in [("K1", 8), ("K2", 12), ("K3", 8)] {
            bench.request(Transactional.half("order", key: key))
            bench.settle()
            bench.request(Transactional.end(code, try #require(bench.openHalves.first)))
            bench.settle()
        }
        bench.request(Requests.send("later", properties: "DELAY\u{1}1\u{2}"))
        bench.settle()
        bench.pass(.milliseconds(1))
        bench.settle()
        let due = try #require(bench.engine.figures.nextDelayedDue)
        #expect(due.milliseconds - bench.engine.figures.now.wall.milliseconds == 999)
        #expect(bench.engine.figures.counters.delayedAndDelivered == 0)
        bench.pass(.seconds(1))
        bench.settle()

        let counters = bench.engine.figures.counters
        #expect((counters.committed, counters.rolledBack, counters.givenUp) == (2, 1, 0))
        #expect((counters.delayed, counters.delayedAndDelivered) == (1, 1))
        #expect(bench.engine.figures.nextDelayedDue == nil)
    }

    @Test("many topics are counted together, beyond a bound")
    func manyTopics() throws {
        var bench = EngineBench(EngineBench.settings(segmentBytes: 8 << 20))
        for number in 0..<1_010 {
            bench.request(Requests.send("x", topic: "T\(number)"))
        }
        bench.settle()
        let topics = bench.engine.figures.incoming
        #expect(topics.count == 1_001)
        let others = try #require(topics.last)
        #expect(others.topic == "(others)")
        #expect(topics.reduce(0) { $0 + $1.count.messages } >= 1_010)
        #expect(others.count.messages >= 10)
    }

    @Test("a broker alone can do its work; one that takes nothing says why")
    func obstacle() {
        var bench = EngineBench()
        #expect(bench.engine.obstacle == nil)
        bench.refuseAll()
        #expect(bench.engine.obstacle?.isEmpty == false)
    }
}
