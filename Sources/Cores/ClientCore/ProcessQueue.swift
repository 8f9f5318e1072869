private import DequeModule
package import MessageFormat

/// The consumer's buffer of one queue: messages from the pull that brought them to the
/// acknowledgement that lets the offset move past them.
///
/// Invariant: the commit offset never passes a message that is not acknowledged.
package struct ProcessQueue<Message: Sendable>: Sendable {
    private enum State: Equatable {
        case waiting
        case givenOut
        /// Given back; due again at the tick noted in `delayed`.
        case delayed
        case acknowledged
    }

    private struct Entry {
        let offset: QueueOffset
        let bytes: Int
        var message: Message?
        var state: State
        var deliveries: Int
        /// The last time.
        var givenOutAt = Tick.zero
    }

    package struct Limits: Hashable, Sendable {
        package var messagesMax: Int
        package var bytesMax: Int
        /// Distance between the first message not yet acknowledged and the last one pulled.
        package var spanMax: Int

        package init(
            messagesMax: Int = 1000, bytesMax: Int = 64 << 20, spanMax: Int = 20_000
        ) {
            self.messagesMax = messagesMax
            self.bytesMax = bytesMax
            self.spanMax = spanMax
        }
    }

    private let limits: Limits
    /// In the order of their offsets. The first entry is never acknowledged.
    private var entries: Deque<Entry> = []
    /// Entries from here on were never given out.
    private var freshFrom = 0
    /// What was given back, soonest first.
    private var delayed: [(dueAt: Tick, offset: QueueOffset)] = []
    /// Where the next pull begins.
    package private(set) var pullOffset: QueueOffset
    /// Messages that are not acknowledged.
    package private(set) var count = 0
    /// Their bytes.
    package private(set) var bytes = 0

    package init(startingAt offset: QueueOffset, limits: Limits = Limits()) {
        self.pullOffset = offset
        self.limits = limits
    }

    /// The offset that may be committed: the smallest one not acknowledged, or the pull offset
    /// when nothing is unfinished.
    package var commitOffset: QueueOffset { self.entries.first?.offset ?? self.pullOffset }

    /// Whether the limits allow another pull.
    package var hasRoom: Bool {
        self.count < self.limits.messagesMax && self.bytes < self.limits.bytesMax
            && self.pullOffset.distance(from: self.commitOffset) < self.limits.spanMax
    }

    /// When, after `tick`, the next message that was given back becomes due.
    package func nextDueAt(after tick: Tick) -> Tick? {
        self.delayed.first { $0.dueAt > tick }?.dueAt
    }

    private var hasFresh: Bool { self.freshFrom < self.entries.count }

    /// Whether `take` would find something.
    package func hasSomething(at now: Tick) -> Bool {
        self.hasFresh || self.delayed.first.map { $0.dueAt <= now } ?? false
    }
}

extension ProcessQueue {
    /// A pull brought this message. False, without effect, for an offset that is not beyond
    /// everything known: the queue has it already, or had it and it was acknowledged.
    package mutating func pulled(_ message: Message, at offset: QueueOffset, bytes: Int) -> Bool {
        guard offset >= self.pullOffset, offset.isPlausible else { return false }
        self.entries.append(
            Entry(
                offset: offset, bytes: bytes, message: message, state: .waiting, deliveries: 0))
        self.pullOffset = offset.advanced(by: 1)
        self.count += 1
        self.bytes += bytes
        return true
    }

    /// The broker looked at everything below `offset`: what was not sent did not match.
    package mutating func examined(upTo offset: QueueOffset) {
        guard offset.isPlausible else { return }
        self.pullOffset = max(self.pullOffset, offset)
    }

    /// The next message to work on: one that was given back and is due, else the next fresh one.
    package mutating func take(
        at now: Tick
    ) -> (message: Message, offset: QueueOffset, deliveries: Int)? {
        if let due = self.delayed.first, due.dueAt <= now {
            self.delayed.removeFirst()
            if let index = self.index(of: due.offset) { return self.give(index, at: now) }
        }
        guard self.hasFresh else { return nil }
        self.freshFrom += 1
        return self.give(self.freshFrom - 1, at: now)
    }

    private mutating func give(
        _ index: Int, at now: Tick
    ) -> (message: Message, offset: QueueOffset, deliveries: Int)? {
        self.entries[index].state = .givenOut
        self.entries[index].givenOutAt = now
        self.entries[index].deliveries += 1
        let entry = self.entries[index]
        return entry.message.map { ($0, entry.offset, entry.deliveries) }
    }

    /// The message at `offset` is done with. False if it was not given out.
    @discardableResult
    package mutating func acknowledge(_ offset: QueueOffset) -> Bool {
        guard let index = self.index(of: offset), self.entries[index].state == .givenOut else {
            return false
        }
        self.count -= 1
        self.bytes -= self.entries[index].bytes
        self.entries[index].state = .acknowledged
        self.entries[index].message = nil
        while let first = self.entries.first, first.state == .acknowledged {
            self.entries.removeFirst()
            self.freshFrom -= 1
        }
        return true
    }

    /// The message at `offset` was not worked off: it is given out again at `dueAt`. False if it
    /// was not given out.
    @discardableResult
    package mutating func giveBack(_ offset: QueueOffset, dueAt: Tick) -> Bool {
        guard let index = self.index(of: offset), self.entries[index].state == .givenOut else {
            return false
        }
        self.entries[index].state = .delayed
        let place = self.delayed.firstIndex { $0.dueAt > dueAt } ?? self.delayed.count
        self.delayed.insert((dueAt, offset), at: place)
        return true
    }

    /// The message at `offset`, if it is given out.
    package func givenOut(_ offset: QueueOffset) -> Message? {
        guard let index = self.index(of: offset), self.entries[index].state == .givenOut else {
            return nil
        }
        return self.entries[index].message
    }

    /// Among the first messages, which hold the offset back, those that have been given out for
    /// this long.
    package func givenOut(for time: Duration, countMax: Int, at now: Tick) -> [QueueOffset] {
        self.entries.prefix(countMax)
            .filter { $0.state == .givenOut && now - $0.givenOutAt >= time }.map(\.offset)
    }

    /// Binary search: offsets rise, with holes where messages did not match.
    private func index(of offset: QueueOffset) -> Int? {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            if self.entries[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        guard low < self.entries.count, self.entries[low].offset == offset else { return nil }
        return low
    }

    package func checkInvariants() {
        let open = self.entries.filter { $0.state != .acknowledged }
        precondition(open.count == self.count, "the count is that of the open messages")
        precondition(open.reduce(0) { $0 + $1.bytes } == self.bytes, "bytes are of open messages")
        precondition(self.entries.first?.state != .acknowledged, "the first entry is open")
        precondition((0...self.entries.count).contains(self.freshFrom), "the cursor is inside")
        precondition(
            self.entries[self.freshFrom...].allSatisfy { $0.state == .waiting },
            "what lies behind the cursor was never given out")
        precondition(
            zip(self.entries, self.entries.dropFirst()).allSatisfy { $0.offset < $1.offset },
            "offsets rise")
        precondition(self.commitOffset <= self.pullOffset, "nothing unseen is committed")
    }
}

extension QueueOffset {
    /// Whether a peer's number can be an offset: arithmetic on it cannot overflow.
    package var isPlausible: Bool { (0..<(1 << 62)).contains(self.value) }
}
