package import MessageFormat

/// Names one held pull.
package struct HoldID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// Pulls that found nothing and wait for a message (`flows.md` §6).
///
/// A pull leaves when a message that its tags select is stored, when its deadline passes, or when
/// its connection closes; the caller then reads again on its behalf. `Held` is whatever the
/// caller needs for that.
package struct PullHold<Held: Sendable>: Sendable {
    package struct Pull: Sendable {
        package let id: HoldID
        package let connection: ConnectionKey
        package let opaque: Int32
        package let queue: QueueKey
        /// Where the client wants to read on. Messages that its tags did not select may lie
        /// behind it by the time the pull wakes.
        package let offset: QueueOffset
        /// Empty selects every message.
        package let tagHashes: Set<Int32>
        package let deadline: Tick
        package let held: Held
    }

    private let countMax: Int
    private let perConnectionMax: Int
    private var lastID = UInt64(0)
    private var pulls: [UInt64: Pull] = [:]
    private var byQueue: [QueueKey: SortedNumbers<UInt64>] = [:]
    private var byConnection: [ConnectionKey: Set<UInt64>] = [:]
    private var deadlines = DeadlineBuckets()

    package init(countMax: Int = 100_000, perConnectionMax: Int = 20_000) {
        self.countMax = countMax
        self.perConnectionMax = perConnectionMax
    }

    package var count: Int { self.pulls.count }

    /// Never later than the first deadline's expiry: call `expire(at:)` then.
    package var nextDeadline: Tick? { self.deadlines.next }

    package func isWaiting(on queue: QueueKey) -> Bool { self.byQueue[queue] != nil }

    /// Takes a pull in. Nil: too many are held, answer this one at once.
    package mutating func hold(
        connection: ConnectionKey, opaque: Int32, queue: QueueKey, offset: QueueOffset,
        tagHashes: Set<Int32> = [], deadline: Tick, held: Held
    ) -> HoldID? {
        guard self.pulls.count < self.countMax,
            self.byConnection[connection]?.count ?? 0 < self.perConnectionMax
        else { return nil }
        self.lastID += 1
        let id = self.lastID
        self.pulls[id] = Pull(
            id: HoldID(value: id), connection: connection, opaque: opaque, queue: queue,
            offset: offset, tagHashes: tagHashes, deadline: deadline, held: held)
        self.byQueue[queue, default: SortedNumbers()].insert(id)
        self.byConnection[connection, default: []].insert(id)
        self.deadlines.insert(id, at: deadline)
        return HoldID(value: id)
    }

    /// Messages became visible in a queue: `tagHashes` are theirs in order, the last one lies
    /// just before `newMax`. Gives back the pulls that select one of them, oldest first.
    package mutating func wake(
        _ queue: QueueKey, newMax: QueueOffset, tagHashes: [Int32]
    ) -> [Pull] {
        guard let waiting = self.byQueue[queue]?.numbers else { return [] }
        let first = newMax.value - Int64(tagHashes.count)
        let woken = waiting.compactMap { self.pulls[$0] }.filter { pull in
            guard pull.offset < newMax else { return false }
            let skipped = max(pull.offset.value, first) - first
            return pull.selects(tagHashes.dropFirst(Int(skipped)))
        }
        self.leave(queue, woken)
        return woken
    }

    /// Gives back every pull of a queue, whatever it selects: the queue was deleted or changed.
    package mutating func wakeAll(_ queue: QueueKey) -> [Pull] {
        let waiting = self.byQueue[queue]?.numbers ?? []
        let woken = waiting.compactMap { self.pulls[$0] }
        self.leave(queue, woken)
        return woken
    }

    /// Time has passed: gives back the pulls whose deadline is over, oldest first.
    package mutating func expire(at now: Tick) -> [Pull] {
        self.deadlines.takeDue(at: now).compactMap { self.remove($0) }
    }

    /// A connection closed: nobody waits for its answers any more.
    package mutating func closed(_ connection: ConnectionKey) {
        for id in self.byConnection[connection] ?? [] { _ = self.remove(id) }
    }

    /// Gives one pull back, if it is still held.
    package mutating func withdraw(_ id: HoldID) -> Pull? { self.remove(id.value) }

    private mutating func remove(_ id: UInt64) -> Pull? {
        guard let pull = self.pulls[id] else { return nil }
        self.byQueue[pull.queue]?.remove(id)
        if self.byQueue[pull.queue]?.isEmpty == true { self.byQueue[pull.queue] = nil }
        self.forget(pull)
        return pull
    }

    /// Woken pulls leave their queue: one pass over it, however many they are.
    private mutating func leave(_ queue: QueueKey, _ woken: [Pull]) {
        if woken.isEmpty { return }
        for pull in woken { self.forget(pull) }
        let pulls = self.pulls
        self.byQueue[queue]?.removeAll { pulls[$0] == nil }
        if self.byQueue[queue]?.isEmpty == true { self.byQueue[queue] = nil }
    }

    /// Forgets a pull everywhere but in its queue.
    private mutating func forget(_ pull: Pull) {
        let id = pull.id.value
        self.pulls[id] = nil
        self.deadlines.remove(id, at: pull.deadline)
        self.byConnection[pull.connection]?.remove(id)
        if self.byConnection[pull.connection]?.isEmpty == true {
            self.byConnection[pull.connection] = nil
        }
    }

    package func checkInvariants() {
        precondition(self.pulls.count <= self.countMax)
        precondition(self.byQueue.values.reduce(0) { $0 + $1.numbers.count } == self.pulls.count)
        precondition(self.byConnection.values.reduce(0) { $0 + $1.count } == self.pulls.count)
        for (queue, ids) in self.byQueue {
            precondition(!ids.isEmpty)
            ids.checkInvariants()
            precondition(ids.numbers.allSatisfy { self.pulls[$0]?.queue == queue })
        }
        for (connection, ids) in self.byConnection {
            precondition(!ids.isEmpty)
            precondition(ids.allSatisfy { self.pulls[$0]?.connection == connection })
        }
        precondition(self.pulls.isEmpty == (self.deadlines.next == nil))
        self.deadlines.checkInvariants()
    }
}

extension PullHold.Pull {
    fileprivate func selects(_ hashes: ArraySlice<Int32>) -> Bool {
        if self.tagHashes.isEmpty { return !hashes.isEmpty }
        return hashes.contains { self.tagHashes.contains($0) }
    }
}
