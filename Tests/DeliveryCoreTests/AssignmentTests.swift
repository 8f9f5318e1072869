import DeliveryCore
import MessageFormat
import Testing

@Suite("Sharing queues out")
struct AssignmentTests {
    /// Queues and members, and the queue ids of each member in order.
    @Test(
        "AVG gives runs, the longer ones first",
        arguments: [
            (0, 2, [[], []]), (1, 1, [[0]]), (3, 3, [[0], [1], [2]]), (2, 3, [[0], [1], []]),
            (8, 3, [[0, 1, 2], [3, 4, 5], [6, 7]]), (7, 3, [[0, 1, 2], [3, 4], [5, 6]]),
            (6, 3, [[0, 1], [2, 3], [4, 5]]), (1, 3, [[0], [], []]),
        ] as [(Int, Int, [[Int32]])])
    func average(queues: Int, members: Int, shares: [[Int32]]) {
        self.expect(.average, queues, members, shares)
    }

    @Test(
        "AVG_BY_CIRCLE deals queues out one by one",
        arguments: [
            (0, 2, [[], []]), (8, 3, [[0, 3, 6], [1, 4, 7], [2, 5]]), (2, 3, [[0], [1], []]),
        ] as [(Int, Int, [[Int32]])])
    func averageByCircle(queues: Int, members: Int, shares: [[Int32]]) {
        self.expect(.averageByCircle, queues, members, shares)
    }

    @Test(
        "every queue goes to exactly one member",
        arguments: [AssignmentStrategy.average, .averageByCircle])
    func complete(strategy: AssignmentStrategy) {
        for queues in 0...20 {
            for members in 1...9 {
                let ids = (0..<members).map { "c\($0)" }
                let all = Self.queues(queues)
                let shared = ids.flatMap { strategy.share(of: $0, queues: all, clientIDs: ids) }
                #expect(shared.sorted() == all, "\(queues) queues, \(members) members")
            }
        }
    }

    @Test("lists are sorted first: queues by topic, broker and id, members as Java sorts strings")
    func sorts() {
        let ids = ["c2", "c10", "\u{FF61}", "\u{10000}"]
        let queues = [
            MessageQueue(topic: "T", brokerName: "b", queueID: 10),
            MessageQueue(topic: "T", brokerName: "b", queueID: 9),
            MessageQueue(topic: "T", brokerName: "a", queueID: 11),
            MessageQueue(topic: "S", brokerName: "z", queueID: 0),
        ]
        let owners = ["c10", "c2", "\u{10000}", "\u{FF61}"]
        for (owner, queue) in zip(owners, queues.reversed()) {
            let share = AssignmentStrategy.average.share(of: owner, queues: queues, clientIDs: ids)
            #expect(share == [queue])
        }
    }

    @Test("who is not in the list gets nothing")
    func stranger() {
        let share = AssignmentStrategy.average.share(
            of: "x", queues: Self.queues(4), clientIDs: ["a"])
        #expect(share == [])
    }

    @Test("strategies have the wire's names")
    func names() {
        #expect(AssignmentStrategy(rawValue: "AVG") == .average)
        #expect(AssignmentStrategy(rawValue: "AVG_BY_CIRCLE") == .averageByCircle)
        #expect(AssignmentStrategy(rawValue: "CONFIG") == nil)
    }

    private func expect(
        _ strategy: AssignmentStrategy, _ queues: Int, _ members: Int, _ shares: [[Int32]]
    ) {
        let ids = (0..<members).map { "c\($0)" }
        let found = ids.map {
            strategy.share(of: $0, queues: Self.queues(queues), clientIDs: ids).map(\.queueID)
        }
        #expect(found == shares)
    }

    private static func queues(_ count: Int) -> [MessageQueue] {
        (0..<count).map { MessageQueue(topic: "T", brokerName: "b", queueID: Int32($0)) }
    }
}
