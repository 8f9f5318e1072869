import ClientCore
import MessageFormat
import Testing

@Suite struct QueueAllocationTests {
    static func queues(_ count: Int) -> [MessageQueue] {
        (0..<count).map { MessageQueue(topic: "T", brokerName: "a", queueID: Int32($0)) }
    }

    static func shares(_ strategy: QueueAllocation, queues: Int, consumers: Int) -> [[Int32]] {
        let ids = (0..<consumers).map { "c\($0)" }
        return ids.map { id in
            strategy.share(
                of: id, queues: Self.queues(queues).shuffled(), consumers: ids.shuffled()
            )
            .map(\.queueID)
        }
    }

    @Test("AVG gives blocks, the first consumers one queue more")
    func average() {
        #expect(Self.shares(.average, queues: 8, consumers: 2) == [[0, 1, 2, 3], [4, 5, 6, 7]])
        #expect(
            Self.shares(.average, queues: 8, consumers: 3) == [[0, 1, 2], [3, 4, 5], [6, 7]])
        #expect(
            Self.shares(.average, queues: 10, consumers: 4)
                == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]])
        #expect(Self.shares(.average, queues: 2, consumers: 4) == [[0], [1], [], []])
        #expect(Self.shares(.average, queues: 0, consumers: 2) == [[], []])
    }

    @Test("AVG_BY_CIRCLE deals queues like cards")
    func circle() {
        #expect(
            Self.shares(.averageByCircle, queues: 8, consumers: 3)
                == [[0, 3, 6], [1, 4, 7], [2, 5]])
        #expect(Self.shares(.averageByCircle, queues: 2, consumers: 3) == [[0], [1], []])
    }

    @Test(
        "every queue has exactly one owner, whatever the numbers",
        arguments: [QueueAllocation.average, .averageByCircle])
    func partition(strategy: QueueAllocation) {
        for queues in 0...20 {
            for consumers in 1...8 {
                let shares = Self.shares(strategy, queues: queues, consumers: consumers)
                #expect(shares.joined().sorted() == Array(0..<Int32(queues)))
            }
        }
    }

    @Test("who is not in the list has no queues, and who is there twice counts once")
    func odd() {
        let queues = Self.queues(4)
        #expect(QueueAllocation.average.share(of: "x", queues: queues, consumers: ["a"]) == [])
        let share = QueueAllocation.average.share(
            of: "a", queues: queues, consumers: ["a", "b", "a"])
        #expect(share == Array(queues[..<2]))
    }

    @Test("ids are sorted by UTF-16 code units, as Java sorts them")
    func utf16Order() {
        // U+1F600 is a surrogate pair from 0xD83D, which sorts before U+FF5E; scalars would not.
        let ids = ["\u{1F600}", "\u{FF5E}"]
        let share = QueueAllocation.average.share(
            of: "\u{1F600}", queues: Self.queues(2), consumers: ids)
        #expect(share.map(\.queueID) == [0])
    }
}
