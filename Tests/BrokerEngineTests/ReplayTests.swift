import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("The log is the only truth")
struct ReplayTests {
    @Test("a broker that starts again knows topics, groups, offsets and messages")
    func restart() throws {
        var bench = EngineBench()
        for number in 0..<10 {
            bench.request(Requests.send("m\(number)"))
            bench.complete()
        }
        bench.request(Requests.heartbeat("c1"))
        let commit = bench.request(Requests.commit(7))
        bench.complete()
        bench.complete()
        #expect(bench.answer(to: commit)?.code == .success)

        var again = try EngineBench(restarting: bench)
        let offset = again.request(Requests.queryOffset())
        #expect(again.field("offset", of: offset) == "7")
        let pull = again.request(Requests.pull(offset: 7))
        #expect(again.answer(to: pull)?.entries.count == 3)
        #expect(again.engine.delivery.groups.config("CG") != nil)
        #expect(again.engine.delivery.topics.config("%RETRY%CG") != nil)
        #expect(
            again.engine.delivery.topics.dataVersion == bench.engine.delivery.topics.dataVersion)
    }

    @Test("a message that is lost is told of, not skipped", arguments: 0..<3)
    func lostMessage(lost: Int) throws {
        var bench = EngineBench()
        bench.request(Requests.send(queue: 1))
        bench.settle()
        let first = bench.disk.count
        for number in 0..<4 {
            bench.request(Requests.send("m\(number)"))
            bench.complete()
        }
        var again = try EngineBench(restarting: bench, damaged: [first + lost])
        let offset = Int64(lost)
        if lost > 0 {
            let before = again.request(Requests.pull(offset: 0))
            #expect(again.answer(to: before)?.entries.count == lost)
            #expect(again.field("nextBeginOffset", of: before) == "\(lost)")
        }
        let pull = again.request(Requests.pull(offset: offset))
        #expect(again.answer(to: pull)?.code == .systemError)
        #expect(again.answer(to: pull)?.remark?.contains("apus group seek") == true)
        let behind = again.request(Requests.pull(offset: offset + 1))
        #expect(again.answer(to: behind)?.entries.count == 3 - lost)
    }

    @Test("a segment stands alone: its snapshot says what earlier segments said")
    func snapshotPerSegment() throws {
        var bench = EngineBench(EngineBench.settings(segmentBytes: 64 << 10))
        let body = String(repeating: "x", count: 2_000)
        bench.request(Requests.commit(5))
        for _ in 0..<100 {
            bench.request(Requests.send(body))
            bench.complete()
        }
        bench.request(Requests.commit(5))
        bench.complete()
        for _ in 0..<100 {
            bench.request(Requests.send(body))
            bench.complete()
        }
        #expect(bench.engine.segments.all.count > 5)
        var again = try EngineBench(restarting: bench)
        let offset = again.request(Requests.queryOffset())
        #expect(again.field("offset", of: offset) == "5")
        let queue = try #require(again.engine.queues.queue(QueueKey(topic: "T", queueID: 0)))
        #expect(queue.assignedEnd == QueueOffset(200))
        #expect(queue.visibleEnd == QueueOffset(200))
        again.complete()
        let send = again.request(Requests.send(body))
        again.complete()
        again.complete()
        #expect(again.field("queueOffset", of: send) == "200")
    }

    @Test("a full segment is given away for its index file once all of it is confirmed")
    func sealing() {
        var bench = EngineBench(EngineBench.settings(segmentBytes: 64 << 10))
        for _ in 0..<60 {
            bench.request(Requests.send(String(repeating: "x", count: 2_000)))
            bench.complete()
        }
        let sealed = bench.others.compactMap { effect -> SegmentContents? in
            if case .seal(let contents) = effect { contents } else { nil }
        }
        #expect(!sealed.isEmpty)
        #expect(sealed[0].base == .zero)
        #expect(sealed[0].runs.map(\.key.topic) == ["T"])
        #expect(sealed[0].keys.count == sealed[0].runs[0].entries.count)
    }

    @Test("a deleted topic stays deleted, and its offsets go on when it returns")
    func deletedTopic() throws {
        var bench = EngineBench()
        bench.request(Requests.send())
        bench.complete()
        bench.request(.request(.deleteTopicInBroker, fields: ["topic": "T"]))
        bench.complete()
        bench.complete()
        var again = try EngineBench(restarting: bench)
        #expect(again.engine.delivery.topics.config("T") == nil)
        let send = again.request(Requests.send())
        again.complete()
        again.complete()
        #expect(again.field("queueOffset", of: send) == "1")
        let pull = again.request(Requests.pull(offset: 0))
        #expect(again.field("nextBeginOffset", of: pull) == "1")
    }

    @Test("every prefix of the log is a broker that starts")
    func everyPrefix() throws {
        var bench = EngineBench()
        for number in 0..<20 {
            bench.request(Requests.send("m\(number)", topic: "T\(number % 3)"))
            bench.request(Requests.commit(Int64(number)))
            bench.complete()
        }
        let whole = bench.disk
        for count in 1...whole.count {
            var engine = BrokerEngine(
                settings: bench.engine.settings, logID: 1,
                at: Now(tick: .zero, wall: EngineBench.wall))
            for batch in whole.prefix(count) {
                try batch.bytes.withUnsafeBytes { bytes in
                    let header = try LogBatchHeader(checking: bytes, at: batch.position, logID: 1)
                    try engine.replay(bytes, header, segment: .zero)
                }
            }
            engine.recovered(
                to: whole[count - 1].end, activeSegment: .zero,
                at: Now(tick: .zero, wall: EngineBench.wall))
            engine.delivery.checkInvariants()
            #expect(engine.log.end == whole[count - 1].end)
        }
    }
}
