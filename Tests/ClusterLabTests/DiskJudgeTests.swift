import Chaos
import MessageFormat
import Testing

@testable import ClusterLab

@Suite("what the disk suites hold against a broker")
struct DiskJudgeTests {
    private let queue = MessageQueue(topic: "t", brokerName: "b", queueID: 0)

    private func place(_ offset: Int64) -> QueuePosition {
        QueuePosition(self.queue, QueueOffset(offset))
    }

    /// Three messages, acknowledged at offsets 0, 1 and 2.
    private func history() -> (StoreHistory, [ValueID]) {
        let history = StoreHistory(topic: "t")
        let ids = (0..<3).map { (offset: Int64) in
            let (number, id) = history.started()
            history.ended(
                number,
                SendReport(outcome: .acknowledged, status: "SEND_OK", position: self.place(offset)))
            return id
        }
        return (history, ids)
    }

    private func read(
        _ contents: [MessageContent], withheld: Set<QueuePosition> = []
    ) -> StoreHistory.Reading {
        var reading = StoreHistory.Reading()
        for (offset, content) in contents.enumerated() {
            reading.events.append(
                HistoryEvent(at: Recorder.now, .drained(self.place(Int64(offset)), content)))
        }
        reading.events.append(
            HistoryEvent(
                at: Recorder.now,
                .drainEnded(self.queue, min: .zero, max: QueueOffset(Int64(contents.count)))))
        reading.withheld = withheld
        return reading
    }

    @Test("what is all there is good")
    func good() {
        let (history, ids) = self.history()
        history.read(self.read(ids.map { .value($0) }))
        let findings = history.findings()
        #expect(findings.acknowledged == 3)
        #expect(findings.lost + findings.wrong + findings.withheld == 0)
    }

    @Test("what is gone in silence is lost; an error in its place is not silence")
    func lostOrWithheld() {
        let (history, ids) = self.history()
        history.read(self.read(ids.prefix(2).map { .value($0) }))
        #expect(history.findings().lost == 1)
        let contents = [.value(ids[0]), .foreign(checksum: 0), .value(ids[2])] as [MessageContent]
        history.read(self.read(contents, withheld: [self.place(1)]))
        #expect(history.findings().lost == 0)
        #expect(history.findings().withheld == 1)
    }

    @Test("bytes that changed, and messages that changed places, are wrong")
    func wrong() {
        let (history, ids) = self.history()
        let corrupt = MessageContent.corrupt(checksum: 1, problem: "a bit")
        history.read(self.read([.value(ids[0]), corrupt, .value(ids[2])]))
        #expect(history.findings().wrong > 0)
        history.read(self.read([.value(ids[1]), .value(ids[0]), .value(ids[2])]))
        #expect(history.findings().wrong > 0)
    }

    @Test("a copy of the disk need not have what was acknowledged after it was made")
    func moments() {
        let (history, _) = self.history()
        history.read(self.read([]))
        let sends = history.sends
        let before = sends[0].startedAt
        #expect(history.findings(of: before...before).lost == 0)
        let after = Recorder.now
        #expect(history.findings(of: after...after).lost == 3)
    }

    @Test("a name that is used before its directory was flushed is found, in whatever order")
    func names() {
        let good = """
            1 create /store/commitlog/0 0
            2 flush-directory /store/commitlog 0
            3 rename /store/log-identity 0
            4 flush-directory /store 0
            5 write /store/commitlog/0 4096
            6 rename /store/index/0.index 0
            7 write /store/commitlog/0 4096
            8 flush-directory /store/index 0
            """
        #expect(NameOrder(trace: good).violations == [])
        let lines = good.split(separator: "\n")
        for missing in [1, 3, 7] {
            var trace = lines
            trace.remove(at: missing)
            #expect(NameOrder(trace: trace.joined(separator: "\n")).violations.count == 1)
        }
    }
}
