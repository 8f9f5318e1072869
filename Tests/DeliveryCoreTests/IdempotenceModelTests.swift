import DeliveryCore
import MessageFormat
import Testing

@Suite("Idempotent producers: any course of events")
struct IdempotenceModelTests {
    @Test(
        "whatever is lost, resent, delayed or cut off, each message is stored once",
        arguments: 0..<20)
    func story(seed: UInt64) throws {
        var world = IdempotenceWorld(seed: seed)
        for _ in 0..<500 { try world.step() }
        try world.checkReplay()
        #expect(world.duplicatesAnswered > 0, "the story is not trivial")
    }

    @Test("a full table comes in short records, within the promised bytes")
    func bigSnapshot() throws {
        var table = IdempotenceTable()
        var random = Seeded(seed: 1)
        for number in 0..<3_000 {
            let producer = "\(number)" + String(repeating: "p", count: 50)
            let queue = QueueKey(topic: "topic-\(number % 7)", queueID: Int32(number % 5))
            for sequence in 1...(number == 0 ? 4096 : 20) {
                let offset = Int64(random.below(1 << 40))
                table.stored(
                    IdempotentStamp(producer: producer, sequence: Int64(sequence), done: 0),
                    on: queue,
                    at: StoredPlace(
                        offset: QueueOffset(offset), position: PhysicalOffset(offset * 1_000)),
                    now: .zero)
            }
        }
        let records = table.snapshotRecords()
        #expect(records.count > 3 && records.allSatisfy { $0.payload.count <= 256 * 1024 })
        #expect(
            records.reduce(0) { $0 + $1.payload.count } <= table.settings.snapshotBytesMax)
        var copy = IdempotenceTable()
        for record in records { try copy.take(record) }
        #expect(copy == table && copy.storedCount == table.storedCount)
        #expect(copy.snapshotRecords() == records, "no order of a hash table shows")
    }

    @Test("a record that is cut short or altered is refused or applied, and never traps")
    func damage() throws {
        var world = IdempotenceWorld(seed: 3)
        for _ in 0..<300 { try world.step() }
        var random = Seeded(seed: 5)
        for record in world.live.snapshotRecords() {
            for _ in 0..<300 {
                var damaged = record
                let at = Int(random.below(UInt64(damaged.payload.count)))
                if random.below(4) == 0 {
                    damaged.payload.removeLast(damaged.payload.count - at)
                } else {
                    damaged.payload[at] ^= UInt8(1 + random.below(255))
                }
                var state = IdempotenceTable()
                do { try state.take(damaged) } catch { #expect(state.sessionCount == 0) }
                state.becameMaster(at: .zero)
                _ = state.snapshotRecords()
                _ = state.advance(to: Tick(.seconds(9_999)))
                state.checkInvariants()
            }
        }
    }
}

/// A master whose log is a list, and producers whose requests and answers get lost.
private struct IdempotenceWorld {
    enum Entry {
        case message(Int, IdempotentStamp, StoredPlace)
        case snapshot([StateRecord])
    }

    /// A producer that sends its messages in order of their numbers, several at once.
    struct Producer {
        var name: String
        var next: Int64 = 1
        /// Number of each message that is under way, and whether it was answered.
        var underWay: [Int64] = []
        var done: Int64 { (self.underWay.min() ?? self.next) - 1 }
    }

    var live: IdempotenceTable
    private(set) var duplicatesAnswered = 0
    private var log: [Entry] = []
    private var confirmedCount = 0
    private var producers = (0..<3).map { Producer(name: "p\($0)") }
    /// Requests that the network may still deliver, any number of times.
    private var network: [(producer: Int, stamp: IdempotentStamp)] = []
    /// What producers were told, for good.
    private var acknowledged: [String: StoredPlace] = [:]
    /// Answers that wait until everything appended by then is confirmed.
    private var pending: [(count: Int, producer: Int, stamp: IdempotentStamp, place: StoredPlace)] =
        []
    private var random: Seeded
    private let queue = QueueKey(topic: "orders", queueID: 0)

    init(seed: UInt64) {
        self.random = Seeded(seed: seed)
        var settings = IdempotenceSettings()
        settings.windowMax = 20
        self.live = IdempotenceTable(settings: settings)
        self.live.becameMaster(at: .zero)
    }

    mutating func step() throws {
        let choice = self.random.below(20)
        switch choice {
        case 0..<7: self.send()
        case 7..<13: self.deliver()
        case 13..<16: self.confirm()
        case 16, 17: self.giveUp()
        case 18: self.log.append(.snapshot(self.live.snapshotRecords()))
        default: if self.random.below(4) == 0 { try self.failOver() }
        }
        self.live.checkInvariants()
        self.checkStoredOnce()
    }

