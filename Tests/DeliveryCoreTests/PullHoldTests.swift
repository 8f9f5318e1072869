import DeliveryCore
import MessageFormat
import Testing

@Suite("Held pulls")
struct PullHoldTests {
    @Test("what held pulls say is bounded, and one that leaves makes room")
    mutating func bytesAreBounded() {
        var holds = PullHold<String>(bytesMax: 100)
        func hold(_ opaque: Int32, _ bytes: Int) -> HoldID? {
            holds.hold(
                connection: 1, opaque: opaque, queue: QueueKey(topic: "T", queueID: 0),
                offset: .zero, deadline: .seconds(9), held: "x", bytes: bytes)
        }
        let first = hold(1, 60)
        #expect(first != nil)
        #expect(hold(2, 60) == nil)
        #expect(hold(3, 40) != nil)
        holds.checkInvariants()
        _ = first.flatMap { holds.withdraw($0) }
        #expect(hold(4, 60) != nil)
        holds.closed(1)
        holds.checkInvariants()
        #expect(hold(5, 100) != nil)
    }

    private var holds = PullHold<String>(countMax: 100, perConnectionMax: 50)
    private let queue = QueueKey(topic: "T", queueID: 0)

    /// A pull at an offset with tags, messages that arrive before a new end, and whether it wakes.
    @Test(
        "a pull wakes for a message that it selects at or behind its offset",
        arguments: [
            (10, [], 11, [0], true), (10, [7], 11, [7], true), (10, [7], 11, [8], false),
            (10, [7, 8], 12, [1, 8], true), (10, [7], 11, [0], false),
            (11, [7], 12, [7, 1], false), (11, [7], 12, [1, 7], true), (12, [], 12, [1], false),
            (99, [], 12, [1], false), (10, [], 11, [], false), (0, [7], 12, [1, 7], true),
            (.min, [], 11, [0], true), (.max, [], 11, [0], false),
        ] as [(Int64, Set<Int32>, Int64, [Int32], Bool)])
    mutating func wakes(
        offset: Int64, tags: Set<Int32>, newMax: Int64, arrived: [Int32], woken: Bool
    ) {
        self.hold("p", offset: offset, tags: tags)
        let pulls = self.holds.wake(self.queue, newMax: QueueOffset(newMax), tagHashes: arrived)
        #expect(pulls.map(\.held) == (woken ? ["p"] : []))
        #expect(pulls.allSatisfy { $0.offset == QueueOffset(offset) })
        #expect(self.holds.count == (woken ? 0 : 1))
        self.holds.checkInvariants()
    }

    @Test("those that do not match stay, with the offset they asked for")
    mutating func othersStay() {
        self.hold("a", tags: [1])
        self.hold("b", tags: [2])
        self.hold("c", tags: [1])
        #expect(self.wake(newMax: 11, [1]) == ["a", "c"], "oldest first")
        self.holds.checkInvariants()
        let left = self.holds.wake(self.queue, newMax: QueueOffset(12), tagHashes: [2])
        #expect(left.map(\.held) == ["b"])
        #expect(left.first?.offset == QueueOffset(10))
        #expect(!self.holds.isWaiting(on: self.queue))
        self.holds.checkInvariants()
    }

    @Test("a message wakes nobody who waits for another queue")
    mutating func otherQueues() {
        self.hold("a")
        let others = [QueueKey(topic: "T", queueID: 1), QueueKey(topic: "U", queueID: 0)]
        for other in others {
            #expect(self.holds.wake(other, newMax: QueueOffset(99), tagHashes: [1]).isEmpty)
        }
        #expect(self.holds.isWaiting(on: self.queue))
    }

    @Test("a pull comes back once: at its deadline or a little later, never before")
    mutating func deadlines() {
        self.hold("late", deadline: 30_000)
        self.hold("early", deadline: 15_001)
        #expect(self.expire(at: 15_000) == [])
        let next = self.holds.nextDeadline
        #expect(next.map { $0 >= Tick(.milliseconds(15_001)) } == true)
        #expect(next.map { $0 <= Tick(.milliseconds(15_021)) } == true)
        #expect(self.expire(at: 15_021) == ["early"])
        #expect(self.expire(at: 15_021) == [])
        self.holds.checkInvariants()
        #expect(self.expire(at: 99_000) == ["late"])
        #expect(self.holds.nextDeadline == nil)
        self.holds.checkInvariants()
    }

