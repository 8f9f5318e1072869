import ClientCore
import MessageFormat
import Testing

@Suite("Idempotent window: any course of events")
struct IdempotentModelTests {
    @Test(
        "against brokers that forget what is done, nothing is stored twice and no loss is seen",
        arguments: 0..<60)
    func story(seed: UInt64) throws {
        var world = WindowWorld(seed: seed)
        for _ in 0..<600 { try world.step() }
        world.checkReaders()
        #expect(world.duplicatesAvoided > 0)
    }
}

/// One producer, four queues, and brokers of which requests and answers get lost.
private struct WindowWorld {
    struct Request {
        var id: Int
        var queue: MessageQueue
        var stamp: SequenceStamp
        var done: Int64
    }

    private(set) var duplicatesAvoided = 0
    private var window: IdempotentWindow
    private var random: Seeded
    private var now = 0
    private var nextID = 0
    private var live: Set<Int> = []
    /// Attempts whose outcome the producer does not know yet.
    private var attempts: [Request] = []
    /// What each queue holds.
    private var queues: [MessageQueue: [(id: Int, stamp: SequenceStamp)]] = [:]
    /// What brokers know: per queue and session the promise, above it what is stored.
    private var promises: [MessageQueue: [String: Int64]] = [:]
    private var acknowledged: Set<Int> = []

    init(seed: UInt64) {
        var settings = IdempotentSettings()
        settings.windowMax = 8
        settings.givenUpMax = 3
        self.window = IdempotentWindow(session: "s", settings: settings)
        self.random = Seeded(seed: seed)
    }

    private var all: [MessageQueue] {
        (0..<4).map {
            MessageQueue(topic: "T", brokerName: $0 < 2 ? "a" : "b", queueID: Int32($0 % 2))
        }
    }

    mutating func step() throws {
        self.now += Int(self.random.below(5))
        switch self.random.below(10) {
        case 0..<3: self.begin()
        case 3..<5: self.again()
        case 5..<9: self.answer()
        default:
            if let id = self.live.sorted().randomElement(using: &self.random) { self.giveUp(id) }
        }
        self.window.checkInvariants()
    }

    private mutating func begin() {
        self.nextID += 1
        self.live.insert(self.nextID)
        self.send(self.nextID)
    }

    private mutating func again() {
        guard let id = self.live.sorted().randomElement(using: &self.random) else { return }
        self.send(id)
    }

    private mutating func send(_ id: Int) {
        let route = self.all.filter { _ in self.random.below(5) > 0 }
        let queue: MessageQueue
        switch self.window.next(for: "\(id)", route: route, at: Tick(.seconds(self.now))) {
        case .anywhere:
            guard let any = route.randomElement(using: &self.random) else { return }
            queue = any
        case .only(let bound): queue = bound
        case .wait: return
        case .gone, .tooOld: return self.giveUp(id)
        }
        do throws(IdempotentRefusal) {
            let stamps = try self.window.attempt("\(id)", on: queue, at: Tick(.seconds(self.now)))
            self.attempts.append(
                Request(id: id, queue: queue, stamp: stamps.sequenceStamp(), done: stamps.done))
        } catch {
            #expect(error.isTemporary)
        }
    }

    private mutating func giveUp(_ id: Int) {
        self.live.remove(id)
        let mayBeStored = self.window.gaveUp("\(id)")
        let isStored = self.queues.values.joined().contains { $0.id == id }
        #expect(mayBeStored || !isStored, "never called a failure if it is stored")
    }

    /// A request arrives or gets lost, and so does its answer.
    private mutating func answer() {
        guard !self.attempts.isEmpty else { return }
        let request = self.attempts.remove(
            at: Int(self.random.below(UInt64(self.attempts.count))))
        let isLive = self.live.contains(request.id)
        switch self.random.below(6) {
        case 0:
            self.end(request, .unknown(AttemptFailure(.timedOut, reason: "lost request")))
        case 1:
            self.end(request, .refused(AttemptFailure(.connectFailed, reason: "nobody there")))
        case 2:
            _ = self.store(request)
            self.end(request, .unknown(AttemptFailure(.timedOut, reason: "lost answer")))
        default:
            let isStored = self.store(request)
            #expect(isStored || !isLive, "a broker calls nothing too old that is under way")
            if isStored { self.end(request, .acknowledged) }
        }
    }

    private mutating func end(_ request: Request, _ outcome: AttemptOutcome) {
        self.window.ended("\(request.id)", outcome)
        guard outcome == .acknowledged, self.live.remove(request.id) != nil else { return }
        self.acknowledged.insert(request.id)
    }

    /// False: the producer is done with the number, the broker stores nothing.
    private mutating func store(_ request: Request) -> Bool {
        let session = request.stamp.session
        let promise = max(self.promises[request.queue]?[session] ?? 0, request.done)
        let isKnown = self.queues[request.queue, default: []].contains {
            $0.stamp.session == session && $0.stamp.number == request.stamp.number
        }
        // A real broker has forgotten what lies below the promise; it must not need it.
        if request.stamp.number <= promise { return false }
        if isKnown {
            self.duplicatesAvoided += 1
            return true
        }
        #expect(request.stamp.number - promise <= 8)
        self.promises[request.queue, default: [:]][session] = promise
        self.queues[request.queue, default: []].append((request.id, request.stamp))
        return true
    }

    func checkReaders() {
        var seen: Set<Int> = []
        var check = SequenceCheck()
        for queue in self.all {
            for message in self.queues[queue] ?? [] {
                #expect(seen.insert(message.id).inserted, "stored twice: \(message.id)")
                for finding in check.received(message.stamp, on: queue) {
                    self.judge(finding, of: message.id)
                }
            }
        }
        #expect(self.acknowledged.isSubset(of: seen))
    }

    private func judge(_ finding: SequenceCheck.Finding, of id: Int) {
        switch finding {
        case .lost: Issue.record("\(finding)")
        // Given up, listed, and stored by a request that was still on its way.
        case .duplicate: #expect(!self.acknowledged.contains(id), "\(finding)")
        case .reordered: break
        }
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