    /// A new message, or one under way once more.
    private mutating func send() {
        let index = Int(self.random.below(3))
        var producer = self.producers[index]
        let number: Int64
        if let again = producer.underWay.randomElement(using: &self.random),
            self.random.below(2) == 0 || producer.next - producer.done > 15
        {
            number = again
        } else {
            number = producer.next
            producer.next += 1
            producer.underWay.append(number)
        }
        let stamp = IdempotentStamp(
            producer: producer.name, sequence: number, done: min(producer.done, number - 1))
        self.producers[index] = producer
        self.network.append((index, stamp))
        if self.network.count > 30 { self.network.removeFirst() }
    }

    private mutating func deliver() {
        guard let (index, stamp) = self.network.randomElement(using: &self.random) else { return }
        switch self.live.decide([stamp], on: self.queue, at: .zero) {
        case .new:
            let place = StoredPlace(
                offset: QueueOffset(Int64(self.log.count)),
                position: PhysicalOffset(Int64(self.log.count) * 100))
            self.log.append(.message(index, stamp, place))
            self.live.stored(stamp, on: self.queue, at: place, now: .zero)
            self.pending.append((self.log.count, index, stamp, place))
        case .duplicate(let places):
            #expect(places == [self.stored(stamp)])
            self.duplicatesAnswered += 1
            self.pending.append((self.log.count, index, stamp, places[0]))
        case .refused(.tooOld(_, let done)):
            #expect(!self.producers[index].underWay.contains { $0 <= done })
        case .refused(let refusal): Issue.record("unexpected: \(refusal)")
        }
    }

    private mutating func confirm() {
        let unconfirmed = self.log.count - self.confirmedCount
        self.confirmedCount += Int(self.random.below(UInt64(unconfirmed + 1)))
        for answer in self.pending where answer.count <= self.confirmedCount {
            guard self.random.below(3) > 0 else { continue }  // lost
            let key = "\(answer.stamp.producer)/\(answer.stamp.sequence)"
            #expect(self.acknowledged[key] ?? answer.place == answer.place, "always the same place")
            self.acknowledged[key] = answer.place
            self.producers[answer.producer].underWay.removeAll { $0 == answer.stamp.sequence }
        }
        self.pending.removeAll { $0.count <= self.confirmedCount }
    }

    private mutating func giveUp() {
        let index = Int(self.random.below(3))
        guard self.random.below(4) == 0,
            let number = self.producers[index].underWay.randomElement(using: &self.random)
        else { return }
        self.producers[index].underWay.removeAll { $0 == number }
    }

    private mutating func failOver() throws {
        try self.checkReplay()
        let unconfirmed = self.log.count - self.confirmedCount
        self.log.removeLast(Int(self.random.below(UInt64(unconfirmed + 1))))
        self.pending = []
        self.live = try self.replayed()
        self.live.becameMaster(at: .zero)
    }

    private func stored(_ stamp: IdempotentStamp) -> StoredPlace? {
        for case .message(_, let known, let place) in self.log
        where known.producer == stamp.producer && known.sequence == stamp.sequence {
            return place
        }
        return nil
    }

    private func checkStoredOnce() {
        var places: [String: StoredPlace] = [:]
        for case .message(_, let stamp, let place) in self.log {
            let key = "\(stamp.producer)/\(stamp.sequence)"
            #expect(places.updateValue(place, forKey: key) == nil, "stored twice: \(key)")
        }
        for (key, place) in self.acknowledged {
            #expect(places[key] == place, "acknowledged and lost: \(key)")
        }
    }

    func checkReplay() throws {
        #expect(try self.replayed() == self.live, "the whole log")
        let start = self.log.lastIndex {
            if case .snapshot = $0 { true } else { false }
        }
        guard let start else { return }
        #expect(try self.replayed(from: start) == self.live, "from a snapshot on")
    }

    private func replayed(from start: Int = 0) throws -> IdempotenceTable {
        var state = IdempotenceTable(settings: self.live.settings)
        for entry in self.log[start...] {
            switch entry {
            case .message(_, let stamp, let place):
                state.stored(stamp, on: self.queue, at: place, now: .zero)
            case .snapshot(let records): for record in records { try state.take(record) }
            }
        }
        state.checkInvariants()
        return state
    }
}

extension IdempotenceTable {
    fileprivate mutating func take(_ record: StateRecord) throws {
        #expect(
            try record.payload.withUnsafeBytes { try self.apply(kind: record.kind, payload: $0) })
    }
}

/// SplitMix64.
private struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: UInt64) -> UInt64 { self.next() % limit }
}
