import DeliveryCore
import MessageFormat
import Testing

@Suite("Popped messages come back when the connection closes that wants it so")
struct PopHoldingTests {
    private static let seven = ConnectionKey(7)
    private static let eight = ConnectionKey(8)

    private func pop(
        _ world: inout PopWorld, _ count: Int64, at time: Int64, by holder: ConnectionKey?
    ) throws {
        let from = try world.ledger.begin(
            PopWorld.key, start: .min, world.bounds(), at: PopWorld.now(time))
        let offsets = (0..<Int(count)).map { from.advanced(by: $0) }
        try world.ledger.take(
            PopWorld.key, from: from, offsets: offsets, next: from.advanced(by: Int(count)),
            popTime: world.ledger.popTime(at: PopWorld.now(time)),
            invisibleTime: .seconds(60), holder: holder)
        world.keep()
    }

    private func due(_ world: inout PopWorld, at time: Int64) -> [Int64] {
        world.due(at: time).map(\.offset.value).sorted()
    }

    private func close(_ world: inout PopWorld, _ connection: ConnectionKey, at time: Int64) {
        world.ledger.giveBack(of: connection, at: PopWorld.now(time))
        world.ledger.checkInvariants()
    }

    @Test("all that it holds is due at once, what others hold is not, in one window and moment")
    func closes() throws {
        var world = PopWorld()
        try self.pop(&world, 3, at: 1_000, by: Self.seven)
        try self.pop(&world, 3, at: 1_000, by: Self.eight)
        try self.pop(&world, 3, at: 1_000, by: nil)
        self.close(&world, Self.seven, at: 1_500)
        #expect(self.due(&world, at: 1_500) == [0, 1, 2])
        #expect(world.ledger.heldCount == 1)
        self.close(&world, Self.seven, at: 1_600)
        #expect(self.due(&world, at: 1_600) == [])
        #expect(self.due(&world, at: 61_000) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test("records tell of it as of messages whose time is over; another master waits for that")
    func records() throws {
        var world = PopWorld()
        try self.pop(&world, 2, at: 1_000, by: Self.seven)
        let before = world.log.count
        self.close(&world, Self.seven, at: 2_000)
        world.keep()
        #expect(world.log.count == before)
        var other = try world.successor()
        #expect(other.snapshotRecords() == world.ledger.snapshotRecords())
        #expect(other.advance(to: PopWorld.now(50_000), countMax: 9).due == [])
        for due in world.due(at: 2_000) { _ = world.ledger.returned(due) }
        world.keep()
        #expect(world.log.dropFirst(before).map(\.kind) == [43, 43])
        #expect(world.ledger.inFlight == 0)
        #expect(try world.successor().snapshotRecords() == world.ledger.snapshotRecords())
    }

    @Test("until it has come back a message can be acknowledged or kept, after that it is too late")
    func late() throws {
        var world = PopWorld()
        try self.pop(&world, 3, at: 1_000, by: Self.seven)
        self.close(&world, Self.seven, at: 2_000)
        let due = world.due(at: 2_000)
        #expect(world.acknowledge(0, poppedAt: 1_000) == .counted(mayPop: false))
        _ = try world.change(1, poppedAt: 1_000, to: 60_000, at: 2_001)
        var returned: [Bool] = []
        for due in due { returned.append(world.ledger.returned(due)) }
        #expect(returned == [false, false, true])
        world.keep()
        #expect(world.acknowledge(2, poppedAt: 1_000) == .late)
        #expect(throws: PopRefusal.notInFlight) {
            try world.change(2, poppedAt: 1_000, to: 60_000, at: 2_002)
        }
        #expect(self.due(&world, at: 60_000) == [])
    }

    @Test("what was acknowledged, came back, was reset or is with somebody else is forgotten")
    func forgets() throws {
        var world = PopWorld()
        try self.pop(&world, 4, at: 1_000, by: Self.seven)
        for offset in 0..<3 as Range<Int64> { _ = world.acknowledge(offset, poppedAt: 1_000) }
        #expect(world.ledger.heldCount == 1)
        _ = try world.change(3, poppedAt: 1_000, to: 60_000, at: 2_000)
        #expect(world.ledger.heldCount == 0)
        self.close(&world, Self.seven, at: 2_500)
        #expect(self.due(&world, at: 2_500) == [])

        try self.pop(&world, 1, at: 3_000, by: Self.seven)
        for due in world.due(at: 63_500) { _ = world.ledger.returned(due) }
        #expect(world.ledger.heldCount == 0)
        try self.pop(&world, 1, at: 70_000, by: Self.seven)
        world.ledger.reset(PopWorld.key, to: QueueOffset(0))
        #expect(world.ledger.heldCount == 0)
        try self.pop(&world, 1, at: 71_000, by: Self.seven)
        world.ledger.removed(topic: PopWorld.key.topic)
        #expect(world.ledger.heldCount == 0)
    }

    @Test("a change of the visible time says anew who holds the message")
    func changes() throws {
        var world = PopWorld()
        try self.pop(&world, 2, at: 1_000, by: nil)
        let change = try world.ledger.change(
            PopWorld.key, offset: QueueOffset(0), popTime: Timestamp(milliseconds: 1_000),
            invisibleTime: .seconds(60), isOrdered: false, holder: Self.eight,
            at: PopWorld.now(2_000))
        world.keep()
        self.close(&world, Self.eight, at: 3_000)
        #expect(self.due(&world, at: 3_000) == [0])
        #expect(world.acknowledge(0, poppedAt: change.popTime.milliseconds) != .late)
    }

