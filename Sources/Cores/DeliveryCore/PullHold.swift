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
/// caller needs for that. Everything that does not depend on its type is in `HoldIndex`.
package struct PullHold<Held: Sendable>: Sendable {
    package struct Pull: Sendable {
        package let id: HoldID
        package let place: HeldPlace
        package let held: Held

        package var connection: ConnectionKey { self.place.connection }
        package var opaque: Int32 { self.place.opaque }
        package var queue: QueueKey { self.place.queue }
        package var offset: QueueOffset { self.place.offset }
        package var tagHashes: Set<Int32> { self.place.tagHashes }
        package var deadline: Tick { self.place.deadline }
    }

    private var index: HoldIndex
    private var payloads: [UInt64: (held: Held, bytes: Int)] = [:]
    private let bytesMax: Int
    private var bytes = 0

    /// - Parameter bytesMax: of what all held pulls say beside their place, such as expressions.
    package init(
        countMax: Int = 100_000, perConnectionMax: Int = 20_000, bytesMax: Int = 32 << 20
    ) {
        self.bytesMax = bytesMax
        self.index = HoldIndex(countMax: countMax, perConnectionMax: perConnectionMax)
    }

    package var count: Int { self.index.count }

    /// When `expire(at:)` next has something to give.
    package var nextDeadline: Tick? { self.index.nextDeadline }

    package func isWaiting(on queue: QueueKey) -> Bool { self.index.isWaiting(on: queue) }

    /// Takes a pull in. Nil: too many are held, answer this one at once.
    package mutating func hold(
        connection: ConnectionKey, opaque: Int32, queue: QueueKey, offset: QueueOffset,
        tagHashes: Set<Int32> = [], deadline: Tick, held: Held, bytes: Int = 0
    ) -> HoldID? {
        guard self.bytes + bytes <= self.bytesMax else { return nil }
        let place = HeldPlace(
            connection: connection, opaque: opaque, queue: queue, offset: offset,
            tagHashes: tagHashes, deadline: deadline)
        guard let id = self.index.insert(place) else { return nil }
        self.payloads[id] = (held, bytes)
        self.bytes += bytes
        return HoldID(value: id)
    }

    /// Messages became visible in a queue: `tagHashes` are theirs in order, the last one lies
    /// just before `newMax`. Gives back the pulls that select one of them, oldest first.
    package mutating func wake(
        _ queue: QueueKey, newMax: QueueOffset, tagHashes: [Int32]
    ) -> [Pull] {
        self.pulls(
            self.index.removeAll(from: queue) { $0.selects(tagHashes, newMax: newMax) })
    }

    /// Gives back every pull of a queue, whatever it selects: the queue was deleted or changed.
    package mutating func wakeAll(_ queue: QueueKey) -> [Pull] {
        self.pulls(self.index.removeAll(from: queue) { _ in true })
    }

    /// Gives back the pulls of a queue that are wanted, oldest first.
    package mutating func wake(_ queue: QueueKey, where isWanted: (Held) -> Bool) -> [Pull] {
        self.index.waiting(on: queue).compactMap { id in
            guard let held = self.payloads[id]?.held, isWanted(held) else { return nil }
            return self.withdraw(HoldID(value: id))
        }
    }

    /// Time has passed: gives back the pulls whose deadline is over, oldest first.
    package mutating func expire(at now: Tick) -> [Pull] {
        self.pulls(self.index.removeDue(at: now))
    }

    /// A connection closed: nobody waits for its answers any more.
    package mutating func closed(_ connection: ConnectionKey) {
        _ = self.pulls(self.index.removeAll(of: connection))
    }

    /// Gives one pull back, if it is still held.
    package mutating func withdraw(_ id: HoldID) -> Pull? {
        self.index.remove(id.value).flatMap { self.pulls([$0]).first }
    }

    private mutating func pulls(_ entries: [HoldIndex.Entry]) -> [Pull] {
        entries.compactMap { entry in
            self.payloads.removeValue(forKey: entry.id).map { payload in
                self.bytes -= payload.bytes
                return Pull(id: HoldID(value: entry.id), place: entry.place, held: payload.held)
            }
        }
    }

    package func checkInvariants() {
        precondition(self.payloads.count == self.index.count, "each held pull has its payload")
        precondition(self.bytes == self.payloads.values.reduce(0) { $0 + $1.bytes })
        self.index.checkInvariants()
    }
}
