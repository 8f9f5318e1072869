import Chaos
import MessageFormat
import Testing

@Suite("retries and dead letters are judged by what their handlers asked for")
struct FeatureRetryTests {
    private typealias Script = FeatureScript

    private static let retries = "%RETRY%readers"
    private static let deadLetters = "%DLQ%readers"

    /// Fails at 100, to come again after a second.
    private func failed(_ feature: Feature = .retry) -> Script {
        var script = Script(feature)
        script.send(0, at: 0)
        script.receive(0, at: 100)
        script.treat(0, at: 100, .failed(again: .seconds(1)))
        return script
    }

    @Test("comes again on time, early, late, never")
    func times() {
        for (comes, broken): (Int64?, Problem.Kind?) in [
            (1_100, nil), (2_000, nil), (1_050, .early), (2_150, .late), (nil, .lost),
        ] {
            var script = self.failed()
            if let comes {
                script.receive(0, at: comes, Script.place(0, Self.retries), times: 1)
                script.treat(0, at: comes, .done, Script.place(0, Self.retries))
            }
            #expect(script.broken == (broken.map { [$0: 1] } ?? [:]))
        }
    }

    @Test("comes again though nobody has asked for it")
    func unasked() {
        var script = Script(.retry)
        script.send(0, at: 0)
        script.receive(0, at: 100)
        script.treat(0, at: 100, .done)
        script.receive(0, at: 1_100, Script.place(0, Self.retries), times: 1)
        #expect(script.broken == [.duplicatedUnexplained: 1])
    }

    @Test("a broker that dies while it takes a message back may keep it beside the second copy")
    func copies() {
        var script = self.failed()
        for (number, at): (Int64, Int64) in [(0, 1_110), (1, 1_120)] {
            script.receive(0, at: at, Script.place(number, Self.retries), times: 1)
            script.treat(
                0, at: at, .failed(again: .seconds(1)), Script.place(number, Self.retries))
            script.receive(0, at: at + 1_000, Script.place(number + 5, Self.retries), times: 2)
            script.treat(0, at: at + 1_000, .done, Script.place(number + 5, Self.retries))
        }
        #expect(script.broken == [.duplicatedUnexplained: 1])
        let fault = Fault(name: "kill-master", target: "broker-a-1")
        script.add(150, .faultBegan(fault))
        script.add(1_500, .faultEnded(fault, proof: "killed"))
        #expect(script.verdict.outcome == .valid)
        #expect(script.verdict.duplicated == [.fault: 1])
        #expect(script.verdict.notes == ["3 retries, latest 0.010 s"])
    }

    /// Fails three times, lies among the dead letters, is sent again, and done with.
    private func died(
        failures: Int64 = 3, graves: [Int64] = [0], reason: String = "hopeless r1-p0/0/1",
        isReplayed: Bool = true
    ) -> Script {
        var script = Script(.deadLetter)
        script.send(0, at: 0)
        for number in 0..<failures {
            let place = number == 0 ? nil : Script.place(number, Self.retries)
            let at = 100 + number * 1_000
            script.receive(0, at: at, place, times: Int32(number))
            script.treat(
                0, at: at, .failed(again: number == failures - 1 ? nil : .seconds(1)), place)
        }
        for grave in graves {
            script.add(
                5_000,
                .buried(Script.id(0), Script.place(grave, Self.deadLetters), reason: reason))
        }
        guard isReplayed else { return script }
        script.add(5_000, .replayed(Script.id(0)))
        script.receive(0, at: 5_100, Script.place(9))
        script.treat(0, at: 5_100, .done, Script.place(9))
        return script
    }

    @Test("a dead letter that was replayed")
    func replayed() {
        let verdict = self.died().verdict
        #expect(verdict.outcome == .valid)
        #expect(verdict.notes == ["1 dead letters, 1 replayed, retries latest 0.000 s"])
        #expect(verdict.duplicatedInAll == 0)
    }

    @Test("a dead letter that was not replayed is lost, and so is one that is none")
    func lost() {
        #expect(self.died(isReplayed: false).broken == [.lost: 1])
        #expect(self.died(graves: [], isReplayed: false).broken == [.lost: 2])
    }

    @Test("too few failures, another reason")
    func wronglyDead() {
        #expect(self.died(failures: 2).broken == [.wronglyDead: 1])
        #expect(self.died(reason: "").broken == [.wronglyDead: 1])
    }

    @Test("two dead letters, two replays")
    func twice() {
        #expect(self.died(graves: [0, 1]).broken == [.storedTwice: 1])
        // Its broker died while it took the message for the dead letters.
        var script = self.died(graves: [0, 1])
        let fault = Fault(name: "kill-master", target: "broker-a-1")
        script.add(2_200, .faultBegan(fault))
        script.add(3_000, .faultEnded(fault, proof: "killed"))
        #expect(script.verdict.outcome == .valid)
        script = self.died()
        script.elect(at: 5_150)
        script.receive(0, at: 5_200, Script.place(10))
        #expect(script.broken == [.storedTwice: 1])
    }

    @Test("no dead letter shows nothing")
    func nothing() {
        var script = Script(.deadLetter)
        script.send(0, at: 0)
        script.receive(0, at: 100)
        script.treat(0, at: 100, .done)
        #expect(script.verdict.outcome == .inconclusive)
    }
}
