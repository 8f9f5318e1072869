import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Seen means kept")
struct PullingTests {
    private func bench(sending count: Int, tag: (Int) -> String? = { _ in nil }) -> EngineBench {
        var bench = EngineBench()
        for number in 0..<count {
            bench.request(Requests.send("m\(number)", tag: tag(number)))
            bench.settle()
        }
        return bench
    }

    @Test("nobody sees a message that is not confirmed")
    func unconfirmed() {
        var bench = self.bench(sending: 2)
        bench.request(Requests.send("third"))
        let pull = bench.request(Requests.pull(offset: 0))
        #expect(bench.answer(to: pull)?.entries.count == 2)
        #expect(bench.field("maxOffset", of: pull) == "2")
        bench.settle()
        let again = bench.request(Requests.pull(offset: 2))
        #expect(bench.answer(to: again)?.entries.count == 1)
    }

    @Test("a held pull is answered by the message it waits for")
    func longPoll() {
        var bench = self.bench(sending: 1)
        let pull = bench.request(Requests.pull(offset: 1, hold: 15_000), from: 2)
        #expect(bench.answer(to: pull) == nil)
        bench.request(Requests.send("next"))
        #expect(bench.answer(to: pull) == nil)
        bench.settle()
        #expect(bench.answer(to: pull)?.code == .success)
        #expect(bench.answer(to: pull)?.entries.count == 1)
    }

    @Test("a held pull whose tag does not come stays held until its time is over")
    func holdWithTag() {
        var bench = self.bench(sending: 1)
        let pull = bench.request(Requests.pull(offset: 1, hold: 15_000, expression: "A"), from: 2)
        bench.request(Requests.send(tag: "B"))
        bench.settle()
        #expect(bench.answer(to: pull) == nil)
        bench.request(Requests.send(tag: "A"))
        bench.settle()
        #expect(bench.answer(to: pull)?.entries.count == 1)
        #expect(bench.field("nextBeginOffset", of: pull) == "3")
    }

    @Test("a pull that waited in vain is answered PULL_NOT_FOUND")
    func expiry() {
        var bench = self.bench(sending: 1)
        let pull = bench.request(Requests.pull(offset: 1, hold: 1_000), from: 2)
        bench.pass(.milliseconds(900))
        #expect(bench.answer(to: pull) == nil)
        bench.pass(.milliseconds(200))
        #expect(bench.answer(to: pull)?.code == .pullNotFound)
    }

    @Test("a pull that names no number of messages gets one", arguments: [Int32(0), -5])
    func noNumber(max: Int32) {
        var bench = self.bench(sending: 3)
        let pull = bench.request(Requests.pull(offset: 0, max: max))
        #expect(bench.answer(to: pull)?.entries.count == 1)
    }

    @Test("an endless tag expression is refused")
    func endlessExpression() {
        var bench = self.bench(sending: 1)
        let expression = String(repeating: "tag||", count: 10_000)
        let pull = bench.request(Requests.pull(offset: 0, expression: expression))
        #expect(bench.answer(to: pull)?.code == .subscriptionParseFailed)
    }

    @Test("a closed connection's held pulls are forgotten")
    func closing() {
        var bench = self.bench(sending: 1)
        let pull = bench.request(Requests.pull(offset: 1, hold: 15_000), from: 2)
        bench.close(2)
        bench.request(Requests.send())
        bench.settle()
        #expect(bench.answer(to: pull) == nil)
    }

    @Test("tags are chosen by the broker, and the offset moves past what was not")
    func tags() {
        var bench = self.bench(sending: 6) { $0 % 2 == 0 ? "A" : "B" }
        let some = bench.request(Requests.pull(offset: 0, expression: "A || C"))
        #expect(bench.answer(to: some)?.entries.count == 3)
        #expect(bench.field("nextBeginOffset", of: some) == "6")
        let none = bench.request(Requests.pull(offset: 0, expression: "Z"))
        #expect(bench.answer(to: none)?.code == .pullRetryImmediately)
        #expect(bench.field("nextBeginOffset", of: none) == "6")
    }

    @Test(
        "an offset outside the queue is corrected",
        arguments: [
            (Int64(3), ResponseCode.pullNotFound, "3"), (99, .pullOffsetMoved, "3"),
            (-1, .pullOffsetMoved, "0"),
        ])
    func offsets(offset: Int64, code: ResponseCode, next: String) {
        var bench = self.bench(sending: 3)
        let pull = bench.request(Requests.pull(offset: offset))
        #expect(bench.answer(to: pull)?.code == code)
        #expect(bench.field("nextBeginOffset", of: pull) == next)
    }

    @Test(
        "bad pulls get their codes",
        arguments: [
            (Requests.pull(topic: "None", offset: 0), ResponseCode.topicNotExist),
            (Requests.pull(queue: 77, offset: 0), .invalidParameter),
            (Requests.pull(queue: -1, offset: 0), .invalidParameter),
            (Requests.pull(offset: -9), .invalidParameter),
        ])
    func badPulls(request: RemotingCommand, code: ResponseCode) {
        var bench = self.bench(sending: 1)
        let pull = bench.request(request)
        #expect(bench.answer(to: pull)?.code == code)
    }
}
