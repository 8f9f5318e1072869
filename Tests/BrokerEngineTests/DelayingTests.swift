import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A delayed message is delivered when its time has come, once")
struct DelayingTests {
    private func delayed(_ body: String, by property: String, _ value: String) -> RemotingCommand {
        Requests.send(body, properties: "\(property)\u{1}\(value)\u{2}")
    }

    private func bodies(_ bench: inout EngineBench, topic: String = "T") -> [String] {
        let pull = bench.request(Requests.pull(topic: topic, offset: 0))
        return bench.messages(of: pull) { String(decoding: $0.body, as: UTF8.self) }
    }

    @Test(
        "by level, by seconds, by milliseconds and by time",
        arguments: [
            ("DELAY", "1", 1_000), ("DELAY", "2", 5_000), ("TIMER_DELAY_SEC", "7", 7_000),
            ("TIMER_DELAY_MS", "250", 250), ("TIMER_DELIVER_MS", "1700000003000", 3_000),
        ])
    func delays(property: String, value: String, milliseconds: Int) {
        var bench = EngineBench()
        let send = bench.request(self.delayed("later", by: property, value))
        bench.settle()
        #expect(bench.answer(to: send)?.code == .success)
        #expect(bench.field("recallHandle", of: send)?.isEmpty == false)
        bench.pass(.milliseconds(milliseconds - 1))
        bench.settle()
        #expect(self.bodies(&bench) == [])
        bench.pass(.milliseconds(1))
        bench.settle()
        #expect(self.bodies(&bench) == ["later"])
        bench.pass(.seconds(10_000))
        bench.settle()
        #expect(self.bodies(&bench) == ["later"])
    }

    @Test("a message whose time has passed is stored at once")
    func past() {
        var bench = EngineBench()
        bench.request(self.delayed("now", by: "TIMER_DELIVER_MS", "1600000000000"))
        bench.settle()
        #expect(self.bodies(&bench) == ["now"])
    }

    @Test("what is too far ahead or no number is refused, and nothing is stored")
    func refused() {
        var bench = EngineBench()
        for (property, value) in [("TIMER_DELAY_SEC", "99999999"), ("TIMER_DELAY_MS", "soon")] {
            let send = bench.request(self.delayed("never", by: property, value))
            bench.settle()
            #expect(bench.answer(to: send)?.code == .messageIllegal)
        }
        #expect(bench.engine.delivery.delays.pendingCount == 0)
    }

    @Test("messages fire in the order of their times, not of their sending")
    func order() {
        var bench = EngineBench()
        for delay in [3, 1, 2] {
            bench.request(self.delayed("after \(delay)", by: "TIMER_DELAY_SEC", "\(delay)"))
        }
        bench.settle()
        for _ in 0..<40 {
            bench.pass(.milliseconds(100))
            bench.settle()
        }
        #expect(self.bodies(&bench) == ["after 1", "after 2", "after 3"])
    }

    @Test("a broker that starts again delivers what waits, whatever of its last writes is lost")
    func restarts() throws {
        var bench = EngineBench()
        for delay in 1...5 {
            bench.request(self.delayed("after \(delay)", by: "TIMER_DELAY_SEC", "\(delay)"))
        }
        bench.settle()
        let kept = bench.disk.count
        for _ in 0..<3 {
            bench.pass(.seconds(1))
            bench.settle()
        }
        for batches in kept...bench.disk.count {
            var again = try EngineBench(restarting: bench, batches: batches)
            again.setTime(since: .seconds(3))
            for _ in 0..<30 {
                again.pass(.milliseconds(100))
                again.settle()
            }
            #expect(self.bodies(&again) == (1...5).map { "after \($0)" }, "\(batches) batches")
            #expect(again.engine.delivery.delays.pendingCount == 0)
        }
    }

    @Test("a topic that is deleted takes with it what waits for it")
    func deletedTopic() {
        var bench = EngineBench()
        bench.request(self.delayed("lost", by: "DELAY", "1"))
        bench.settle()
        bench.request(.request(.deleteTopicInBroker, fields: ["topic": "T"]))
        bench.settle()
        bench.pass(.seconds(2))
        bench.settle()
        #expect(bench.engine.delivery.delays.pendingCount == 0)
        #expect(bench.others.contains { if case .warn = $0 { true } else { false } })
    }
}

@Suite("What a consumer gives back comes again later, and dies in the end")
struct SendingBackTests {
    private func bench() -> EngineBench {
        var bench = EngineBench()
        bench.request(Requests.heartbeat("c1"))
        bench.request(Requests.send("work", properties: "UNIQ_KEY\u{1}K1\u{2}"))
        bench.settle()
        return bench
    }

    private func sendBack(_ position: PhysicalOffset, level: Int = 0, max: Int = 16)
        -> RemotingCommand
    {
        .request(
            .consumerSendMessageBack,
            fields: [
                "offset": String(position.bytes), "group": "CG", "delayLevel": String(level),
                "originMsgId": "K1", "originTopic": "T", "maxReconsumeTimes": String(max),
            ])
    }

    private func last(
        _ bench: inout EngineBench, topic: String, at offset: Int64
    ) -> (position: PhysicalOffset, times: Int32, properties: MessageProperties)? {
        let pull = bench.request(Requests.pull(topic: topic, offset: offset))
        return bench.messages(of: pull) {
            ($0.physicalOffset, $0.reconsumeTimes, $0.properties)
        }.first
    }

    @Test("it comes back in the retry topic with growing delay, and is a dead letter in the end")
    func retries() throws {
        var bench = self.bench()
        var (topic, offset) = ("T", Int64(0))
        for times in 0..<3 {
            let found = try #require(self.last(&bench, topic: topic, at: offset))
            #expect(found.times == times)
            let back = bench.request(self.sendBack(found.position, max: 3))
            bench.settle()
            #expect(bench.answer(to: back)?.code == .success)
            let delay = [10, 30, 60][times]
            bench.pass(.milliseconds(delay * 1_000 - 1))
            bench.settle()
            (topic, offset) = ("%RETRY%CG", Int64(times))
            #expect(self.last(&bench, topic: topic, at: offset) == nil)
            bench.pass(.milliseconds(1))
            bench.settle()
        }
        let final = try #require(self.last(&bench, topic: topic, at: offset))
        #expect(final.properties["RETRY_TOPIC"] == "T")
        #expect(final.properties["UNIQ_KEY"] == "K1")
        bench.request(self.sendBack(final.position, max: 3))
        bench.settle()
        let dead = try #require(self.last(&bench, topic: "%DLQ%CG", at: 0))
        let note = try #require(DeadLetterNote(dead.properties))
        #expect(note.attempts == 4)
        #expect(note.consumer == "c1")
        #expect(note.originTopic == "T")
    }

    @Test("an unknown group, an offset without a message: refused, and nothing happens")
    func refused() {
        var bench = self.bench()
        let nowhere = bench.request(self.sendBack(PhysicalOffset(7)))
        #expect(bench.answer(to: nowhere)?.code == .systemError)
        let beyond = bench.request(self.sendBack(PhysicalOffset(1 << 40)))
        #expect(bench.answer(to: beyond)?.code == .systemError)
        var command = self.sendBack(.zero)
        command["group"] = "nobody"
        let unknown = bench.request(command)
        #expect(bench.answer(to: unknown)?.code == .subscriptionGroupNotExist)
    }
}
