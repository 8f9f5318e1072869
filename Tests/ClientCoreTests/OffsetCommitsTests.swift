import ClientCore
import MessageFormat
import Testing

@Suite struct OffsetCommitsTests {
    let a = MessageQueue(topic: "T", brokerName: "a", queueID: 0)
    let b = MessageQueue(topic: "T", brokerName: "b", queueID: 0)

    @Test("only offsets that moved are sent, once per interval, until a broker confirms them")
    func interval() {
        var commits = OffsetCommits(interval: .seconds(5), startingAt: .zero)
        commits.began(self.a, at: QueueOffset(3))
        commits.began(self.b, at: QueueOffset(0))
        let offsets = [(self.b, QueueOffset(1)), (self.a, QueueOffset(3))]
        #expect(commits.due(offsets, at: Tick(.seconds(4))) == [])
        let first = commits.due(offsets, at: Tick(.seconds(5)))
        #expect(first == [.init(queue: self.b, offset: QueueOffset(1), era: 2)])
        // Under way: waited for.
        #expect(commits.due(offsets, at: Tick(.seconds(10))) == [])
        // Not confirmed: sent again.
        commits.answered(first[0], isConfirmed: false)
        #expect(commits.due(offsets, at: Tick(.seconds(15))) == first)
        commits.answered(first[0], isConfirmed: true)
        #expect(commits.due(offsets, at: Tick(.seconds(20))) == [])
    }

    @Test("an offset before the one of the taking over is never sent")
    func neverBack() {
        var commits = OffsetCommits(interval: .seconds(5), startingAt: .zero)
        commits.began(self.a, at: QueueOffset(94))
        #expect(commits.due([(self.a, QueueOffset(3))], at: Tick(.seconds(5))) == [])
        #expect(commits.news(self.a, at: QueueOffset(94)) == nil)
        #expect(commits.news(self.a, at: QueueOffset(95)) == QueueOffset(95))
        #expect(commits.ended(self.a, at: QueueOffset(3), isLost: false) == nil)
        #expect(commits.news(self.a, at: QueueOffset(95)) == nil)
    }

    @Test("a queue that is given up is committed at once, if there is something new")
    func ends() {
        var commits = OffsetCommits(startingAt: .zero)
        commits.began(self.a, at: QueueOffset(3))
        commits.began(self.b, at: QueueOffset(3))
        #expect(commits.ended(self.a, at: QueueOffset(3), isLost: true) == nil)
        let last = commits.ended(self.b, at: QueueOffset(4), isLost: true)
        #expect(last == .init(queue: self.b, offset: QueueOffset(4), era: 2))
    }

    @Test("what a broker did not take is sent once more when leaving, not when the queue is lost")
    func uncertain() {
        for isLost in [false, true] {
            var commits = OffsetCommits(interval: .seconds(5), startingAt: .zero)
            commits.began(self.a, at: QueueOffset(3))
            let sent = commits.due([(self.a, QueueOffset(4))], at: Tick(.seconds(5)))
            commits.answered(sent[0], isConfirmed: false)
            #expect(commits.news(self.a, at: QueueOffset(5)) == nil)
            let last = commits.ended(self.a, at: QueueOffset(5), isLost: isLost)
            #expect((last == nil) == isLost)
        }
    }
}

@Suite struct MessageIDGeneratorTests {
    @Test("an id holds address, process, instance, time in the month and a counter")
    func layout() {
        var generator = MessageIDGenerator(
            ip: [127, 0, 0, 1], processID: 0x12345, instance: 0xAABB_CCDD)
        // 2026-11-01T00:00:00Z and 255 ms.
        let start = Timestamp(milliseconds: 1_793_491_200_255)
        #expect(generator.next(at: start) == "7F0000012345AABBCCDD000000FF0001")
        #expect(generator.next(at: start) == "7F0000012345AABBCCDD000000FF0002")
        #expect(generator.next(at: start).utf8.count == 32)
    }

    @Test(
        "the month's start is found in all kinds of months",
        arguments: [
            (1_709_164_800_000, 28), (1_709_251_199_999, 28), (1_709_251_200_000, 0),
            (0, 0), (1_767_225_599_999, 30), (1_767_225_600_000, 0),
        ] as [(Int64, Int64)])
    func months(time: Int64, days: Int64) {
        // 2024-02-29 (leap day), 2024-03-01, 1970, 2025-12-31, 2026-01-01.
        var generator = MessageIDGenerator(ip: [0, 0, 0, 0], processID: 0, instance: 0)
        let id = generator.next(at: Timestamp(milliseconds: time))
        let elapsed = Int64(id.dropFirst(20).prefix(8), radix: 16)
        #expect(elapsed == days * 86_400_000 + time % 86_400_000)
    }
}
