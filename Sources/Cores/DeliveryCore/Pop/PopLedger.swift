internal import HeapModule
package import MessageFormat

/// Remembers which messages are with consumers: popped, not acknowledged yet (`flows.md` §13).
///
/// What must survive a master is in the log. Each transition changes memory when it is decided and
/// leaves records in `takeRecords()`; the caller appends all of them in the same turn, and answers
/// when they are confirmed. So after a failover nothing that was popped is lost or given out twice
/// within its invisible time, nothing that was acknowledged comes back, and handles stay valid.
///
/// A pop is one `begin`, then `take` with what was read and selected, or `skip` when nothing was
/// selected, or `release`. Messages whose time passed are handed out by `advance`; the caller reads
/// each, appends it to its retry topic, and says `returned` in the same turn.
///
/// Handles may be shown through any connection, so messages stay in flight until they are
/// acknowledged or their time passes. Who wants them back when its connection closes says so with
/// the pop, and again with each change of the visible time.
package struct PopLedger: Sendable {
    let settings: PopSettings
    var queues: [PopQueue] = []
    private(set) var numbers: [PopKey: Int] = [:]
    private var unused: [Int] = []
    var holders: PopHolders
    var deadlines = Heap<PopDeadline>()
    private var clock = PopClock()
    /// The latest pop time that was given out. Memory only: it keeps the clock from going back.
    var latestPopTime = Int64(0)
    /// Queues whose committed offset may have changed.
    private var maybeCommitted: Set<Int> = []
    private var planned: [StateRecord] = []
    private var gathered: [PopKey: [PopLeave]] = [:]
    private var gatheredCount = 0

    /// Messages in flight.
    package private(set) var inFlight = 0
    /// Runs of messages in flight: what a snapshot has to tell.
    package private(set) var pieces = 0

    package init(settings: PopSettings = PopSettings()) {
        self.settings = settings
        self.holders = PopHolders(
            countMax: settings.holdingsMax, perConnectionMax: settings.holdingsPerConnectionMax)
    }

    /// Queues that groups have popped from.
    package var queueCount: Int { self.numbers.count }

    /// The pop time of everything that one request takes.
    package mutating func popTime(at now: Now) -> Timestamp {
        Timestamp(milliseconds: self.time(at: now))
    }

    /// Changes that the log does not have yet, in their order.
    package mutating func takeRecords() -> [StateRecord] {
        self.flushGathered()
        return exchange(&self.planned, with: [])
    }

    /// Where the groups have come that moved since this was last asked, sorted: for their ordinary
    /// offsets, which tools and pulling consumers see.
    package mutating func takeCommits() -> [OffsetRecord] {
        let moved = exchange(&self.maybeCommitted, with: []).sorted {
            self.queues[$0].key < self.queues[$1].key
        }
        return moved.compactMap { number in
            let queue = self.queues[number]
            guard let committed = queue.committed, committed != queue.toldCommit else { return nil }
            self.queues[number].toldCommit = committed
            return OffsetRecord(
                group: queue.key.group, topic: queue.key.topic, queueID: queue.key.queueID,
                offset: QueueOffset(committed))
        }
    }

    /// The smallest offset that is neither acknowledged nor on its way through the retry topic.
    package func committedOffset(_ key: PopKey) -> QueueOffset? {
        self.numbers[key].flatMap { self.queues[$0].committed }.map(QueueOffset.init(_:))
    }

    /// Messages of one queue that are with consumers.
    package func inFlight(_ key: PopKey) -> Int {
        self.numbers[key].map { self.queues[$0].inFlight } ?? 0
    }
}

// What the transitions have in common.
extension PopLedger {
    mutating func time(at now: Now) -> Int64 {
        self.clock.read(now, notBefore: self.latestPopTime)
    }

    func number(of key: PopKey) -> Int? { self.numbers[key] }

