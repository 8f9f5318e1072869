import DeliveryCore
import MessageFormat
import Testing

/// What may become of one message, kept as plainly as can be.
private struct PopModel {
    struct Flight {
        var popTime: Int64
        var visibleAt: Int64
        /// The connection whose end brings it back.
        var holder: UInt64?
    }

    var next: [PopKey: Int64] = [:]
    var inFlight: [PopKey: [Int64: Flight]] = [:]

    mutating func close(_ connection: UInt64, at time: Int64) {
        for (key, flights) in self.inFlight {
            for (offset, flight) in flights where flight.holder == connection {
                self.inFlight[key]?[offset]?.visibleAt = min(flight.visibleAt, time)
                self.inFlight[key]?[offset]?.holder = nil
            }
        }
    }

    /// Another master knows no connections.
    mutating func disown() {
        for (key, flights) in self.inFlight {
            self.inFlight[key] = flights.mapValues {
                .init(popTime: $0.popTime, visibleAt: $0.visibleAt)
            }
        }
    }

    func committed(_ key: PopKey) -> Int64? {
        self.next[key].map { min($0, self.inFlight[key]?.keys.min() ?? $0) }
    }
}

@Suite("Popped messages against a model")
struct PopLedgerModelTests {
    private static let keys = ["G", "H"].flatMap { group in
        ["T", "%RETRY%G_T"].map { PopKey(group: group, topic: $0, queueID: 0) }
    }
    private static let ordered = PopKey(group: "O", topic: "T", queueID: 0)

    @Test(
        "any story: as the model says; replay and snapshots give the same state",
        arguments: 0..<6 as Range<UInt64>)
    func story(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var model = PopModel()
        var world = PopWorld()
        var snapshots: [(records: [StateRecord], from: Int)] = []
        var time = Int64(1_000)
        world.max = 100_000
        for step in 0..<1_500 {
            time += Int64(random.next() % 50)
            try Self.step(&random, &model, &world, time)
            if step % 97 == 0 {
                // Before what was planned is in the log: a segment may begin at any record.
                snapshots.append((world.ledger.snapshotRecords(), world.log.count))
            }
            if random.next() % 4 == 0 { world.keep() }
            if random.next() % 200 == 0 {
                world.keep()
                world.ledger = try world.successor()
                model.disown()
            }
        }
        world.keep()
        let end = world.ledger.snapshotRecords()
        #expect(try world.successor().snapshotRecords() == end, "seed \(seed)")
        for snapshot in snapshots {
            let later = try PopWorld.replay(snapshot.records + world.log[snapshot.from...])
            #expect(later.snapshotRecords() == end, "seed \(seed)")
        }
        #expect(try PopWorld.replay(end).snapshotRecords() == end, "seed \(seed)")
    }

    private static func step(
        _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld, _ time: Int64
    ) throws {
        let key = Self.keys[Int(random.next() % 4)]
        switch random.next() % 21 {
        case 0..<6: try Self.pop(key, &random, &model, &world, time)
        case 6..<12: Self.acknowledge(key, &random, &model, &world)
        case 12, 13: try Self.change(key, &random, &model, &world, time)
        case 14..<16: Self.expire(&random, &model, &world, time)
        case 16 where random.next() % 10 == 0: Self.reset(key, &random, &model, &world)
        case 17 where random.next() % 20 == 0: Self.remove(&random, &model, &world)
        case 20: Self.close(&random, &model, &world, time)
        default: Self.popOrdered(&random, &world, time)
        }
        for key in Self.keys {
            #expect(world.ledger.committedOffset(key)?.value == model.committed(key))
            #expect(world.ledger.inFlight(key) == model.inFlight[key]?.count ?? 0)
        }
    }

    private static func pop(
        _ key: PopKey, _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld,
        _ time: Int64
    ) throws {
        let now = PopWorld.now(time)
        let from = try world.ledger.begin(key, start: .min, world.bounds(), at: now)
        #expect(from.value == model.next[key] ?? 0)
        let end = from.value + Int64(random.next() % 100)
        let offsets = (from.value..<end).filter { _ in random.next() % 3 > 0 }
        let popTime = world.ledger.popTime(at: now)
        let invisible = Int64(random.next() % 2_000)
        let holder = Self.holder(&random)
        try world.ledger.take(
            key, from: from, offsets: offsets.map { QueueOffset($0) }, next: QueueOffset(end),
            popTime: popTime, invisibleTime: .milliseconds(invisible),
            holder: holder.map(ConnectionKey.init(_:)))
        model.next[key] = end
        for offset in offsets {
            model.inFlight[key, default: [:]][offset] = .init(
                popTime: popTime.milliseconds, visibleAt: popTime.milliseconds + invisible,
                holder: holder)
        }
    }