    @Test("absurd deadlines are kept without harm", arguments: [Int64.max, .max - 1, .min, 0])
    mutating func absurdDeadlines(nanoseconds: Int64) {
        _ = self.holds.hold(
            connection: 1, opaque: 0, queue: self.queue, offset: .zero,
            deadline: Tick(nanoseconds: nanoseconds), held: "a")
        self.holds.checkInvariants()
        let isOver = nanoseconds <= 0
        #expect(self.expire(at: 1_000_000) == (isOver ? ["a"] : []))
        #expect(self.wake(newMax: 1, [0]) == (isOver ? [] : ["a"]))
        #expect(self.holds.nextDeadline == nil)
    }

    @Test("a woken pull does not expire, an expired one is not woken")
    mutating func onceOnly() {
        self.hold("a", deadline: 1_000)
        #expect(self.wake(newMax: 11, [1]) == ["a"])
        #expect(self.expire(at: 9_000) == [])
        self.hold("b", deadline: 10_000)
        #expect(self.expire(at: 20_000) == ["b"])
        #expect(self.wake(newMax: 12, [1]) == [])
        self.holds.checkInvariants()
    }

    @Test("the pulls of a closed connection are forgotten, those of others are not")
    mutating func closing() {
        self.hold("a", connection: 1)
        self.hold("b", connection: 2)
        self.hold("c", connection: 1)
        self.holds.closed(1)
        #expect(self.holds.count == 1)
        self.holds.checkInvariants()
        #expect(self.wake(newMax: 11, [1]) == ["b"])
        self.holds.closed(2)
        self.holds.checkInvariants()
    }

    @Test("a queue that changed gives all its pulls back")
    mutating func wakesAll() {
        self.hold("a", offset: 99, tags: [1])
        self.hold("b")
        #expect(self.holds.wakeAll(self.queue).map(\.held) == ["a", "b"])
        #expect(self.holds.wakeAll(self.queue).isEmpty)
        self.holds.checkInvariants()
    }

    @Test("a pull may be withdrawn once")
    mutating func withdraws() throws {
        let held = self.hold("a")
        let id = try #require(held)
        #expect(self.holds.withdraw(id)?.held == "a")
        #expect(self.holds.withdraw(id) == nil)
        self.holds.checkInvariants()
    }

    @Test("one connection, and all together, hold a bounded number")
    mutating func bounded() {
        for _ in 0..<50 { #expect(self.hold("a", connection: 1) != nil) }
        #expect(self.hold("a", connection: 1) == nil, "the connection has its share")
        for _ in 0..<50 { #expect(self.hold("b", connection: 2) != nil) }
        #expect(self.hold("c", connection: 3) == nil, "all places are taken")
        self.holds.closed(1)
        #expect(self.hold("c", connection: 3) != nil)
        self.holds.checkInvariants()
    }

    @Test("any mixture of holds, wakes, expiries and closings keeps the tables in step")
    mutating func mixture() {
        var random = SplitMix(seed: 7)
        for step in 0..<5_000 {
            let connection = UInt64(random.next() % 5)
            let tags: Set<Int32> = random.next() % 2 == 0 ? [] : [Int32(random.next() % 3)]
            switch random.next() % 8 {
            case 0: self.holds.closed(ConnectionKey(connection))
            case 1: _ = self.expire(at: Int64(step))
            case 2, 3: _ = self.wake(newMax: 11, [Int32(random.next() % 3)])
            default:
                self.hold(
                    "x", connection: connection, tags: tags,
                    deadline: Int64(step) + Int64(random.next() % 300))
            }
            if step % 50 == 0 { self.holds.checkInvariants() }
        }
        _ = self.expire(at: 10_000)
        #expect(self.holds.count == 0)
        self.holds.checkInvariants()
    }

    @discardableResult
    private mutating func hold(
        _ name: String, connection: UInt64 = 1, offset: Int64 = 10, tags: Set<Int32> = [],
        deadline milliseconds: Int64 = 15_000
    ) -> HoldID? {
        self.holds.hold(
            connection: ConnectionKey(connection), opaque: 1, queue: self.queue,
            offset: QueueOffset(offset), tagHashes: tags,
            deadline: Tick(.milliseconds(milliseconds)), held: name)
    }

    private mutating func wake(newMax: Int64, _ tags: [Int32]) -> [String] {
        self.holds.wake(self.queue, newMax: QueueOffset(newMax), tagHashes: tags).map(\.held)
    }

    private mutating func expire(at milliseconds: Int64) -> [String] {
        self.holds.expire(at: Tick(.milliseconds(milliseconds))).map(\.held)
    }
}

/// Random numbers that a seed repeats.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
