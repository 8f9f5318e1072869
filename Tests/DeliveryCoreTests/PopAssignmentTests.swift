import DeliveryCore
import MessageFormat
import Testing

@Suite("Sharing queues out for popping")
struct PopAssignmentTests {
    /// Queues, members, share number, and the queue ids of each member.
    @Test(
        "with a share number everybody pops the queues of the next members, too",
        arguments: [
            (4, 4, 1, [[0, 1], [1, 2], [2, 3], [3, 0]]),
            (
                8, 4, 2,
                [
                    [0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7], [4, 5, 6, 7, 0, 1], [6, 7, 0, 1, 2, 3],
                ]
            ),
            (2, 5, 1, [[0], [1], [0], [1], [0]]), (0, 4, 1, [[], [], [], []]),
            (4, 4, 0, [[-1], [-1], [-1], [-1]]), (4, 4, -1, [[-1], [-1], [-1], [-1]]),
            (4, 4, 3, [[-1], [-1], [-1], [-1]]), (4, 4, .max, [[-1], [-1], [-1], [-1]]),
            (3, 1, 1, [[-1]]), (3, 2, 1, [[-1], [-1]]),
        ] as [(Int, Int, Int32, [[Int32]])])
    func popShares(queues: Int, members: Int, shareNumber: Int32, shares: [[Int32]]) {
        let ids = (0..<members).map { "c\($0)" }
        for (id, share) in zip(ids, shares) {
            let assigned = PopAssignment.share(
                of: id, queues: Self.queues(queues).reversed(), clientIDs: ids.reversed(),
                strategy: .average, mode: .pop, shareNumber: shareNumber)
            #expect(assigned.map(\.queue.queueID) == share, "\(id)")
            #expect(assigned.allSatisfy { $0.mode == .pop })
        }
    }

    @Test("the pseudo-queue stands once for each broker, also for a client not seen yet")
    func brokers() {
        let queues = Self.queues(2) + Self.queues(3, broker: "broker-b")
        let assigned = PopAssignment.share(
            of: "new", queues: queues, clientIDs: [], strategy: .average, mode: .pop,
            shareNumber: 0)
        #expect(assigned.map(\.queue.brokerName) == ["broker-a", "broker-b"])
        #expect(assigned.allSatisfy { $0.queue.queueID == -1 })
    }

    @Test("with a share number a client that is no member gets nothing")
    func stranger() {
        let assigned = PopAssignment.share(
            of: "x", queues: Self.queues(8), clientIDs: ["a", "b", "c"], strategy: .average,
            mode: .pop, shareNumber: 1)
        #expect(assigned == [])
    }

    @Test("who pulls shares by the strategy, retry topics are pulled, broadcasts go to all")
    func pulling() {
        func share(
            _ topic: String, _ mode: RequestMode, _ strategy: AssignmentStrategy,
            isBroadcasting: Bool = false
        ) -> [QueueAssignment] {
            PopAssignment.share(
                of: "b", queues: Self.queues(4, topic: topic), clientIDs: ["a", "b"],
                strategy: strategy, mode: mode, shareNumber: 0, isBroadcasting: isBroadcasting)
        }
        #expect(share("T", .pull, .average).map(\.queue.queueID) == [2, 3])
        #expect(share("T", .pull, .averageByCircle).map(\.queue.queueID) == [1, 3])
        #expect(share("T", .pull, .average).allSatisfy { $0.mode == .pull })
        #expect(share("%RETRY%G", .pop, .average).map(\.queue.queueID) == [2, 3])
        #expect(share("%RETRY%G", .pop, .average).allSatisfy { $0.mode == .pull })
        let all = share("T", .pop, .average, isBroadcasting: true)
        #expect(all.map(\.queue.queueID) == [0, 1, 2, 3])
    }

    private static func queues(
        _ count: Int, topic: String = "T", broker: String = "broker-a"
    ) -> [MessageQueue] {
        (0..<count).map {
            MessageQueue(topic: topic, brokerName: broker, queueID: Int32($0))
        }
    }
}