    private static func acknowledge(
        _ key: PopKey, _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld
    ) {
        for _ in 0..<(random.next() % 40) {
            guard let offset = Self.any(model.inFlight[key], &random) else { return }
            let isWrong = random.next() % 10 == 0
            let popTime = (model.inFlight[key]?[offset]?.popTime ?? 0) - (isWrong ? 1 : 0)
            let outcome = world.ledger.acknowledge(
                key, offset: QueueOffset(offset), popTime: Timestamp(milliseconds: popTime))
            #expect(outcome == (isWrong ? .late : .counted(mayPop: false)))
            if !isWrong { model.inFlight[key]?[offset] = nil }
        }
    }

    private static func change(
        _ key: PopKey, _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld,
        _ time: Int64
    ) throws {
        guard let offset = Self.any(model.inFlight[key], &random),
            let flight = model.inFlight[key]?[offset]
        else { return }
        let holder = Self.holder(&random)
        let change = try world.ledger.change(
            key, offset: QueueOffset(offset), popTime: Timestamp(milliseconds: flight.popTime),
            invisibleTime: .milliseconds(Int64(random.next() % 3_000)), isOrdered: false,
            holder: holder.map(ConnectionKey.init(_:)), at: PopWorld.now(time))
        #expect(change.popTime.milliseconds > flight.popTime)
        model.inFlight[key]?[offset] = .init(
            popTime: change.popTime.milliseconds,
            visibleAt: change.popTime.milliseconds + change.invisibleTime, holder: holder)
    }

    /// Some give back what they hold when their connection closes, others do not.
    private static func holder(_ random: inout SplitMix) -> UInt64? {
        random.next() % 3 == 0 ? nil : random.next() % 3
    }

    /// What the connection holds is due at once, but for what was due already.
    private static func close(
        _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld, _ time: Int64
    ) {
        let connection = random.next() % 3
        world.ledger.giveBack(of: ConnectionKey(connection), at: PopWorld.now(time))
        let before = model.inFlight
        model.close(connection, at: time)
        guard random.next() % 8 == 0 else { return }
        var due: [PopKey: Set<Int64>] = [:]
        for place in world.due(at: time + 1, countMax: 1_000_000) {
            due[place.key, default: []].insert(place.offset.value)
        }
        for (key, flights) in before {
            let held = flights.filter {
                $0.value.holder == connection && $0.value.visibleAt > time + 1_000
            }
            #expect(due[key, default: []].isSuperset(of: held.keys))
        }
    }

    private static func expire(
        _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld, _ time: Int64
    ) {
        for due in world.due(at: time, countMax: Int(random.next() % 200)) {
            let flight = model.inFlight[due.key]?[due.offset.value]
            #expect(flight?.popTime == due.popTime.milliseconds, "in flight under this handle")
            #expect(flight.map { $0.visibleAt <= time + 1_000 } == true, "and its time is over")
            guard random.next() % 4 > 0 else { continue }
            #expect(world.ledger.returned(due) == true)
            model.inFlight[due.key]?[due.offset.value] = nil
        }
    }

    private static func reset(
        _ key: PopKey, _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld
    ) {
        guard model.next[key] != nil else { return }
        let offset = Int64(random.next() % 200)
        world.ledger.reset(key, to: QueueOffset(offset))
        model.next[key] = offset
        model.inFlight[key] = nil
    }

    private static func remove(
        _ random: inout SplitMix, _ model: inout PopModel, _ world: inout PopWorld
    ) {
        let isTopic = random.next() % 2 == 0
        if isTopic { world.ledger.removed(topic: "T") } else { world.ledger.removed(group: "G") }
        for key in Self.keys where isTopic ? key.topic == "T" : key.group == "G" {
            model.next[key] = nil
            model.inFlight[key] = nil
        }
    }