    mutating func findOrMake(_ key: PopKey) -> Int {
        if let number = self.numbers[key] { return number }
        let number = self.unused.popLast() ?? self.queues.count
        if number == self.queues.count {
            self.queues.append(PopQueue(key: key))
        } else {
            self.queues[number] = PopQueue(key: key)
        }
        self.numbers[key] = number
        return number
    }

    mutating func forget(_ key: PopKey) {
        guard let number = self.numbers[key] else { return }
        self.update(number) { $0 = PopQueue(key: key) }
        self.holders.forget(queue: number)
        self.numbers[key] = nil
        self.maybeCommitted.remove(number)
        self.unused.append(number)
    }

    /// Every change of a queue goes through here, so that the sums stay right.
    mutating func update<Result>(
        _ number: Int, _ change: (inout PopQueue) -> Result
    ) -> Result {
        let before = (self.queues[number].inFlight, self.queues[number].pieces)
        let result = change(&self.queues[number])
        self.inFlight += self.queues[number].inFlight - before.0
        self.pieces += self.queues[number].pieces - before.1
        self.maybeCommitted.insert(number)
        return result
    }

    /// These messages are in flight as said from now on.
    mutating func put(_ piece: PopPiece, in window: Int64, of number: Int) {
        self.update(number) { $0.flight.put(piece, in: window) }
        self.latestPopTime = max(self.latestPopTime, min(piece.popTime, PopClock.timeMax))
        self.watch(PopDeadline(at: piece.dueAt, queue: number, window: window))
    }

    mutating func setOrder(_ batch: PopOrderBatch?, of number: Int) {
        let batch = batch.flatMap { $0.firstUnacknowledged == nil ? nil : $0 }
        let watched = self.queues[number].order?.blockedUntil
        self.update(number) { $0.order = batch }
        guard let batch else { return }
        self.latestPopTime = max(self.latestPopTime, min(batch.popTime, PopClock.timeMax))
        guard batch.blockedUntil != watched else { return }
        self.watch(
            PopDeadline(at: batch.blockedUntil, queue: number, window: PopDeadline.orderWindow))
    }

    mutating func plan(_ record: StateRecord) {
        self.flushGathered()
        self.planned.append(record)
    }

    mutating func plan(_ kind: PopRecordKind, _ write: (inout PopRecordList) -> Void) {
        self.flushGathered()
        var records = PopRecordList(kind)
        write(&records)
        self.planned += records.finish()
    }

    /// Acknowledgements of one turn share a record, unless something else comes in between.
    mutating func gather(_ leave: PopLeave, of key: PopKey) {
        self.gathered[key, default: []].append(leave)
        self.gatheredCount += 1
        if self.gatheredCount >= PopRecords.listMax { self.flushGathered() }
    }

    private mutating func flushGathered() {
        guard self.gatheredCount > 0 else { return }
        var records = PopRecordList(.acknowledged)
        for (key, leaves) in self.gathered.sorted(by: { $0.key < $1.key }) {
            PopRecords.leave(key, Self.merged(leaves), to: &records)
        }
        self.gathered = [:]
        self.gatheredCount = 0
        self.planned += records.finish()
    }

    private static func merged(_ leaves: [PopLeave]) -> [PopLeave] {
        leaves.sorted().reduce(into: []) { merged, leave in
            if let last = merged.last, last.window == leave.window, last.popTime == leave.popTime {
                merged[merged.count - 1].bits |= leave.bits
            } else {
                merged.append(leave)
            }
        }
    }

    package func checkInvariants() {
        precondition(self.numbers.count + self.unused.count == self.queues.count)
        precondition(self.inFlight == self.queues.reduce(0) { $0 + $1.inFlight })
        precondition(self.pieces == self.queues.reduce(0) { $0 + $1.pieces })
        for (key, number) in self.numbers {
            precondition(self.queues[number].key == key)
            self.queues[number].checkInvariants()
        }
        precondition(self.unused.allSatisfy { self.queues[$0].inFlight == 0 })
        self.holders.checkInvariants()
        self.checkDeadlines()
    }
}