    @Test("a client that is given up in one group keeps what it holds in others")
    func groups() throws {
        var world = PopWorld()
        try self.pop(&world, 1, at: 1_000, by: Self.seven)
        world.ledger.giveBack(of: Self.seven, group: "other", at: PopWorld.now(2_000))
        #expect(self.due(&world, at: 2_000) == [])
        world.ledger.giveBack(of: Self.seven, group: "G", at: PopWorld.now(2_000))
        #expect(self.due(&world, at: 2_000) == [0])
    }

    @Test("a batch in order is free again, counts as delivered, and its handles stay good")
    func ordered() throws {
        var world = PopWorld()
        let take = { (world: inout PopWorld, time: Int64, holder: ConnectionKey?) in
            let from = try world.ledger.beginOrdered(
                PopWorld.key, start: .min, world.bounds(), attemptID: "", at: PopWorld.now(time))
            guard case .fresh(let from) = from else { return }
            _ = try world.ledger.takeOrdered(
                PopWorld.key, from: from, offsets: (0..<3).map { from.advanced(by: $0) },
                next: from.advanced(by: 3), popTime: world.ledger.popTime(at: PopWorld.now(time)),
                invisibleTime: .seconds(60), attemptID: "", holder: holder)
            world.keep()
        }
        try take(&world, 1_000, Self.seven)
        #expect(world.acknowledge(0, poppedAt: 1_000) != .late)
        #expect(throws: PopRefusal.blocked) { try world.popOrdered(3, at: 2_000) }
        let before = world.log.count
        self.close(&world, Self.seven, at: 2_000)
        let advance = world.ledger.advance(to: PopWorld.now(2_000), countMax: 9)
        #expect(advance.unblocked == [PopWorld.key] && advance.due == [])
        world.keep()
        #expect(world.log.dropFirst(before).map(\.kind) == [46])
        #expect(try world.successor().snapshotRecords() == world.ledger.snapshotRecords())
        #expect(world.acknowledge(1, poppedAt: 1_000) != .late)
        let again = try world.popOrdered(3, at: 2_100)
        #expect(again == [PopOrderCount(offset: QueueOffset(2), deliveredBefore: 1)])
        #expect(world.acknowledge(2, poppedAt: 1_000) == .late)
    }

    @Test("what does not fit is not remembered, and comes back when its time is over")
    func bounded() throws {
        var settings = PopSettings()
        settings.holdingsMax = 3
        settings.holdingsPerConnectionMax = 2
        var world = PopWorld(settings: settings)
        for number in 0..<6 as Range<Int64> {
            let holder = number < 3 ? Self.seven : Self.eight
            try self.pop(&world, 1, at: 1_000 + number, by: holder)
        }
        #expect(world.ledger.heldCount == 3)
        self.close(&world, Self.seven, at: 2_000)
        self.close(&world, Self.eight, at: 2_000)
        #expect(self.due(&world, at: 2_000) == [0, 1, 3])
        #expect(world.ledger.heldCount == 0)
        #expect(self.due(&world, at: 61_900).count == 6)
    }
}

@Suite("Clients' clocks")
struct ClientClockTests {
    private var clocks = ClientClocks(countMax: 2)

    private mutating func wait(
        _ born: Int64, at now: Int64, poll: Int64 = 15_000, by connection: UInt64 = 1
    ) -> Int64? {
        let patience = self.clocks.patience(
            bornTime: born, pollTime: poll, of: ConnectionKey(connection),
            at: PopWorld.now(now, tick: 0))
        guard case .until(let tick) = patience else { return nil }
        return tick.nanoseconds / 1_000_000
    }

    @Test("one that is behind costs nothing: the request waits as long as it asked for")
    mutating func behind() {
        #expect(self.wait(1_000, at: 101_000) == 15_000)
        #expect(self.wait(2_000, at: 102_000) == 15_000)
        #expect(self.wait(3_000, at: 108_000) == 10_000, "this one was 5 s on its way")
        #expect(self.wait(9_000, at: 109_000) == 15_000)
    }

    @Test("one that is ahead makes nobody wait longer")
    mutating func ahead() {
        #expect(self.wait(900_000, at: 1_000) == 15_000)
        #expect(self.wait(.max, at: 1_000) == 15_000)
    }

    @Test("a request that is later than it wanted to wait is looked at once")
    mutating func late() {
        #expect(self.wait(1_000, at: 1_000) == 15_000)
        #expect(self.wait(2_000, at: 30_000) == nil)
        #expect(self.wait(31_000, at: 31_000) == 15_000)
    }

    @Test("a clock that is set makes one request look late, not all")
    mutating func set() {
        #expect(self.wait(1_000, at: 1_000) == 15_000)
        #expect(self.wait(2_000, at: 3_602_000) == nil)
        #expect(self.wait(3_000, at: 3_603_000) == 15_000)
    }

    @Test("a connection that closed is forgotten, and there are only so many")
    mutating func bounded() {
        for connection in 1...5 as ClosedRange<UInt64> {
            #expect(self.wait(0, at: 60_000, by: connection) == 15_000)
        }
        #expect(self.clocks.count == 2)
        self.clocks.closed(ConnectionKey(1))
        #expect(self.clocks.count == 1)
    }
}
