import Chaos
import MessageFormat
import Testing

private typealias Script = HistoryScript

/// One group, whose master is struck after the second message.
private struct FailoverScript {
    static let old = MasterPlace(group: "broker-a", address: "host:1")
    static let new = MasterPlace(group: "broker-a", address: "host:2")

    var script = Script()
    private var sent: [ValueID] = []

    init() {
        self.script.add(.assigned(Script.member(0), queues: [Script.queue(0)]))
        self.elect(Self.old, epoch: 1)
        self.send(to: Self.old)
        self.send(to: Self.old)
    }

    mutating func elect(_ master: MasterPlace, epoch: UInt32) {
        self.script.add(.elected(Election(master, epoch: epoch)))
    }

    mutating func strike() {
        self.script.add(.faultBegan(Fault(name: "kill", target: "broker-a-1", master: Self.old)))
    }

    mutating func heal() {
        let fault = Fault(name: "kill", target: "broker-a-1", master: Self.old)
        self.script.add(.faultEnded(fault, proof: "killed"))
    }

    mutating func send(to master: MasterPlace, receive: Bool = true) {
        let value = Script.value(0, Int64(self.sent.count))
        let place = Script.place(0, Int64(self.sent.count))
        self.script.add(.sendStarted(value, topic: Script.topic))
        self.script.add(
            .sendEnded(value, .acknowledged, status: "", place, to: master.address))
        self.sent.append(value)
        if receive { self.receive(self.sent.count - 1) }
    }

    mutating func receive(_ index: Int) {
        self.script.receive(
            self.sent[index], at: Script.place(0, Int64(index)), by: Script.member(0))
    }

    mutating func verdict() -> Verdict {
        self.script.add(.committed(group: Script.group, Script.place(0, Int64(self.sent.count))))
        self.script.drain(0, self.sent)
        return self.script.verdict
    }
}

@Suite("the checker and a change of masters")
struct CheckerFailoverTests {
    @Test("the time to the new master's first acknowledgement is taken")
    func takenOver() {
        var failover = FailoverScript()
        failover.strike()  // millisecond 13
        failover.elect(FailoverScript.new, epoch: 2)
        failover.send(to: FailoverScript.new)  // acknowledged at 16
        failover.heal()
        let verdict = failover.verdict()
        #expect(verdict.outcome == .valid, "\(verdict.reasons)")
        #expect(verdict.faults.map(\.takenOverMilliseconds) == [3])
        #expect(verdict.longestGapsByGroup.keys.sorted() == ["broker-a"])
        #expect(
            verdict.faults.map(\.longestGroupGapMilliseconds)
                == verdict.longestGapsByGroup.map(\.value))
    }

    @Test("nobody took over: there is no such time")
    func notTakenOver() {
        var failover = FailoverScript()
        failover.strike()
        failover.send(to: FailoverScript.old)
        failover.heal()
        #expect(failover.verdict().faults.map(\.takenOverMilliseconds) == [nil])
    }

    @Test("a takeover after the next fault's begin is not the first one's")
    func takenOverLater() {
        var failover = FailoverScript()
        failover.strike()
        failover.heal()
        failover.script.add(.faultBegan(Fault(name: "kill", target: "controller-1")))
        failover.elect(FailoverScript.new, epoch: 2)
        failover.send(to: FailoverScript.new)
        #expect(failover.verdict().faults.map(\.takenOverMilliseconds) == [nil, nil])
    }

    @Test("a deposed master that still acknowledges is found")
    func unfenced() {
        var failover = FailoverScript()
        failover.elect(FailoverScript.new, epoch: 2)
        failover.send(to: FailoverScript.old)
        let verdict = failover.verdict()
        #expect(verdict.broken == [.unfenced: 1])
        #expect(verdict.outcome == .invalid)
    }

    @Test("an acknowledgement before the master was seen as one is right")
    func seenLate() {
        var failover = FailoverScript()
        failover.send(to: FailoverScript.new)
        failover.elect(FailoverScript.new, epoch: 2)
        #expect(failover.verdict().outcome == .valid)
    }

    @Test("two masters in one epoch are found")
    func twoMasters() {
        var failover = FailoverScript()
        failover.elect(FailoverScript.new, epoch: 1)
        #expect(failover.verdict().broken == [.twoMasters: 1])
    }

    @Test("what the new master hands out again has the failover as its cause")
    func duplicate() {
        var failover = FailoverScript()
        failover.elect(FailoverScript.new, epoch: 2)
        failover.receive(1)
        #expect(failover.verdict().duplicated == [.failover: 1])
    }

    @Test("without an election the same is unexplained")
    func duplicateWithoutElection() {
        var failover = FailoverScript()
        failover.receive(1)
        #expect(failover.verdict().duplicated == [.unexplained: 1])
    }

    @Test("a group that stands still shows, though others go on")
    func gapOfOneGroup() {
        var script = Script.flawless()
        let other = MessageQueue(topic: Script.topic, brokerName: "broker-b", queueID: 0)
        for number: Int64 in [0, 1] {
            let value = Script.value(5, number)
            script.send(value, .acknowledged, at: QueuePosition(other, QueueOffset(number)))
            guard number == 0 else { continue }
            for count: Int64 in 10...20 {
                script.send(Script.value(0, count), .acknowledged, at: Script.place(0, count))
            }
        }
        let gaps = script.verdict.longestGapsByGroup
        #expect((gaps["broker-b"] ?? 0) > (gaps["broker-a"] ?? 0))
    }
}