@Suite("The order in which a pop visits queues")
struct PopVisitTests {
    /// Queue asked for, queues, retry queues, in order, random number, and the visits.
    @Test(
        "a turn begins anywhere and leaves nothing out; the retry topic comes first at times",
        arguments: [
            (-1, 3, 1, false, 99, ["n0", "n1", "n2", "r0"]),
            (-1, 3, 1, false, 20, ["n0", "n1", "n2", "r0"]),
            (-1, 3, 1, false, 19, ["r0", "n0", "n1", "n2"]),
            (-1, 3, 1, false, 200, ["r0", "n2", "n0", "n1"]),
            (-1, 3, 2, false, 150, ["n1", "n2", "n0", "r1", "r0"]),
            (1, 3, 1, false, 50, ["n1", "r0"]), (1, 3, 1, false, 0, ["r0", "n1"]),
            (1, 3, 1, true, 0, ["n1"]), (-1, 2, 1, true, 0, ["n0", "n1"]),
            (-1, 2, 0, false, 0, ["n0", "n1"]), (5, 3, 0, false, 0, []), (-1, 0, 0, false, 7, []),
            (-1, 3, 1, false, .max, ["r0", "n0", "n1", "n2"]),
        ] as [(Int32, Int32, Int32, Bool, UInt64, [String])])
    func plans(
        queueID: Int32, queues: Int32, retries: Int32, isOrdered: Bool, random: UInt64,
        visits: [String]
    ) {
        let plan = PopVisit.plan(
            queueID: queueID, topicQueues: queues, retryQueues: retries, isOrdered: isOrdered,
            random: random)
        #expect(plan.map { "\($0.kind == .normal ? "n" : "r")\($0.queueID)" } == visits)
    }
}

@Suite("How groups ask for messages")
struct RequestModeTableTests {
    private var table = RequestModeTable(choicesMax: 3)

    @Test("a choice is kept, replaced, and forgotten with its topic or group")
    mutating func choices() throws {
        var records = [try self.table.choose(Self.choice("G", "T", .pop, 2))]
        records.append(try self.table.choose(Self.choice("G", "U", .pop, -1)))
        records.append(try self.table.choose(Self.choice("H", "T", .pull, 0)))
        #expect(throws: RequestModeRefusal.tableFull(choicesMax: 3)) {
            try self.table.choose(Self.choice("H", "U", .pop, 0))
        }
        records.append(try self.table.choose(Self.choice("G", "T", .pop, 3)))
        #expect(self.table.choice(group: "G", topic: "T")?.shareNumber == 3)
        try self.expectSame(records)
        records += self.table.removed(topic: "U")
        #expect(self.table.all.map(\.group) == ["G", "H"])
        try self.expectSame(records)
        records += self.table.removed(group: "G")
        #expect(self.table.removed(group: "G") == [])
        #expect(self.table.all == [Self.choice("H", "T", .pull, 0)])
        try self.expectSame(records)
    }

    @Test("retry topics and names that cannot be are refused")
    mutating func refusals() {
        for (topic, refusal) in [
            ("%RETRY%G", .retryTopic), ("", .illegalName), ("a/b", .illegalName),
        ] as [(String, RequestModeRefusal)] {
            #expect(throws: refusal) {
                try self.table.choose(Self.choice("G", topic, .pop, 0))
            }
        }
        #expect(self.table.snapshotRecords() == [])
    }

    private func expectSame(_ records: [StateRecord]) throws {
        for history in [records, self.table.snapshotRecords()] {
            var other = RequestModeTable()
            for record in history {
                let isMine = try record.payload.withUnsafeBytes {
                    try other.apply(kind: record.kind, payload: $0)
                }
                #expect(isMine)
            }
            #expect(other.all == self.table.all)
        }
    }

    private static func choice(
        _ group: String, _ topic: String, _ mode: RequestMode, _ shareNumber: Int32
    ) -> RequestModeChoice {
        RequestModeChoice(group: group, topic: topic, mode: mode, shareNumber: shareNumber)
    }
}