    /// Only that replay follows is looked at here.
    private static func popOrdered(
        _ random: inout SplitMix, _ world: inout PopWorld, _ time: Int64
    ) {
        let now = PopWorld.now(time)
        let popTime = world.ledger.popTime(at: now)
        let attempt = random.next() % 2 == 0 ? "" : "a\(random.next() % 3)"
        let start = try? world.ledger.beginOrdered(
            Self.ordered, start: .min, world.bounds(), attemptID: attempt, at: now)
        switch start {
        case .again:
            _ = try? world.ledger.takeAgain(
                Self.ordered, countMax: Int(random.next() % 5), popTime: popTime,
                invisibleTime: .milliseconds(100), attemptID: attempt,
                holder: Self.holder(&random).map(ConnectionKey.init(_:)))
        case .fresh(let from):
            _ = try? world.ledger.takeOrdered(
                Self.ordered, from: from, offsets: (0..<3).map { from.advanced(by: $0) },
                next: from.advanced(by: 3), popTime: popTime,
                invisibleTime: .milliseconds(100), attemptID: attempt,
                holder: Self.holder(&random).map(ConnectionKey.init(_:)))
        case nil:
            let first = world.ledger.committedOffset(Self.ordered)?.value ?? 0
            for offset in first..<(first + 3) where random.next() % 2 == 0 {
                for back in 0..<200 as Range<Int64> {
                    _ = world.ledger.acknowledge(
                        Self.ordered, offset: QueueOffset(offset),
                        popTime: Timestamp(milliseconds: time - back))
                }
            }
        }
    }

    private static func any<Value>(
        _ table: [Int64: Value]?, _ random: inout SplitMix
    ) -> Int64? {
        guard let offsets = table?.keys.sorted(), !offsets.isEmpty else { return nil }
        return offsets[Int(random.next() % UInt64(offsets.count))]
    }
}

@Suite("Hostile records of popped messages")
struct HostilePopRecordTests {
    private static func samples() throws -> [StateRecord] {
        var world = PopWorld()
        _ = try world.pop(3, at: 1_000)
        _ = world.acknowledge(1, poppedAt: 1_000)
        _ = try world.change(0, poppedAt: 1_000, to: 9, at: 1_001)
        world.ledger.reset(PopWorld.key, to: QueueOffset(4))
        _ = try world.popOrdered(2, at: 1_002, attempt: "a")
        world.ledger.removed(topic: "T")
        world.keep()
        var modes = RequestModeTable()
        let choice = RequestModeChoice(group: "G", topic: "T", mode: .pop, shareNumber: 2)
        return world.log + [try modes.choose(choice)]
    }

    @Test("a record that was cut short anywhere is refused or makes sense")
    func truncated() throws {
        for sample in try Self.samples() {
            for count in 0..<sample.payload.count {
                Self.applyAndCheck(sample.kind, Array(sample.payload[..<count]))
            }
        }
    }

    @Test("a record with any byte changed is refused or makes sense")
    func mutated() throws {
        var random = SplitMix(seed: 11)
        for sample in try Self.samples() {
            for index in sample.payload.indices {
                for _ in 0..<8 {
                    var payload = sample.payload
                    payload[index] = UInt8(truncatingIfNeeded: random.next())
                    Self.applyAndCheck(sample.kind, payload)
                }
            }
        }
    }

    @Test("random bytes are refused or make sense", arguments: 40...47 as ClosedRange<UInt16>)
    func random(kind: UInt16) {
        var random = SplitMix(seed: UInt64(kind))
        for _ in 0..<2_000 {
            let count = Int(random.next() % 80)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            Self.applyAndCheck(kind, [1] + bytes)
        }
    }

    @Test("records of others are left to them")
    func others() throws {
        var ledger = PopLedger()
        for kind in [6, 30, 39, 47, 48] as [UInt16] {
            #expect(try ledger.apply(StateRecord(kind: kind, payload: [9])) == false)
        }
    }

    /// Whatever was taken, the ledger goes on, and others can read what it then writes.
    private static func applyAndCheck(_ kind: UInt16, _ payload: [UInt8]) {
        var world = PopWorld()
        var modes = RequestModeTable()
        let before = world.ledger.snapshotRecords()
        do {
            let isMine = try payload.withUnsafeBytes {
                try world.ledger.apply(kind: kind, payload: $0)
            }
            let isOfModes = try payload.withUnsafeBytes { try modes.apply(kind: kind, payload: $0) }
            #expect(isMine != isOfModes)
        } catch {
            #expect(world.ledger.snapshotRecords() == before)
        }
        let now = Now(tick: Tick(nanoseconds: 0), wall: Timestamp(milliseconds: .max))
        for due in world.ledger.advance(to: now, countMax: 100).due {
            _ = try? world.ledger.change(
                due.key, offset: due.offset, popTime: due.popTime,
                invisibleTime: .seconds(Int64.max), isOrdered: false, at: now)
            _ = world.ledger.returned(due)
        }
        _ = try? world.pop(2, at: 1 << 40)
        world.keep()
        let records = world.ledger.snapshotRecords()
        #expect(throws: Never.self) { _ = try PopWorld.replay(records) }
        #expect(throws: Never.self) { _ = try PopWorld.replay(world.log) }
    }
}
