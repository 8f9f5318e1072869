import Chaos
import Testing

@Suite("delayed messages are judged by when they come")
struct FeatureDelayTests {
    private typealias Script = FeatureScript

    /// Sent at 0, to come after a second.
    private func delayed(comes milliseconds: Int64?) -> Script {
        var script = Script(.delay)
        script.send(0, at: 0, .delayed(by: .seconds(1)))
        if let milliseconds {
            script.receive(0, at: milliseconds)
            script.treat(0, at: milliseconds, .done)
        }
        return script
    }

    @Test("on time, early, late, never")
    func times() {
        #expect(self.delayed(comes: 1_000).verdict.outcome == .valid)
        #expect(self.delayed(comes: 2_001).verdict.outcome == .valid)
        #expect(self.delayed(comes: 2_001).verdict.notes == ["latest 0.999 s"])
        #expect(self.delayed(comes: 997).broken == [.early: 1])
        #expect(self.delayed(comes: 2_003).broken == [.late: 1])
        #expect(self.delayed(comes: nil).broken == [.lost: 1])
    }

    @Test("a time of the clock counts as it was said")
    func due() {
        var script = Script(.delay)
        script.send(0, at: 0, .due(at: Script.tick(500)))
        script.receive(0, at: 490)
        script.treat(0, at: 490, .done)
        #expect(script.broken == [.early: 1])
    }

    @Test("without a master nobody can deliver: the second begins with the election")
    func election() {
        var script = self.delayed(comes: 4_900)
        #expect(script.broken == [.late: 1])
        script.elect(at: 4_000)
        #expect(script.verdict.outcome == .valid)
        #expect(script.verdict.notes == ["latest 0.000 s, after an election 0.900 s"])
    }

    @Test("two places are two messages, also if a failover lies between")
    func twice() {
        var script = self.delayed(comes: 1_100)
        script.elect(at: 1_150)
        script.receive(0, at: 1_200, Script.place(7))
        #expect(script.broken == [.storedTwice: 1])
    }

    @Test("the same place again needs a cause")
    func again() {
        var script = self.delayed(comes: 1_100)
        script.receive(0, at: 1_200)
        #expect(script.broken == [.duplicatedUnexplained: 1])
        script.elect(at: 1_150)
        #expect(script.verdict.outcome == .valid)
        #expect(script.verdict.duplicated == [.failover: 1])
    }
}
