package import MessageFormat

/// What a held pull waits for, and on whose behalf.
package struct HeldPlace: Hashable, Sendable {
    package let connection: ConnectionKey
    package let opaque: Int32
    package let queue: QueueKey
    /// Where the client wants to read on. Messages that its tags did not select may lie behind
    /// it by the time the pull wakes.
    package let offset: QueueOffset
    /// Empty selects every message.
    package let tagHashes: Set<Int32>
    package let deadline: Tick

    /// Whether one of the messages that end before `newMax` is selected.
    func selects(_ arrived: [Int32], newMax: QueueOffset) -> Bool {
        guard self.offset < newMax else { return false }
        let first = newMax.value - Int64(arrived.count)
        let skipped = max(self.offset.value, first) - first
        let hashes = arrived.dropFirst(Int(skipped))
        if self.tagHashes.isEmpty { return !hashes.isEmpty }
        return hashes.contains { self.tagHashes.contains($0) }
    }
}

/// Finds held pulls by queue, by connection and by deadline.
struct HoldIndex: Sendable {
    typealias Entry = (id: UInt64, place: HeldPlace)

    let countMax: Int
    let perConnectionMax: Int
    private var lastID = UInt64(0)
    private var places: [UInt64: HeldPlace] = [:]
    private var byQueue: [QueueKey: SortedNumbers<UInt64>] = [:]
    private var byConnection: [ConnectionKey: Set<UInt64>] = [:]
    private var deadlines = DeadlineBuckets()

    init(countMax: Int, perConnectionMax: Int) {
        self.countMax = countMax
        self.perConnectionMax = perConnectionMax
    }

    var count: Int { self.places.count }
    var nextDeadline: Tick? { self.deadlines.next }

    func isWaiting(on queue: QueueKey) -> Bool { self.byQueue[queue] != nil }

    /// The oldest first.
    func waiting(on queue: QueueKey) -> [UInt64] { self.byQueue[queue]?.numbers ?? [] }

    /// Nil: too many are held.
    mutating func insert(_ place: HeldPlace) -> UInt64? {
        guard self.places.count < self.countMax,
            self.byConnection[place.connection]?.count ?? 0 < self.perConnectionMax
        else { return nil }
        self.lastID += 1
        let id = self.lastID
        self.places[id] = place
        self.byQueue[place.queue, default: SortedNumbers()].insert(id)
        self.byConnection[place.connection, default: []].insert(id)
        self.deadlines.insert(id, at: place.deadline)
        return id
    }

    /// Takes out those of a queue that want to, oldest first: one pass, however many they are.
    mutating func removeAll(from queue: QueueKey, where wants: (HeldPlace) -> Bool) -> [Entry] {
        guard let waiting = self.byQueue[queue]?.numbers else { return [] }
        var woken: [Entry] = []
        for id in waiting {
            guard let place = self.places[id], wants(place) else { continue }
            woken.append((id, place))
            self.forget(id, place)
        }
        if woken.count == waiting.count {
            self.byQueue[queue] = nil
        } else if !woken.isEmpty {
            let left = self.places
            self.byQueue[queue]?.removeAll { left[$0] == nil }
        }
        return woken
    }

    mutating func removeDue(at now: Tick) -> [Entry] {
        self.deadlines.takeDue(at: now).compactMap { self.remove($0) }
    }

    mutating func removeAll(of connection: ConnectionKey) -> [Entry] {
        (self.byConnection[connection] ?? []).compactMap { self.remove($0) }
    }

    mutating func remove(_ id: UInt64) -> Entry? {
        guard let place = self.places[id] else { return nil }
        self.byQueue[place.queue]?.remove(id)
        if self.byQueue[place.queue]?.isEmpty == true { self.byQueue[place.queue] = nil }
        self.forget(id, place)
        return (id, place)
    }

    /// Forgets a pull everywhere but in its queue.
    private mutating func forget(_ id: UInt64, _ place: HeldPlace) {
        self.places[id] = nil
        self.deadlines.remove(id, at: place.deadline)
        self.byConnection[place.connection]?.remove(id)
        if self.byConnection[place.connection]?.isEmpty == true {
            self.byConnection[place.connection] = nil
        }
    }

    func checkInvariants() {
        precondition(self.places.count <= self.countMax)
        precondition(self.byQueue.values.reduce(0) { $0 + $1.numbers.count } == self.count)
        precondition(self.byConnection.values.reduce(0) { $0 + $1.count } == self.count)
        for (queue, ids) in self.byQueue {
            precondition(!ids.isEmpty)
            ids.checkInvariants()
            precondition(ids.numbers.allSatisfy { self.places[$0]?.queue == queue })
        }
        for (connection, ids) in self.byConnection {
            precondition(!ids.isEmpty)
            precondition(ids.allSatisfy { self.places[$0]?.connection == connection })
        }
        precondition(self.places.isEmpty == (self.deadlines.next == nil))
        self.deadlines.checkInvariants()
    }
}
