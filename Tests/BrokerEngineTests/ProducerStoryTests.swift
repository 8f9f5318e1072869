import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Whatever is sent again, ended again or cut off, every order is delivered once or never")
struct ProducerStoryTests {
    @Test("transactions of a producer that numbers them", arguments: UInt64(1)...25)
    func story(seed: UInt64) throws {
        var story = ProducerStory(seed: seed)
        for _ in 0..<100 { try story.step() }
        story.decideAll()
        #expect(story.delivered == story.wanted, "seed \(seed)")
        story.bench.engine.delivery.checkInvariants()
    }
}

/// One producer that sends its orders one after the other, each until it is acknowledged, and
/// decides about them; and a broker that dies now and then.
private struct ProducerStory {
    /// Batches are so short that only what is kept together shares one.
    private(set) var bench = EngineBench(EngineBench.settings { $0.log.batchBytesMax = 64 })
    private var chance: Chance
    /// Orders are numbered from 1. Even ones are to be committed.
    private var next = 1
    private var send: Int32 = 0
    /// How many of the batches on disk a crash cannot take.
    private var durable = 0

    init(seed: UInt64) {
        self.chance = Chance(state: seed)
        self.durable = self.bench.disk.count
        self.sendNext()
    }

    /// Orders that were acknowledged and are to be delivered.
    var wanted: [String] { (1..<self.next).filter { $0.isMultiple(of: 2) }.map { "order \($0)" } }

    mutating func step() throws {
        switch self.chance.below(10) {
        case 0: try self.crash()
        case 1: self.bench.pass(.seconds(Int(self.chance.below(20))))
        case 2, 3: self.sendNext()
        case 4, 5: self.endSome()
        default: self.settle()
        }
    }

    private mutating func settle() {
        self.bench.settle()
        self.durable = self.bench.disk.count
        guard self.bench.answer(to: self.send)?.code == .success else { return }
        self.next += 1
        self.sendNext()
    }

    /// The same order until it is acknowledged.
    private mutating func sendNext() {
        self.send = self.bench.request(
            Transactional.half(
                "order \(self.next)", key: "K\(self.next)",
                properties: Numbered.properties(self.next, done: self.next - 1)))
    }

    /// Half messages whose SEND was acknowledged.
    private var decidable: [HalfMessage] {
        self.bench.openHalves.filter { self.body(of: $0) != "order \(self.next)" }
    }

    private mutating func endSome() {
        guard let half = self.decidable.randomElement(using: &self.chance) else { return }
        self.end(half)
        if self.chance.below(2) == 0 { self.end(half) }
    }

    private mutating func end(_ half: HalfMessage) {
        guard let body = self.body(of: half) else { return }
        let isCommit = body.last.flatMap(\.wholeNumberValue)?.isMultiple(of: 2) ?? false
        self.bench.request(Transactional.end(isCommit ? 8 : 12, half, isFromCheck: true))
    }

    private func body(of half: HalfMessage) -> String? {
        self.bench.bytes(at: half.position)?.withUnsafeBytes { bytes in
            (try? StoredMessageView(bytes)).map { String(decoding: $0.body, as: UTF8.self) }
        }
    }

    /// Some of what was written last is lost. The producer sends again what was not acknowledged.
    private mutating func crash() throws {
        let lost = UInt64(self.bench.disk.count - self.durable + 1)
        let kept = self.bench.disk.count - Int(self.chance.below(lost))
        self.bench = try EngineBench(restarting: self.bench, batches: kept)
        self.durable = self.bench.disk.count
        self.sendNext()
    }

    mutating func decideAll() {
        self.settle()
        for _ in 0..<3 {
            for half in self.decidable { self.end(half) }
            self.bench.settle()
        }
    }

    var delivered: [String] {
        var bench = self.bench
        var found: [String] = []
        while true {
            let pull = bench.request(Requests.pull(queue: 1, offset: Int64(found.count)))
            let more = bench.messages(of: pull) { String(decoding: $0.body, as: UTF8.self) }
            guard !more.isEmpty else { break }
            found += more
        }
        return found.sorted { ($0.count, $0) < ($1.count, $1) }
    }
}

private struct Chance: RandomNumberGenerator {
    var state: UInt64

    /// SplitMix64.
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: UInt64) -> UInt64 { self.next() % max(1, limit) }
}
