import Chaos
import MessageFormat
import RemotingProtocol
import Testing

@testable import apus

/// A flow whose links, answers and time are the test's.
private struct FlowBench {
    var flow: SendFlow
    let totals = BenchTotals()
    var now = Tick(.seconds(1))
    /// What was sent and not looked at yet, the places that rest, links that shall be opened.
    var sent: [(number: Int32, target: Int)] = []
    var resting: [Int] = []
    var connecting: [Int] = []
    var finished = 0

    var counts: BenchTotals.Counts { self.totals.sum }

    init(
        _ targets: [String] = ["a:1"], inFlight: Int = 1, rate: Double? = nil,
        time: Duration = .seconds(100), timeout: Duration = .seconds(3), isConnected: Bool = true
    ) {
        let plan = SendFlow.Plan(
            bodyBytes: 100, inFlight: inFlight, rate: rate, beginAt: self.now,
            endAt: self.now + time, timeout: timeout, turn: -1)
        self.flow = SendFlow(plan, to: targets, self.totals)
        self.tell { flow, _ in flow.connect() }
        if isConnected { for link in self.connecting { self.connected(link) } }
    }

    mutating func tell(_ input: (inout SendFlow, Tick) -> Void) {
        input(&self.flow, self.now)
        for effect in self.flow.effects {
            switch effect {
            case .connect(let link): self.connecting.append(link)
            case .transmit(let number, let target): self.sent.append((number, target))
            case .rest(let place): self.resting.append(place)
            case .finish: self.finished += 1
            }
        }
        self.flow.forgetEffects()
    }

    mutating func connected(_ link: Int = 0) {
        self.connecting.removeAll { $0 == link }
        self.tell { $0.connected(link, at: $1) }
    }

    mutating func lost(_ link: Int = 0) {
        self.connecting.removeAll { $0 == link }
        self.tell { $0.lost(link, at: $1) }
    }

    mutating func answer(_ numbers: some Sequence<Int32>, _ code: ResponseCode = .success) {
        for number in numbers {
            self.tell { $0.answered(number, code, "\(code.name): no", at: $1) }
        }
    }

    /// What was sent since the last look, oldest first.
    mutating func take() -> [Int32] { exchange(&self.sent, with: []).map(\.number) }

    /// Time passes, and those who rest have rested.
    mutating func pass(_ time: Duration) {
        self.now = self.now + time
        self.tell { $0.sendDue(at: $1) }
        self.tell { $0.giveUpOverdue(at: $1) }
        if time >= SendFlow.pause {
            for place in exchange(&self.resting, with: []) {
                self.tell { $0.hasRested(place, at: $1) }
            }
        }
    }
}

@Suite("What a generator of load sends and counts")
struct SendFlowTests {
    @Test("each answer brings the next send, to one target after the other")
    func turns() {
        var bench = FlowBench(["a:1", "b:1", "a:1"], inFlight: 2)
        #expect(bench.sent.map(\.target) == [0, 1])
        for sent in 0..<4 { bench.answer(bench.sent.dropFirst(sent).prefix(1).map(\.number)) }
        #expect(bench.sent.map(\.target) == [0, 1, 2, 0, 1, 2])
        #expect(Set(bench.sent.map(\.number)).count == 6)
        #expect(bench.counts.messages == 4 && bench.counts.bytes == 400)
        #expect(bench.counts.errors == 0)
    }

    @Test("nothing leaves before each link is open or cannot be")
    func beginning() {
        var bench = FlowBench(["a:1", "b:1"], inFlight: 2, isConnected: false)
        #expect(bench.connecting == [0, 1])
        bench.connected(1)
        #expect(bench.sent.isEmpty)
        bench.lost(0)
        #expect(bench.sent.map(\.target) == [1])
        #expect(bench.counts.firstError == "no connection to a:1")
    }

    @Test("a connection that is lost takes with it what was in flight over it, and nothing else")
    func loss() {
        var bench = FlowBench(["a:1", "b:1"], inFlight: 4)
        let numbers = bench.take()
        bench.answer(numbers.prefix(1))
        bench.lost(0)
        #expect(bench.counts.errors == 2)
        #expect(bench.counts.firstError == "the connection to a:1 closed")
        bench.answer(numbers)
        #expect(bench.counts.messages == 3)
    }

    @Test("a lost connection is opened again, once, and the sends go on")
    func reconnecting() {
        var bench = FlowBench(inFlight: 3)
        _ = bench.take()
        bench.lost()
        #expect(bench.counts.errors == 3 && bench.connecting == [])
        bench.pass(.milliseconds(20))
        #expect(bench.connecting == [0])
        #expect(bench.take() == [] && bench.resting.count == 3)
        bench.pass(.milliseconds(20))
        #expect(bench.connecting == [0])
        bench.lost()
        bench.pass(.milliseconds(20))
        #expect(bench.connecting == [0])
        bench.connected()
        bench.pass(.milliseconds(20))
        let numbers = bench.take()
        #expect(numbers.count == 3)
        bench.answer(numbers)
        #expect(bench.counts.messages == 3)
    }

