import Chaos
import MessageFormat
import Testing

@Suite("transactions, pops and order are judged by their promises")
struct FeatureOutcomeTests {
    private typealias Script = FeatureScript

    /// Number 0 is committed, 1 rolled back, 2 left open and committed.
    private func transactions(delivered: [Int64], asked: Bool = true) -> Script {
        var script = Script(.transaction)
        script.send(0, at: 0, .transaction(commits: true, isLeftOpen: false))
        script.send(1, at: 10, .transaction(commits: false, isLeftOpen: false))
        script.send(2, at: 20, .transaction(commits: true, isLeftOpen: true))
        script.send(3, at: 30, .transaction(commits: true, isLeftOpen: false), .unknown)
        if asked { script.add(1_000, .asked(Script.id(2))) }
        for number in delivered {
            script.receive(number, at: 2_000)
            script.treat(number, at: 2_000, .done)
        }
        return script
    }

    @Test("what was committed comes, what was not does not")
    func outcomes() {
        let verdict = self.transactions(delivered: [0, 2]).verdict
        #expect(verdict.outcome == .valid)
        #expect(verdict.notes == ["2 committed, 1 rolled back, 1 of all asked for"])
        #expect(self.transactions(delivered: [0]).broken == [.lost: 1])
        #expect(self.transactions(delivered: [0, 1, 2]).broken == [.rolledBack: 1])
        // Its sender was not told that it is stored, so its work was never done.
        #expect(self.transactions(delivered: [0, 2, 3]).broken == [.rolledBack: 1])
        #expect(
            self.transactions(delivered: [0, 2], asked: false).verdict.outcome == .inconclusive)
    }

    /// Number 0 is left, and comes back after its 3 s; 1 is acknowledged at once.
    private func pops(back: Int64 = 3_110, acknowledged: Int64 = 120) -> Script {
        var script = Script(.pop)
        for number: Int64 in 0...1 {
            script.send(number, at: 0)
            script.receive(number, at: 105)
            script.treat(number, at: 105, .hidden(until: Script.tick(3_100)))
        }
        script.treat(1, at: acknowledged, .done)
        script.receive(0, at: back, by: "c1")
        script.treat(0, at: back, by: "c1", .hidden(until: Script.tick(back + 3_000)))
        script.treat(0, at: back + 1, by: "c1", .done)
        return script
    }

    @Test("hidden so long as was said, and then back")
    func hidden() {
        #expect(self.pops().verdict.outcome == .valid)
        #expect(self.pops().verdict.notes == ["1 came back, latest 0.010 s"])
        #expect(self.pops(back: 3_090).broken == [.seenByTwo: 1])
        #expect(self.pops(back: 8_200).broken == [.late: 1])
    }

    @Test("what was acknowledged within its time never comes back")
    func acknowledged() {
        var script = self.pops()
        script.receive(1, at: 3_200, by: "c1")
        #expect(script.broken == [.cameBack: 1])
        // Too late: somebody may have had it again by then.
        script = self.pops(acknowledged: 3_150)
        script.receive(1, at: 3_200, by: "c1")
        #expect(script.verdict.outcome == .valid)
    }

    @Test("popped and never acknowledged is lost, unless nobody can tell")
    func unacknowledged() {
        var script = self.pops()
        script.send(2, at: 0)
        script.receive(2, at: 110)
        #expect(script.broken == [.lost: 1])
        script.treat(2, at: 120, .uncertain)
        #expect(script.verdict.outcome == .valid)
    }

    /// Messages 0 to 2, handled one after the other.
    private func orderly() -> Script {
        var script = Script(.orderly)
        for number: Int64 in 0...2 {
            script.send(number, at: number * 10)
            script.receive(number, at: 100 + number * 10)
            script.treat(number, at: 105 + number * 10, .done)
        }
        return script
    }

    @Test("in order, and again from an earlier message on with a cause")
    func order() {
        var script = self.orderly()
        #expect(script.verdict.outcome == .valid)
        script.add(130, .left(Script.member("c0")))
        for number: Int64 in 1...2 {
            script.receive(number, at: 140 + number * 10, by: "c1")
            script.treat(number, at: 145 + number * 10, by: "c1", .done)
        }
        #expect(script.verdict.outcome == .valid)
        #expect(script.verdict.duplicated == [.consumerLeft: 2])
        script.events.removeAll { if case .left = $0.kind { true } else { false } }
        #expect(script.broken == [.duplicatedUnexplained: 2])
    }

    @Test("handled before the one before it was done with")
    func tooSoon() {
        var script = self.orderly()
        script.events.removeAll { event in
            guard case .treated(Script.id(0), _, _, _) = event.kind else { return false }
            return true
        }
        script.treat(0, at: 109, .failed(again: .milliseconds(100)))
        script.receive(0, at: 150)
        script.treat(0, at: 155, .done)
        #expect(script.broken == [.reordered: 2])
    }

    @Test("two handlers at work on one queue")
    func overlap() {
        var script = self.orderly()
        script.receive(2, at: 123, by: "c1")
        #expect(script.broken[.overlapped] == 1)
    }
}
