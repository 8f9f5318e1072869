import Chaos
import MessageFormat
import Testing

@Suite("every second delivery needs a cause")
struct CheckerDuplicateTests {
    private typealias Script = HistoryScript

    private let place = HistoryScript.place(0, 0)
    private let value = HistoryScript.value(0, 0)
    private let member = HistoryScript.member(0)
    private let other = HistoryScript.member(1)

    /// A message that `member` gets, then what happens, then a second delivery to `reader`.
    private func again(
        to reader: Member, after happens: (inout HistoryScript) -> Void = { _ in }
    ) -> Verdict {
        var script = HistoryScript()
        script.send(self.value, .acknowledged, at: self.place)
        script.receive(self.value, at: self.place, by: self.member)
        happens(&script)
        script.receive(self.value, at: self.place, by: reader)
        script.drain(0, [self.value])
        return script.verdict
    }

    @Test("no cause at all")
    func unexplained() {
        for reader in [self.member, self.other] {
            let verdict = self.again(to: reader)
            #expect(verdict.duplicated == [.unexplained: 1])
            #expect(verdict.broken == [.duplicatedUnexplained: 1])
            #expect(verdict.outcome == .invalid)
        }
    }

    @Test("the first consumer had left")
    func left() {
        let verdict = self.again(to: self.other) {
            $0.add(.left(self.member))
            $0.add(.assigned(self.other, queues: [Script.queue(0)]))
        }
        #expect(verdict.duplicated == [.consumerLeft: 1])
        #expect(verdict.outcome == .valid)
    }

    @Test("the queue had moved")
    func rebalanced() {
        let verdict = self.again(to: self.other) {
            $0.add(.assigned(self.other, queues: [Script.queue(0)]))
        }
        #expect(verdict.duplicated == [.rebalanced: 1])
    }

    @Test("a queue that moved long ago explains nothing")
    func movedLongAgo() {
        var script = Script()
        script.add(.assigned(self.other, queues: [Script.queue(0)]))
        script.send(self.value, .acknowledged, at: self.place)
        script.receive(self.value, at: self.place, by: self.member)
        script.receive(self.value, at: self.place, by: self.other)
        script.drain(0, [self.value])
        #expect(script.verdict.duplicated == [.rebalanced: 1])
        for index in script.events.indices.dropFirst() {
            script.events[index].at.nanoseconds += 60_000_000_000
        }
        #expect(script.verdict.duplicated == [.unexplained: 1])
    }

    @Test("a fault lay between")
    func fault() {
        let fault = Fault(name: "kill", target: "broker-a")
        let verdict = self.again(to: self.member) {
            $0.add(.faultBegan(fault))
            $0.add(.faultEnded(fault, proof: "exit 137"))
        }
        #expect(verdict.duplicated == [.fault: 1])
        #expect(verdict.outcome == .valid)
    }

    @Test("the acknowledgement is not known to have arrived")
    func acknowledgementUncertain() {
        var script = Script()
        script.send(self.value, .acknowledged, at: self.place)
        script.receive(self.value, at: self.place, by: self.member)
        script.add(.ackStarted(by: self.member, self.place))
        script.add(.ackEnded(by: self.member, self.place, isCertain: false))
        script.receive(self.value, at: self.place, by: self.member)
        script.drain(0, [self.value])
        // The second delivery's own acknowledgement settles the key: judge before it.
        script.events.removeAll { event in
            event.kind == .ackEnded(by: self.member, self.place, isCertain: true)
        }
        #expect(script.verdict.duplicated == [.acknowledgementUncertain: 1])
    }

    @Test("the consumer had asked for it")
    func retried() {
        let verdict = self.again(to: self.other) {
            $0.add(
                .received(
                    Reception(
                        member: self.member,
                        position: QueuePosition(
                            MessageQueue(
                                topic: "%RETRY%readers", brokerName: "broker-a", queueID: 0),
                            QueueOffset(9)),
                        content: .value(self.value), reconsumeTimes: 1)))
            $0.add(.left(self.member))
        }
        #expect(verdict.duplicated == [.retried: 1, .consumerLeft: 1])
    }

    @Test("the producer had tried twice", arguments: [SendOutcome.unknown, .acknowledged])
    func resent(first: SendOutcome) {
        var script = Script()
        let second = Script.value(0, 0, attempt: 2)
        script.send(self.value, first, at: first == .acknowledged ? self.place : nil)
        script.send(second, .acknowledged, at: Script.place(0, 1))
        script.receive(self.value, at: self.place, by: self.member)
        script.receive(second, at: Script.place(0, 1), by: self.member)
        script.drain(0, [self.value, second])
        let verdict = script.verdict
        #expect(verdict.attempted == 1)
        #expect(verdict.attempts == 2)
        #expect(verdict.duplicated == [first == .unknown ? .resent : .unexplained: 1])
    }

    @Test("two groups each get every message once: no duplicate")
    func twoGroups() {
        let verdict = self.again(to: Member(consumer: "d0", group: "others"))
        #expect(verdict.duplicatedInAll == 0)
        #expect(verdict.outcome == .valid)
    }
}