    @Test("an answer to what was given up counts nothing, and neither does a second one")
    func late() {
        var bench = FlowBench()
        let first = bench.take()
        bench.pass(.seconds(3))
        #expect(bench.counts.errors == 0)
        bench.pass(.milliseconds(1))
        #expect(bench.counts.errors == 1)
        #expect(bench.counts.firstError == "no answer within 3.0 seconds")
        bench.answer(first)
        #expect(bench.counts.messages == 0 && bench.take() == [])
        bench.pass(.milliseconds(20))
        let second = bench.take()
        #expect(second.count == 1)
        bench.answer(first)
        #expect(bench.counts.messages == 0 && bench.take() == [])
        bench.answer(second)
        bench.answer(second)
        #expect(bench.counts.messages == 1 && bench.take().count == 1)
    }

    @Test("an answer to what went with its connection counts nothing after the next one is open")
    func lateAfterReconnecting() {
        var bench = FlowBench()
        let first = bench.take()
        bench.lost()
        bench.answer(first)
        bench.pass(.milliseconds(20))
        bench.connected()
        bench.pass(.milliseconds(20))
        let second = bench.take()
        bench.answer(first)
        #expect(bench.counts.messages == 0 && second.count == 1)
        bench.answer(second)
        #expect(bench.counts.messages == 1)
    }

    @Test(
        "an answer to a number that nobody sent is nobody's",
        arguments: [0, -1, .min, .max, 1_000_000_000] as [Int32])
    func strange(number: Int32) {
        var bench = FlowBench(inFlight: 3)
        _ = bench.take()
        bench.answer([number])
        #expect(bench.counts.messages == 0 && bench.counts.errors == 0 && bench.take() == [])
    }

    @Test("refusals are errors and counted apart; after one its place rests")
    func refusals() {
        var bench = FlowBench(inFlight: 2)
        let numbers = bench.take()
        bench.answer(numbers.prefix(1), .systemBusy)
        bench.answer(numbers.dropFirst(), .systemError)
        #expect(bench.counts.refused == 1 && bench.counts.errors == 2)
        #expect(bench.counts.firstError == "SYSTEM_BUSY: no")
        #expect(bench.counts.latency.count == 0 && bench.counts.refusalLatency.count == 1)
        #expect(bench.take() == [])
        bench.pass(.milliseconds(20))
        #expect(bench.take().count == 2)
    }

    @Test("at a rate as much is sent as is due, and a refusal changes nothing of that")
    func paced() {
        var bench = FlowBench(inFlight: 100, rate: 1_000)
        #expect(bench.take() == [])
        for _ in 0..<10 {
            bench.pass(.milliseconds(5))
            let numbers = bench.take()
            #expect(numbers.count == 5)
            bench.answer(numbers, .systemBusy)
        }
        #expect(bench.counts.refused == 50 && bench.resting == [])
    }

    @Test("what was due while too much had no answer is not made up for")
    func missed() {
        var bench = FlowBench(inFlight: 10, rate: 1_000)
        bench.pass(.milliseconds(100))
        let numbers = bench.take()
        #expect(numbers.count == 10)
        bench.pass(.milliseconds(100))
        bench.answer(numbers)
        bench.pass(.milliseconds(3))
        #expect(bench.take().count == 3)
    }

    @Test(
        "it ends once, when the time is over and each send was answered or given up",
        arguments: [nil, 1_000])
    func ending(rate: Double?) {
        var bench = FlowBench(inFlight: 2, rate: rate, time: .seconds(1))
        bench.pass(.milliseconds(10))
        let numbers = bench.take()
        #expect(numbers.count == 2)
        bench.pass(.seconds(2))
        bench.answer(numbers.prefix(1))
        #expect(bench.finished == 0)
        bench.pass(.seconds(2))
        #expect(bench.counts.messages == 1 && bench.counts.errors == 1)
        bench.pass(.seconds(2))
        #expect(bench.finished == 1 && bench.take() == [])
    }

    @Test("numbers never have more than ten digits, and never meet")
    func numbers() {
        var bench = FlowBench(inFlight: 10_000)
        let numbers = bench.take()
        #expect(Set(numbers).count == 10_000)
        var next = numbers.dropFirst(7).prefix(1)
        for _ in 0..<100_000 {
            bench.answer(next)
            next = bench.take()[...]
            let isPlaced = next.allSatisfy {
                (1_000_000_000...1_999_999_999).contains($0) && $0 % 10_000 == 7
            }
            guard next.count == 1, isPlaced else {
                Issue.record("\(next)")
                return
            }
        }
        #expect(bench.counts.messages == 100_000)
    }
}
