private import HeapModule
package import MessageFormat

/// Which messages of idempotent producers are stored, so that a resend is stored once.
///
/// Derived from the messages in the log, so what was cut off at a failover is new again. Sessions
/// are forgotten by records: a master measures silence on its monotonic clock, and a wall clock
/// that jumps forgets nobody. Only masters decide and forget.
package struct IdempotenceTable: Sendable {
    struct SessionKey: Hashable, Comparable, Sendable {
        var queue: QueueKey
        var producer: String

        static func < (left: Self, right: Self) -> Bool {
            (left.queue, left.producer) < (right.queue, right.producer)
        }
    }

    private struct Due: Comparable, Sendable {
        var at: Tick
        var key: SessionKey

        static func < (left: Self, right: Self) -> Bool {
            (left.at, left.key) < (right.at, right.key)
        }
    }

    package let settings: IdempotenceSettings
    private(set) var windows: [SessionKey: ProducerWindow] = [:]
    /// Messages remembered, of all sessions.
    package private(set) var storedCount = 0
    /// On a master, one entry for each session, and some for sessions that are gone.
    private var silences: Heap<Due>?

    package init(settings: IdempotenceSettings = IdempotenceSettings()) {
        self.settings = settings
    }

    package var sessionCount: Int { self.windows.count }

    package mutating func becameMaster(at now: Tick) {
        for key in self.windows.keys { self.windows[key]?.heardAt = now }
        let due = now + self.settings.silenceMax
        self.silences = Heap(self.windows.keys.map { Due(at: due, key: $0) })
    }

    package mutating func ceasedToBeMaster() { self.silences = nil }
}

// Messages.
extension IdempotenceTable {
    /// What becomes of a request's messages: one, or the members of a batch in their order.
    package mutating func decide(
        _ stamps: [IdempotentStamp], on queue: QueueKey, at now: Tick
    ) -> IdempotenceDecision {
        guard let first = stamps.first, Self.areInARow(stamps) else { return .refused(.notInARow) }
        let key = SessionKey(queue: queue, producer: first.producer)
        self.windows[key]?.heardAt = now
        let window = self.windows[key]
        let places = stamps.compactMap { window?.place(of: $0.sequence) }
        if places.count == stamps.count { return .duplicate(places) }
        let done = max(first.done, window?.done ?? 0)
        guard first.sequence > done else {
            return .refused(.tooOld(sequence: first.sequence, done: done))
        }
        guard places.isEmpty else { return .refused(.partlyStored) }
        let last = stamps[stamps.count - 1].sequence
        guard last - done <= self.settings.windowMax else {
            return .refused(
                .tooManyInFlight(sequence: last, done: done, windowMax: self.settings.windowMax))
        }
        return self.roomProblem(for: stamps.count, isKnown: window != nil).map { .refused($0) }
            ?? .new
    }

    private func roomProblem(for count: Int, isKnown: Bool) -> IdempotenceRefusal? {
        guard isKnown || self.sessionCount < self.settings.sessionsMax else {
            return .tooManySessions(limit: self.settings.sessionsMax)
        }
        guard self.storedCount + count <= self.settings.storedMax else {
            return .tooManyStored(limit: self.settings.storedMax)
        }
        return nil
    }

    private static func areInARow(_ stamps: [IdempotentStamp]) -> Bool {
        zip(stamps, stamps.dropFirst()).allSatisfy { earlier, later in
            later.producer == earlier.producer && later.done == earlier.done
                && later.sequence == earlier.sequence + 1
        }
    }

    /// A message is in the log: appended now by a master, or replayed, or taken from a master.
    package mutating func stored(
        _ stamp: IdempotentStamp, on queue: QueueKey, at place: StoredPlace, now: Tick
    ) {
        let key = SessionKey(queue: queue, producer: stamp.producer)
        let isNew = self.windows[key] == nil
        self.change(key) { window, countMax in
            window.insert(stamp, at: place, countMax: countMax)
            window.heardAt = now
        }
        if isNew { self.watch(key, at: now) }
    }

    /// The same for a message of the log, if it has a stamp.
    package mutating func stored(
        _ message: StoredMessageView, at position: PhysicalOffset, now: Tick
    ) {
        guard case .stamp(let stamp) = IdempotentStamp.read(message.propertiesBytes) else { return }
        let queue = IdempotentStamp.queue(
            storedIn: message.topic, queueID: message.queueID, properties: message.properties)
        let place = StoredPlace(offset: message.queueOffset, position: position)
        self.stored(stamp, on: queue, at: place, now: now)
    }

    /// The topic was deleted, on masters and replicas alike: what was stored there is no answer.
    package mutating func removeTopic(_ name: String) {
        for key in self.windows.keys where key.queue.topic == name { self.remove(key) }
    }

    private mutating func watch(_ key: SessionKey, at now: Tick) {
        guard let count = self.silences?.count else { return }
        self.silences?.insert(Due(at: now + self.settings.silenceMax, key: key))
        // Sessions of deleted topics leave their entries behind.
        guard count > 2 * self.windows.count + 64 else { return }
        self.silences = Heap(
            self.windows.map {
                Due(at: ($0.value.heardAt ?? now) + self.settings.silenceMax, key: $0.key)
            })
    }

    private mutating func change(
        _ key: SessionKey, _ body: (inout ProducerWindow, _ countMax: Int) -> Void
    ) {
        let before = self.windows[key]?.stored.count ?? 0
        body(&self.windows[key, default: ProducerWindow()], self.settings.windowMax)
        self.storedCount += (self.windows[key]?.stored.count ?? 0) - before
    }

    mutating func remove(_ key: SessionKey) {
        guard let window = self.windows.removeValue(forKey: key) else { return }
        self.storedCount -= window.stored.count
    }

    mutating func restore(_ key: SessionKey, _ window: ProducerWindow) {
        self.change(key) { present, _ in present = window }
    }
}

// Silence.
extension IdempotenceTable {
    /// Time has passed. Records to append at once: they forget who was silent for too long.
    package mutating func advance(to now: Tick) -> [StateRecord] {
        var forgotten: [SessionKey] = []
        for _ in 0..<(4 * self.settings.forgottenMax) {
            guard forgotten.count < self.settings.forgottenMax, let first = self.silences?.min,
                first.at <= now
            else { break }
            self.silences?.removeMin()
            guard let window = self.windows[first.key] else { continue }
            let end = (window.heardAt ?? now) + self.settings.silenceMax
            if end <= now {
                self.remove(first.key)
                forgotten.append(first.key)
            } else {
                self.silences?.insert(Due(at: end, key: first.key))
            }
        }
        return IdempotenceRecords.forgotten(forgotten)
    }
}

extension IdempotenceTable: Equatable {
    package static func == (left: Self, right: Self) -> Bool { left.windows == right.windows }
}

extension IdempotenceTable {
    package func checkInvariants() {
        let counted = self.windows.values.reduce(0) { $0 + $1.stored.count }
        precondition(counted == self.storedCount)
        for window in self.windows.values {
            window.checkInvariants(countMax: self.settings.windowMax)
        }
        guard let silences else { return }
        let watched = Set(silences.unordered.map(\.key))
        precondition(self.windows.keys.allSatisfy(watched.contains), "silence is noticed")
        precondition(self.windows.values.allSatisfy { $0.heardAt != nil })
    }
}
