import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A delayed message that was recalled is never delivered")
struct RecallingTests {
    /// The answer to a send that waits for `seconds`.
    private func delayed(_ bench: inout EngineBench, key: String, seconds: Int) -> String {
        let send = bench.request(
            Requests.send(
                key, properties: "UNIQ_KEY\u{1}\(key)\u{2}TIMER_DELAY_SEC\u{1}\(seconds)\u{2}"))
        bench.settle()
        return bench.field("recallHandle", of: send) ?? ""
    }

    private func recall(_ handle: String, topic: String = "T") -> RemotingCommand {
        .request(
            .recallMessage,
            fields: ["producerGroup": "PG", "topic": topic, "recallHandle": handle])
    }

    private func bodies(_ bench: inout EngineBench) -> [String] {
        let pull = bench.request(Requests.pull(offset: 0))
        return bench.messages(of: pull) { String(decoding: $0.body, as: UTF8.self) }
    }

    private func list(_ bench: inout EngineBench, limit: Int = 10) throws -> DelayedMessageList {
        let list = bench.request(
            .request(.listDelayedMessages, fields: ["limit": String(limit)]))
        return try DelayedMessageList(parsing: try #require(bench.answer(to: list)?.body))
    }

    @Test("recalled by its handle, also when the broker starts again afterwards")
    func byHandle() throws {
        var bench = EngineBench()
        let handle = self.delayed(&bench, key: "K1", seconds: 5)
        _ = self.delayed(&bench, key: "K2", seconds: 5)
        let recall = bench.request(self.recall(handle))
        #expect(bench.answer(to: recall) == nil)
        bench.settle()
        #expect(bench.answer(to: recall)?.code == .success)
        #expect(bench.field("msgId", of: recall) == "K1")
        #expect(try self.list(&bench).messages.map(\.uniqueKey) == ["K2"])
        var again = try EngineBench(restarting: bench)
        again.setTime(since: .seconds(6))
        again.pass(.milliseconds(100))
        again.settle()
        #expect(self.bodies(&again) == ["K2"])
        #expect(again.engine.delivery.delays.pendingCount == 0)
    }

    @Test("recalled by a message that names it")
    func byMessage() {
        var bench = EngineBench()
        bench.request(
            Requests.send(
                "work",
                properties: "UNIQ_KEY\u{1}K1\u{2}TIMER_DELIVER_MS\u{1}1700000005000\u{2}"))
        bench.settle()
        let cancel = bench.request(
            Requests.send(
                "cancel",
                properties: "TIMER_DEL_UNIQKEY\u{1}T+K1\u{2}TIMER_DELIVER_MS\u{1}1700000005000\u{2}"
            ))
        bench.settle()
        #expect(bench.answer(to: cancel)?.code == .success)
        bench.pass(.seconds(6))
        bench.settle()
        #expect(self.bodies(&bench) == [])
    }

    @Test("too late, twice, of another topic, of another broker, without sense: refused")
    func refused() {
        var bench = EngineBench()
        let late = self.delayed(&bench, key: "K1", seconds: 1)
        let twice = self.delayed(&bench, key: "K2", seconds: 50)
        bench.request(self.recall(twice))
        bench.pass(.seconds(2))
        bench.settle()
        let elsewhere = RecallHandle(
            topic: "T", brokerName: "other", due: EngineBench.wall, uniqueKey: "K1")
        let unknown = RecallHandle(
            topic: "T", brokerName: "broker-a", due: EngineBench.wall, uniqueKey: "K9")
        for (request, code) in [
            (self.recall(late), ResponseCode.illegalOperation),
            (self.recall(twice), .illegalOperation),
            (self.recall(twice, topic: "U"), .illegalOperation),
            (self.recall(elsewhere.text), .illegalOperation),
            (self.recall(unknown.text), .illegalOperation),
            (self.recall("nonsense"), .systemError),
        ] {
            let answer = bench.request(request)
            bench.settle()
            #expect(bench.answer(to: answer)?.code == code)
        }
        #expect(self.bodies(&bench) == ["K1"])
    }

    @Test("operators see what waits: how many, the next one, the first few")
    func listing() throws {
        var bench = EngineBench()
        #expect(try self.list(&bench).total == 0)
        for seconds in [30, 10, 20] {
            _ = self.delayed(&bench, key: "K\(seconds)", seconds: seconds)
        }
        let list = try self.list(&bench, limit: 2)
        #expect(list.total == 3)
        #expect(list.nextDue?.milliseconds == EngineBench.wall.milliseconds + 10_000)
        #expect(list.messages.map(\.uniqueKey) == ["K10", "K20"])
        #expect(list.messages.allSatisfy { $0.topic == "T" })
        #expect(!list.isComplete)
    }
}
