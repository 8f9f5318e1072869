import Chaos
import MessageFormat
import Testing

/// Method: a flawless history, one mutation, and the flaw's own name in the verdict, alone.
@Suite("the checker names what is wrong with a history")
struct CheckerTests {
    private typealias Script = HistoryScript

    private let place = HistoryScript.place(0, 2)
    private let value = HistoryScript.value(0, 2)

    private func expect(
        _ script: HistoryScript, breaks kinds: [Problem.Kind: Int],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let verdict = script.verdict
        #expect(verdict.broken == kinds, sourceLocation: sourceLocation)
        #expect(verdict.outcome == .invalid, sourceLocation: sourceLocation)
        let areTold = verdict.problems.allSatisfy { !$0.summary.isEmpty && !$0.story.isEmpty }
        #expect(areTold, sourceLocation: sourceLocation)
    }

    @Test("a flawless history is valid")
    func flawless() {
        let verdict = Script.flawless().verdict
        #expect(verdict.outcome == .valid)
        #expect(verdict.reasons == [])
        #expect(verdict.attempted == 8)
        #expect(verdict.acknowledged == 8)
        #expect(verdict.delivered == 8)
        #expect(verdict.attempts == 8)
        #expect(verdict.duplicatedInAll == 0)
    }

    @Test("a drained message is dropped: lost, vanished, and a hole in its queue")
    func dropped() {
        var script = Script.flawless()
        script.remove { $0 == .drained(self.place, .value(self.value)) }
        self.expect(script, breaks: [.lost: 1, .vanished: 1, .hole: 1])
        let lost = script.verdict.problems.first { $0.kind == .lost }
        #expect(lost?.story.contains { $0.contains("offset 2: nothing") } == true)
    }

    @Test("a queue that ends too early: its last message is lost")
    func cutOff() {
        var script = Script.flawless()
        let last = Script.place(0, 3)
        script.remove { $0 == .drained(last, .value(Script.value(0, 3))) }
        script.replace {
            guard case .drainEnded(let queue, let min, _) = $0, queue.queueID == 0 else {
                return nil
            }
            return .drainEnded(queue, min: min, max: QueueOffset(3))
        }
        self.expect(script, breaks: [.lost: 1, .vanished: 1])
        let lost = script.verdict.problems.first { $0.kind == .lost }
        #expect(lost?.story.contains("the queue ends before offset 3") == true)
    }

    @Test("two drained messages change places")
    func swapped() {
        var script = Script.flawless()
        let other = Script.value(0, 1)
        script.replace {
            switch $0 {
            case .drained(self.place, _): .drained(self.place, .value(other))
            case .drained(Script.place(0, 1), _): .drained(Script.place(0, 1), .value(self.value))
            default: nil
            }
        }
        self.expect(script, breaks: [.conflicting: 2, .misplaced: 2, .reordered: 1])
    }

    @Test("the log's order contradicts the order of sending, and nobody else noticed")
    func reorderedInLog() {
        var script = Script()
        script.send(Script.value(0, 0), .acknowledged, at: Script.place(0, 1))
        script.send(Script.value(0, 1), .acknowledged, at: Script.place(0, 0))
        script.drain(0, [Script.value(0, 1), Script.value(0, 0)])
        self.expect(script, breaks: [.reordered: 1])
    }

    @Test("sends that overlapped may lie in either order")
    func overlappingSends() {
        var script = Script()
        let values = [Script.value(0, 0), Script.value(0, 1)]
        for value in values { script.add(.sendStarted(value, topic: Script.topic)) }
        for (value, offset) in zip(values, [Int64(1), 0]) {
            script.add(.sendEnded(value, .acknowledged, status: "", Script.place(0, offset)))
        }
        script.drain(0, values.reversed())
        #expect(script.verdict.outcome == .valid)
    }

    @Test("a value is changed in the log")
    func changed() {
        var script = Script.flawless()
        script.replace {
            guard case .drained(self.place, _) = $0 else { return nil }
            return .drained(self.place, .corrupt(checksum: 7, problem: "the checksum is wrong"))
        }
        self.expect(script, breaks: [.corrupt: 1, .lost: 1, .conflicting: 1])
    }

    @Test("a consumer reads another value at a place than the final read")
    func conflicting() {
        var script = Script.flawless()
        let stranger = MessageContent.foreign(checksum: 99)
        let member = Script.member(0)
        script.replace {
            guard case .received(let reception) = $0, reception.position == self.place else {
                return nil
            }
            return .received(
                Reception(member: member, position: self.place, content: stranger))
        }
        self.expect(script, breaks: [.conflicting: 1, .skipped: 1])
    }

