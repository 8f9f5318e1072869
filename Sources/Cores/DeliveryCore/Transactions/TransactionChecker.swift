private import HeapModule
package import MessageFormat

/// Decides when a half message is asked about, and when it is given up. Only a master has one.
///
/// A producer that died leaves half messages behind; any live producer of its group is asked, a
/// bounded number of times. Waits are measured on the monotonic clock: a wall clock that jumps
/// neither asks too soon nor gives up what nobody was asked about. Invariant: every open
/// transaction is watched, and each watched one has its entry in the heap.
package struct TransactionChecker: Sendable {
    package enum Effect: Hashable, Sendable {
        /// Ask a live producer of the group, and call `asked` if there was one.
        case ask(QueueOffset, group: String)
        /// Copy the half message to the topic of given-up ones, and call `ended` or `endFailed`.
        case giveUp(HalfMessage)
    }

    private struct Due: Comparable, Sendable {
        var at: Tick
        var offset: QueueOffset

        static func < (left: Self, right: Self) -> Bool {
            (left.at, left.offset) < (right.at, right.offset)
        }
    }

    private struct Watch: Sendable {
        var dueAt: Tick
        /// It was due under this master before, whether or not there was anybody to ask.
        var wasDue = false
        /// What the engine is about to append.
        var ending: TransactionOutcome?
        /// It was due, and nobody of its group was there.
        var lonelyIn: String?
    }

    private var watches: [QueueOffset: Watch] = [:]
    /// By producer group: what is asked about as soon as one of its producers comes.
    private var lonely: [String: Set<QueueOffset>] = [:]
    private var due = Heap<Due>()

    /// Watches everything that is open when a master begins.
    init(_ table: TransactionTable, _ settings: TransactionSettings, at now: Now) {
        for (offset, transaction) in table.opens {
            let wait = Self.wait(for: transaction, settings, at: now.wall)
            self.watches[offset] = Watch(
                dueAt: now.tick + max(wait, settings.pauseAfterPromotion))
        }
        self.due = Heap(self.watches.map { Due(at: $0.value.dueAt, offset: $0.key) })
    }

    /// What is left of the immunity or the interval, by a clock that may be anywhere.
    private static func wait(
        for transaction: OpenTransaction, _ settings: TransactionSettings, at now: Timestamp
    ) -> Duration {
        let whole =
            transaction.lastCheck == nil
            ? settings.immunity(of: transaction.half) : settings.interval
        let gone = now.since(transaction.lastCheck ?? transaction.half.stored)
        return gone < .zero ? whole : gone > whole ? .zero : whole - gone
    }

    mutating func watch(_ half: HalfMessage, _ settings: TransactionSettings, at now: Tick) {
        self.watches[half.offset] = Watch(dueAt: now)
        self.schedule(half.offset, at: now + settings.immunity(of: half))
    }

    func ending(_ offset: QueueOffset) -> TransactionOutcome? { self.watches[offset]?.ending }

    mutating func begin(_ outcome: TransactionOutcome, of offset: QueueOffset) {
        self.watches[offset]?.ending = outcome
    }

    /// It could not be ended: it stays open, and is asked about when its time comes.
    mutating func endFailed(_ offset: QueueOffset) { self.watches[offset]?.ending = nil }

    /// There was nobody to ask.
    mutating func foundNobody(of group: String, for offset: QueueOffset) {
        guard self.watches[offset] != nil else { return }
        self.watches[offset]?.lonelyIn = group
        self.lonely[group, default: []].insert(offset)
    }

    /// The first producer of a group has come: it is asked at once.
    mutating func producerCame(to group: String, at now: Tick) {
        for offset in self.lonely.removeValue(forKey: group)?.sorted() ?? [] {
            self.watches[offset]?.lonelyIn = nil
            self.schedule(offset, at: now)
        }
        self.dropOutdated()
    }

    private mutating func isLonelyNoMore(_ offset: QueueOffset) {
        guard let group = self.watches[offset]?.lonelyIn else { return }
        self.watches[offset]?.lonelyIn = nil
        self.lonely[group]?.remove(offset)
        if self.lonely[group]?.isEmpty == true { self.lonely[group] = nil }
    }

    mutating func forget(_ offset: QueueOffset) {
        self.isLonelyNoMore(offset)
        self.watches[offset] = nil
        self.dropOutdated()
    }

    private mutating func dropOutdated() {
        guard self.due.count > 2 * self.watches.count + 64 else { return }
        self.due = Heap(self.watches.map { Due(at: $0.value.dueAt, offset: $0.key) })
    }

    mutating func advance(
        to now: Now, _ table: TransactionTable, confirmed: PhysicalOffset,
        _ settings: TransactionSettings
    ) -> [Effect] {
        var effects: [Effect] = []
        for _ in 0..<(4 * settings.effectsMax) where effects.count < settings.effectsMax {
            guard let first = self.due.min, first.at <= now.tick else { break }
            self.due.removeMin()
            guard let watch = self.watches[first.offset], watch.dueAt == first.at else { continue }
            self.schedule(first.offset, at: now.tick + settings.interval)
            self.isLonelyNoMore(first.offset)
            guard watch.ending == nil, let transaction = table[first.offset],
                transaction.half.position < confirmed
            else { continue }
            effects.append(self.decide(transaction, wasDue: watch.wasDue, now, settings))
        }
        return effects
    }

    /// Age counts only from the second time on: a clock that jumps for a moment decides nothing.
    private mutating func decide(
        _ transaction: OpenTransaction, wasDue: Bool, _ now: Now, _ settings: TransactionSettings
    ) -> Effect {
        let half = transaction.half
        let isTooOld = wasDue && now.wall.since(half.stored) >= settings.retention
        if transaction.checks >= settings.checksMax || isTooOld {
            self.begin(.givenUp, of: half.offset)
            return .giveUp(half)
        }
        self.watches[half.offset]?.wasDue = true
        return .ask(half.offset, group: half.producerGroup)
    }

    mutating func giveUp(
        _ table: TransactionTable, before position: PhysicalOffset, countMax: Int
    ) -> [HalfMessage] {
        let open = table.opens.values.filter {
            $0.half.position < position && self.watches[$0.half.offset]?.ending == nil
        }
        let halves = open.map(\.half).sorted { $0.offset < $1.offset }.prefix(countMax)
        for half in halves { self.begin(.givenUp, of: half.offset) }
        return Array(halves)
    }

    private mutating func schedule(_ offset: QueueOffset, at tick: Tick) {
        self.watches[offset]?.dueAt = tick
        self.due.insert(Due(at: tick, offset: offset))
    }

    func checkInvariants(_ table: TransactionTable) {
        precondition(Set(self.watches.keys) == Set(table.opens.keys), "what is open is watched")
        precondition(self.due.count <= 2 * self.watches.count + 65)
        let scheduled = Set(self.due.unordered.map { "\($0.offset.value)@\($0.at.nanoseconds)" })
        for (offset, watch) in self.watches {
            precondition(scheduled.contains("\(offset.value)@\(watch.dueAt.nanoseconds)"))
            guard let group = watch.lonelyIn else { continue }
            precondition(self.lonely[group]?.contains(offset) == true)
        }
        precondition(
            self.lonely.allSatisfy { group, offsets in
                !offsets.isEmpty && offsets.allSatisfy { self.watches[$0]?.lonelyIn == group }
            })
    }
}
