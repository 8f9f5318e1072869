import DeliveryCore
import MessageFormat
import Testing

@Suite("Held pops")
struct PopHoldTests {
    @Test("what held polls say is bounded, also when one is held again")
    func bytesAreBounded() throws {
        var holds = PopHold<String>(bytesMax: 100)
        func place(_ opaque: Int32) -> PopPlace {
            PopPlace(
                connection: 1, opaque: opaque, group: "G", topic: "T", queueID: -1,
                deadline: .seconds(9))
        }
        try holds.hold(place(1), held: "x", bytes: 60)
        #expect(throws: PopHoldRefusal.tooMuchText(bytesMax: 100)) {
            try holds.hold(place(2), held: "x", bytes: 60)
        }
        let polls = holds.wakeAll(topic: "T")
        try holds.hold(place(3), held: "x", bytes: 100)
        #expect(throws: PopHoldRefusal.tooMuchText(bytesMax: 100)) {
            try holds.holdAgain(try #require(polls.first))
        }
        holds.checkInvariants()
    }

    private var holds = PopHold<String>(countMax: 100, perKeyMax: 10, perConnectionMax: 50)

    @Test("a message wakes who waited longest, one pop for each message, in every group")
    mutating func fairness() {
        for name in ["a", "b", "c"] { self.hold(name) }
        self.hold("h", group: "H")
        #expect(self.wake("T", 0, [0]) == ["a", "h"])
        #expect(self.wake("T", 0, [0, 0]) == ["b", "c"])
        #expect(self.wake("T", 0, [0]) == [])
        #expect(!self.holds.isWaiting(on: "T"))
    }

    @Test("notifications take nothing from pops")
    mutating func notifications() {
        self.hold("n", isNotification: true)
        self.hold("a")
        self.hold("m", isNotification: true)
        self.hold("b")
        #expect(self.wake("T", 0, [0]) == ["n", "a", "m"])
        #expect(self.holds.count == 1)
    }

    @Test("a message of the retry topic wakes its own group only, whatever it selects")
    mutating func retryTopics() {
        self.hold("g", queueID: 3, tags: [7])
        self.hold("h", group: "H")
        #expect(self.holds.isWaiting(on: "%RETRY%G_T"))
        #expect(self.wake("%RETRY%G_T", 0, [1]) == ["g"])
        #expect(!self.holds.isWaiting(on: "%RETRY%G_T"))
        #expect(self.wake("%RETRY%G_T", 0, [1]) == [])
    }

    /// The queue and tags waited for, and whether a message with tag 7 in queue 2 wakes.
    @Test(
        "a poll wakes for messages of its queue that it selects",
        arguments: [
            (-1, [], true), (2, [], true), (3, [], false), (-1, [7], true), (2, [8], false),
            (2, [7, 8], true),
        ] as [(Int32, Set<Int32>, Bool)])
    mutating func selects(queueID: Int32, tags: Set<Int32>, wakes: Bool) {
        self.hold("a", queueID: queueID, tags: tags)
        #expect(self.wake("T", 2, []) == [])
        #expect(self.wake("U", 2, [7]) == [])
        #expect(self.wake("T", 2, [1, 7]) == (wakes ? ["a"] : []))
    }

    @Test("who woke for nothing keeps its place and its deadline")
    mutating func heldAgain() throws {
        self.hold("a", deadline: 1_000)
        self.hold("b", deadline: 2_000)
        let woken = self.holds.wake(QueueKey(topic: "T", queueID: 0), tagHashes: [0])
        for poll in woken { try self.holds.holdAgain(poll) }
        self.holds.checkInvariants()
        #expect(self.wake("T", 0, [0]) == ["a"])
        #expect(self.expire(at: 1_500) == [])
        #expect(self.expire(at: 2_500) == ["b"])
        #expect(self.holds.nextDeadline == nil)
    }

    @Test("a queue that opens again wakes the one that waited longest")
    mutating func wakeOne() {
        self.hold("a")
        self.hold("b")
        self.hold("h", group: "H")
        #expect(self.holds.wakeOne(group: "G", stored: "T").map(\.held) == ["a"])
        #expect(self.holds.wakeOne(group: "G", stored: "%RETRY%G_T").map(\.held) == ["b"])
        #expect(self.holds.wakeOne(group: "G", stored: "T").map(\.held) == [])
        self.holds.checkInvariants()
    }

    @Test("each key, each connection and all together hold a bounded number")
    mutating func bounded() {
        for _ in 0..<10 { #expect(self.refusal(connection: 1, group: "G") == nil) }
        #expect(self.refusal(connection: 2, group: "G") == .keyFull(countMax: 10))
        for number in 0..<40 {
            #expect(self.refusal(connection: 1, group: "H\(number)") == nil)
        }
        #expect(self.refusal(connection: 1, group: "J") == .connectionFull(countMax: 50))
        for number in 0..<50 {
            #expect(self.refusal(connection: 2, group: "K\(number)") == nil)
        }
        #expect(self.refusal(connection: 3, group: "J") == .full(countMax: 100))
        #expect(self.holds.count(group: "G", topic: "T") == 10)
        self.holds.closed(1)
        #expect(self.holds.count(group: "G", topic: "T") == 0)
        #expect(self.holds.count == 50)
        self.holds.checkInvariants()
    }

    @Test("polls of a topic or group that changed are given back")
    mutating func wakesAll() {
        self.hold("a")
        self.hold("b", group: "H")
        self.hold("c", group: "H", topic: "U")
        #expect(self.holds.wakeAll(topic: "T").map(\.held) == ["a", "b"])
        #expect(self.holds.wakeAll(group: "H").map(\.held) == ["c"])
        self.holds.checkInvariants()
    }

    @Test("any mixture keeps the tables in step, and loses no poll")
    mutating func mixture() throws {
        var random = SplitMix(seed: 5)
        var held = 0
        for step in 0..<5_000 {
            var gone = 0
            switch random.next() % 8 {
            case 0:
                let before = self.holds.count
                self.holds.closed(ConnectionKey(random.next() % 5))
                gone = before - self.holds.count
            case 1: gone = self.expire(at: Int64(step)).count
            case 2, 3:
                let queue = QueueKey(topic: "T\(random.next() % 3)", queueID: 0)
                let woken = self.holds.wake(queue, tagHashes: [Int32(random.next() % 3)])
                gone = woken.count
                if let first = woken.first {
                    try self.holds.holdAgain(first)
                    gone -= 1
                }
            case 4:
                let group = random.next() % 2 == 0 ? "G" : "H"
                gone = self.holds.wakeOne(group: group, stored: "%RETRY%\(group)_T0").count
            default:
                let before = self.holds.count
                self.hold(
                    "x", group: random.next() % 2 == 0 ? "G" : "H",
                    topic: "T\(random.next() % 3)", connection: random.next() % 5,
                    isNotification: random.next() % 4 == 0,
                    deadline: Int64(step) + Int64(random.next() % 300))
                gone = before - self.holds.count
            }
            held -= gone
            #expect(held == self.holds.count)
            if step % 50 == 0 { self.holds.checkInvariants() }
        }
        #expect(self.expire(at: 99_999).count == held)
    }

    /// Born, poll time and now in milliseconds, and for how long the poll may wait.
    @Test(
        "a poll waits until its client stops waiting",
        arguments: [
            (1_000, 15_000, 1_000, .until(15_000)), (1_000, 15_000, 6_000, .until(10_000)),
            (1_000, 15_000, 16_000, .none), (1_000, 15_000, 16_500, .none),
            (1_000, 15_000, 16_501, .none), (1_000, 0, 1_000, .none), (1_000, 0, 1_501, .none),
            (9_000, 5_000, 1_000, .until(5_000)), (1_000, .max, 1_000, .until(300_000)),
            (.max, 5_000, 1_000, .until(5_000)), (.min, 5_000, 1_000, .none),
            (1_000, .min, 1_000, .none), (.max, .max, 1_000, .until(300_000)),
            (.max, .min, 1_000, .none), (1_000, -1, 1_000, .none),
        ] as [(Int64, Int64, Int64, Wait)])
    func patience(born: Int64, pollTime: Int64, now: Int64, wait: Wait) {
        let patience = PopPatience.of(
            bornTime: born, pollTime: pollTime, at: PopWorld.now(now, tick: 0))
        switch wait {
        case .none: #expect(patience == .none)
        case .until(let milliseconds):
            #expect(patience == .until(Tick(.milliseconds(milliseconds))))
        }
    }

    enum Wait: Sendable {
        case none
        case until(Int64)
    }

    private mutating func refusal(connection: UInt64, group: String) -> PopHoldRefusal? {
        do throws(PopHoldRefusal) {
            let place = PopPlace(
                connection: ConnectionKey(connection), opaque: 0, group: group, topic: "T",
                queueID: -1, deadline: Tick(.seconds(9)))
            try self.holds.hold(place, held: "x")
            return nil
        } catch {
            return error
        }
    }

    private mutating func hold(
        _ name: String, group: String = "G", topic: String = "T", queueID: Int32 = -1,
        tags: Set<Int32> = [], connection: UInt64 = 1, isNotification: Bool = false,
        deadline: Int64 = 30_000
    ) {
        let place = PopPlace(
            connection: ConnectionKey(connection), opaque: 0, group: group, topic: topic,
            queueID: queueID, tagHashes: tags, isNotification: isNotification,
            deadline: Tick(.milliseconds(deadline)))
        _ = try? self.holds.hold(place, held: name)
    }

    private mutating func wake(_ topic: String, _ queueID: Int32, _ tags: [Int32]) -> [String] {
        let queue = QueueKey(topic: topic, queueID: queueID)
        return self.holds.wake(queue, tagHashes: tags).map(\.held)
    }

    private mutating func expire(at milliseconds: Int64) -> [String] {
        self.holds.expire(at: Tick(.milliseconds(milliseconds))).map(\.held)
    }
}