    @Test("a refused send is delivered")
    func aborted() {
        var script = Script.flawless()
        script.replace {
            guard case .sendEnded(self.value, _, _, _, _) = $0 else { return nil }
            return .sendEnded(self.value, .failed, status: "SYSTEM_BUSY", nil)
        }
        self.expect(script, breaks: [.aborted: 1])
        #expect(script.verdict.failed == 1)
    }

    @Test("a send of unknown outcome may appear, and may not")
    func unknown() {
        var script = Script.flawless()
        script.replace {
            guard case .sendEnded(self.value, _, _, _, _) = $0 else { return nil }
            return .sendEnded(self.value, .unknown, status: "timed out", nil)
        }
        script.send(Script.value(0, 77), .unknown)
        #expect(script.verdict.outcome == .valid)
        #expect(script.verdict.unknown == 2)
        #expect(script.verdict.acknowledged == 7)
    }

    @Test("a message appears that was never sent")
    func unexpected() {
        var script = Script.flawless()
        script.remove {
            if case .sendStarted(self.value, _) = $0 { true } else { false }
        }
        self.expect(script, breaks: [.unexpected: 1])
    }

    @Test("a message is delivered before it is sent")
    func delivered() {
        var script = Script.flawless()
        // The queue's first message: for others the order of delivery would change too.
        let first = Script.place(0, 0)
        let delivery = script.index {
            if case .received(let reception) = $0 { reception.position == first } else { false }
        }
        script.events[delivery].at = Tick(nanoseconds: 1)
        self.expect(script, breaks: [.unexpected: 1])
    }

    @Test("an attempt is stored at two places")
    func storedTwice() {
        var script = Script()
        let value = Script.value(0, 0)
        script.send(value, .acknowledged, at: Script.place(0, 0))
        script.drain(0, [value, value])
        self.expect(script, breaks: [.storedTwice: 1])
    }

    @Test("a message lies elsewhere than its broker said")
    func misplaced() {
        var script = Script()
        script.send(Script.value(0, 0), .acknowledged, at: Script.place(0, 5))
        script.drain(0, [Script.value(0, 0)])
        self.expect(script, breaks: [.misplaced: 1])
    }

    @Test("a consumer goes back without having had the message before")
    func wentBack() {
        var script = Script()
        let values = (0..<3).map { Script.value(0, $0) }
        for (offset, value) in values.enumerated() {
            script.send(value, .acknowledged, at: Script.place(0, Int64(offset)))
        }
        for offset in [0, 2, 1] {
            script.receive(
                values[offset], at: Script.place(0, Int64(offset)), by: Script.member(0))
        }
        script.drain(0, values)
        self.expect(script, breaks: [.reordered: 1])
    }

    @Test("a group's committed offset passes a message that it never had")
    func skipped() {
        var script = Script.flawless()
        script.remove {
            if case .received(let reception) = $0 {
                reception.position == self.place
            } else {
                false
            }
        }
        self.expect(script, breaks: [.skipped: 1])
    }

    @Test("a group's committed offset goes back")
    func progressLost() {
        var script = Script.flawless()
        script.add(.committed(group: Script.group, self.place))
        self.expect(script, breaks: [.progressLost: 1])
    }

    @Test("a send never returns")
    func unanswered() {
        var script = Script.flawless()
        script.remove {
            if case .sendEnded(self.value, _, _, _, _) = $0 { true } else { false }
        }
        self.expect(script, breaks: [.unanswered: 1])
    }

    @Test("messages of another run are not judged")
    func otherRun() {
        var script = Script()
        let stranger = ValueID(client: "r0-p0", sequence: 1, attempt: 1)
        script.send(Script.value(0, 0), .acknowledged, at: Script.place(0, 2))
        script.add(.drained(Script.place(0, 0), .value(stranger)))
        script.add(.drained(Script.place(0, 1), .foreign(checksum: 1)))
        script.add(.drained(Script.place(0, 2), .value(Script.value(0, 0))))
        script.add(.drainEnded(Script.queue(0), min: .zero, max: QueueOffset(3)))
        #expect(script.verdict.outcome == .valid)
        #expect(script.verdict.attempted == 1)
    }

    @Test("only the first few of many problems are told, all are counted")
    func manyProblems() {
        var script = Script.flawless(count: 50)
        script.remove {
            if case .drained(let place, _) = $0 { place.queue.queueID == 0 } else { false }
        }
        let verdict = script.verdict
        #expect(verdict.lost == 50)
        #expect(verdict.problems.count { $0.kind == .lost } == 3)
    }
}
