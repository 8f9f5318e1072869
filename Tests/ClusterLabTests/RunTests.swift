import Chaos
import Foundation
import Glibc
import MessageFormat
import Testing

@testable import ClusterLab

@Suite("runs under faults")
struct RunTests {
    @Test("a history is read while it is written, torn lines included")
    func watch() throws {
        let scratch = try Scratch()
        defer { scratch.delete() }
        let path = "\(scratch.path)/history"
        var watch = HistoryWatch(path: path)
        try watch.refresh()
        #expect(watch.header == nil)

        let header = HistoryHeader(
            run: "r1", seed: 7, startedAt: Timestamp(milliseconds: 5), versions: "",
            configuration: "topic=T group=verify-r1 size=9")
        let sent = ValueID(client: "r1-p0", sequence: 0, attempt: 1)
        let ended = HistoryEvent(
            at: Tick(nanoseconds: 2), .sendEnded(sent, .acknowledged, status: "SEND_OK", nil)
        ).line
        try append(header.line + "\n" + ended + "\n" + ended.prefix(9), to: path)
        try watch.refresh()
        #expect(watch.header?.setting("group") == "verify-r1")
        #expect(watch.header?.setting("gro") == nil)
        #expect(watch.acknowledged == 1)

        try append(String(ended.dropFirst(9)) + "\n", to: path)
        try watch.refresh()
        #expect(watch.acknowledged == 2)
    }

    @Test("what a killed consumer had received counts, once its history is judged with the rest")
    func judgement() throws {
        let scratch = try Scratch()
        defer { scratch.delete() }
        let run = RunOfTwo(directory: scratch.path)
        try run.write()
        let alone = try HistoryCheck.verdict(on: [run.workload])
        #expect(alone.duplicatedInAll == 0)
        let all = try HistoryCheck.verdict(on: [run.workload, run.extra])
        #expect(all.outcome == .valid, "\(all.reasons)")
        #expect(all.duplicated == [.consumerLeft: 1])
        #expect(all.table.contains("  1 redelivered, as the consumer that had it died or left\n"))
    }

    @Test("a verdict says what was lost, and that this is bad")
    func verdictTable() {
        var verdict = Verdict()
        verdict.outcome = .invalid
        verdict.acknowledged = 10
        verdict.broken = [.lost: 2]
        verdict.problems = [Problem(kind: .lost, summary: "r1-p0/3", story: ["sent", "gone"])]
        #expect(verdict.table.contains("lost                                    2\n"))
        #expect(verdict.table.contains("BAD"))
        #expect(verdict.table.contains("r1-p0/3"))
    }

    @Test("a tool's end tells an exit from a kill")
    func toolEnds() throws {
        let scratch = try Scratch()
        defer { scratch.delete() }
        let exits = try ToolProcess(
            "exits", "/bin/sh", ["-c", "echo out; exit 3"], directory: scratch.path)
        #expect(try exits.end(within: .seconds(10)) == .exited(3))
        #expect(exits.outputText == "out\n")
        let sleeps = try ToolProcess("sleeps", "/bin/sleep", ["1000"], directory: scratch.path)
        sleeps.kill()
        #expect(try sleeps.end(within: .seconds(10)) == .killed(by: SIGKILL))
    }

    @Test("a seed gives the same moments again")
    func seeds() {
        func numbers(_ seed: UInt64) -> [Int] {
            var generator = SeededGenerator(seed: seed)
            return (0..<20).map { _ in Int.random(in: 0...1000, using: &generator) }
        }
        #expect(numbers(1) == numbers(1))
        #expect(numbers(1) != numbers(2))
    }

    @Test("a time line reads in hundredths of a second")
    func seconds() {
        #expect(Timeline.seconds(.milliseconds(1_234)) == "1.23")
        #expect(Timeline.seconds(.milliseconds(12_006)) == "12.01")
        #expect(Timeline.seconds(.zero) == "0.00")
    }
}

private func append(_ text: some StringProtocol, to path: String) throws {
    let old = try? String(contentsOfFile: path, encoding: .utf8)
    try Data(((old ?? "") + text).utf8).write(to: URL(fileURLWithPath: path))
}

/// One message that reached a consumer that was killed, and then another one.
private struct RunOfTwo {
    let directory: String
    var workload: String { "\(self.directory)/workload" }
    var extra: String { "\(self.directory)/extra" }

    func write() throws {
        let header = HistoryHeader(
            run: "r1", seed: 1, startedAt: Timestamp(milliseconds: 0), versions: "",
            configuration: "")
        let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)
        let place = QueuePosition(queue, QueueOffset(0))
        let value = ValueID(client: "r1-p0", sequence: 0, attempt: 1)
        let extra = Member(consumer: "r1-extra", group: "G")
        let other = Member(consumer: "r1-c0", group: "G")
        func received(_ member: Member) -> HistoryEvent.Kind {
            .received(Reception(member: member, position: place, content: .value(value)))
        }
        try self.write(
            self.workload, header,
            [
                (1, .sendStarted(value, topic: "T")),
                (2, .sendEnded(value, .acknowledged, status: "SEND_OK", place)),
                (5, received(other)),
                (6, .ackStarted(by: other, place)),
                (7, .ackEnded(by: other, place, isCertain: true)),
                (8, .committed(group: "G", QueuePosition(queue, QueueOffset(1)))),
                (9, .drained(place, .value(value))),
                (10, .drainEnded(queue, min: QueueOffset(0), max: QueueOffset(1))),
            ])
        try self.write(self.extra, header, [(3, received(extra)), (4, .left(extra))])
    }

    private func write(
        _ path: String, _ header: HistoryHeader, _ events: [(Int64, HistoryEvent.Kind)]
    ) throws {
        let writer = try HistoryWriter(path: path, header: header)
        for (second, kind) in events {
            let at = Tick(nanoseconds: second * 1_000_000_000)
            try writer.append(HistoryEvent(at: at, kind).line)
        }
    }
}
