import Chaos
import MessageFormat
import Testing

@Suite("what cannot be known is no pass")
struct CheckerDoubtTests {
    private typealias Script = HistoryScript

    @Test("nothing was acknowledged")
    func nothing() {
        #expect(Script().verdict.outcome == .inconclusive)
        #expect(Script().verdict.reasons == ["no send was acknowledged"])
    }

    @Test("a queue with acknowledged messages was not read back")
    func notDrained() {
        var script = Script.flawless()
        script.remove {
            switch $0 {
            case .drained(let place, _): place.queue.queueID == 0
            case .drainEnded(let queue, _, _): queue.queueID == 0
            default: false
            }
        }
        let verdict = script.verdict
        #expect(verdict.outcome == .inconclusive)
        #expect(verdict.reasons == ["orders@broker-a/0 was not read back to its end"])
    }

    @Test("a message had not reached the group when the run ended")
    func undelivered() {
        var script = Script.flawless()
        let value = Script.value(0, 4)
        script.events.removeAll { $0.kind.isDrain(of: 0) }
        script.send(value, .acknowledged, at: Script.place(0, 4))
        script.drain(0, (0..<5).map { Script.value(0, $0) })
        #expect(script.verdict.outcome == .inconclusive)
        #expect(script.verdict.undelivered == 1)
    }

    @Test("a fault left no proof")
    func noProof() {
        var script = Script.flawless()
        let fault = Fault(name: "pause", target: "broker-a")
        script.add(.faultBegan(fault))
        script.add(.faultEnded(fault, proof: ""))
        #expect(script.verdict.outcome == .inconclusive)
        script.replace { if case .faultEnded = $0 { .faultEnded(fault, proof: "x") } else { nil } }
        #expect(script.verdict.outcome == .valid)
    }

    @Test("the history breaks off")
    func torn() {
        var checker = Checker(run: Script.run)
        for event in Script.flawless().events { checker.observe(event) }
        #expect(checker.verdict().outcome == .valid)
        checker.observeTornEnd()
        #expect(checker.verdict().outcome == .inconclusive)
    }

    @Test("the longest gap between successful sends, and the fault that it belongs to")
    func gaps() {
        let fault = Fault(name: "kill", target: "broker-a")
        var script = Script()
        script.send(Script.value(0, 0), .acknowledged, at: Script.place(0, 0))
        script.add(.faultBegan(fault))
        script.send(Script.value(0, 1), .failed)
        script.add(.faultEnded(fault, proof: "exit 137"))
        for index in 3..<script.events.count { script.events[index].at.nanoseconds += 700_000_000 }
        script.send(Script.value(0, 1, attempt: 2), .acknowledged, at: Script.place(0, 1))
        for index in 6..<script.events.count { script.events[index].at.nanoseconds += 900_000_000 }
        script.drain(0, [Script.value(0, 0), Script.value(0, 1, attempt: 2)])
        let verdict = script.verdict
        #expect(verdict.longestGapMilliseconds == 906)
        #expect(verdict.faults.map(\.longestGapMilliseconds) == [906])
        #expect(verdict.faults.map(\.beganAtMilliseconds) == [2])
        #expect(verdict.outcome == .valid)
        #expect(verdict.attempts == 3)
        #expect(verdict.attempted == 2)
    }

    @Test("many messages are judged within seconds, in a debug build")
    func large() {
        var script = Script()
        let count: Int64 = 20_000
        for number in 0..<count {
            script.send(Script.value(0, number), .acknowledged, at: Script.place(0, number))
        }
        script.drain(0, (0..<count).map { Script.value(0, $0) })
        let started = ContinuousClock.now
        #expect(script.verdict.outcome == .valid)
        #expect(ContinuousClock.now - started < .seconds(20))
    }
}

extension HistoryEvent.Kind {
    fileprivate func isDrain(of queueID: Int32) -> Bool {
        switch self {
        case .drained(let place, _): place.queue.queueID == queueID
        case .drainEnded(let queue, _, _): queue.queueID == queueID
        default: false
        }
    }
}
