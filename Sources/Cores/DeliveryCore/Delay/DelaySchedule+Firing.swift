package import MessageFormat

/// Messages whose time has come, in order.
package struct DueDelays: Hashable, Sendable {
    /// What is to be put again. Empty when all that is due was recalled.
    package internal(set) var messages: [PendingDelay] = []
    /// The last key of all that this passes.
    package internal(set) var through: DelayKey
    /// Recalled ones included.
    var passed: [PendingDelay] = []
}

extension DelaySchedule {
    /// When to ask for what is due next. Nil: nothing is known to wait.
    package var nextDue: Timestamp? {
        self.window.first.map { DelayField.due(of: $0.entry) }
    }

    /// Takes what is due, at most `limit` messages and about `bytesMax` bytes, at least one.
    ///
    /// One lot at a time: nil until the last one was `fired` or given back. Read the messages, put
    /// those that can be read into a batch together with `firedRecord`, then call `fired`; a
    /// message that is damaged is left out and reported, and does not hold up the others.
    package mutating func takeDue(
        at now: Timestamp, limit: Int = 1_024, bytesMax: Int = 2 << 20
    ) -> DueDelays? {
        guard self.isReady, self.taken == nil else { return nil }
        var lot = DueDelays(through: self.cursor)
        var bytes = 0
        let barrier = self.barrier
        while let next = self.nextToFire(at: now, before: barrier) {
            if !self.recalled.contains(next.offset) {
                let isFull = lot.messages.count >= limit || bytes + next.bytes > bytesMax
                if isFull, !lot.messages.isEmpty { break }
                lot.messages.append(next)
                bytes += next.bytes
            }
            lot.passed.append(next)
            lot.through = next.key
            _ = self.window.popFirst()
        }
        guard !lot.passed.isEmpty else { return nil }
        self.taken = lot
        return lot
    }

    private mutating func nextToFire(
        at now: Timestamp, before barrier: DelayKey?
    ) -> PendingDelay? {
        while let first = self.window.first, !self.isPending(first.key) {
            _ = self.window.popFirst()
        }
        guard let first = self.window.first, DelayField.due(of: first.entry) <= now,
            barrier.map({ first.key < $0 }) ?? true
        else { return nil }
        return first
    }

    /// The first message that must not be passed yet: not confirmed, or being rolled.
    private var barrier: DelayKey? {
        [self.unconfirmed.first, self.rolling?.first].compactMap { $0 }.min()
    }

    /// Goes into the same batch as the messages of the lot up to `key`.
    package func firedRecord(through key: DelayKey) -> StateRecord {
        DelayRecords.fired(through: key, count: self.countOfTaken(through: key))
    }

    /// The batch has been gathered. What was taken and lies behind `key` waits again.
    package mutating func fired(through key: DelayKey) {
        guard let taken = self.taken, key <= taken.through else { return }
        let count = self.countOfTaken(through: key)
        self.taken = nil
        self.passed(key, count: count)
        for message in taken.passed where message.key > key { self.place(message) }
    }

    /// The messages could not be read for now. They are due still.
    package mutating func giveBack() {
        guard let taken = self.taken else { return }
        self.taken = nil
        for message in taken.passed { self.place(message) }
    }

    private func countOfTaken(through key: DelayKey) -> Int {
        self.taken?.messages.count { $0.key <= key } ?? 0
    }

    /// The cursor moves; it never goes back.
    mutating func passed(_ key: DelayKey, count: Int) {
        self.pendingCount = max(0, self.pendingCount - Int64(count))
        guard key > self.cursor else { return }
        self.cursor = key
        self.window.remove(through: key)
        self.recalled.forget(through: key)
        self.stretches.advanceFloor(
            after: key, confirmedEnd: self.unconfirmed.confirmedEnd)
    }
}

extension PendingDelay {
    var bytes: Int { Int(self.entry.size) }
}

// Taking back.
extension DelaySchedule {
    /// Why a message cannot be taken back.
    package enum RecallRefusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// No such message, or it was put again at another offset: try the later ones of its key.
        case notPending
        case tooLate
        case alreadyRecalled
        case tooMany(recalledMax: Int)

        package var description: String {
            switch self {
            case .notPending: "the message does not wait for its delivery"
            case .tooLate: "the message has been delivered or is being delivered"
            case .alreadyRecalled: "the message has been recalled already"
            case .tooMany(let recalledMax):
                "\(recalledMax) recalled messages are remembered, more are not allowed; "
                    + "try again later"
            }
        }
    }

    /// Takes a message back. The record must go into the log; applying it again changes nothing.
    package mutating func recall(
        _ entry: IndexEntry, at offset: QueueOffset
    ) -> Result<StateRecord, RecallRefusal> {
        let key = PendingDelay(entry: entry, offset: offset).key
        guard Self.isSane(offset), offset < self.unconfirmed.appendedEnd,
            offset > self.rolledThrough
        else { return .failure(.notPending) }
        guard key > self.frontier else { return .failure(.tooLate) }
        guard !self.recalled.contains(offset) else { return .failure(.alreadyRecalled) }
        guard self.recalled.count < self.settings.recalledMax else {
            return .failure(.tooMany(recalledMax: self.settings.recalledMax))
        }
        self.recall(key)
        return .success(DelayRecords.recalled(key))
    }

    mutating func recall(_ key: DelayKey) {
        guard self.isPending(key), self.recalled.insert(key) else { return }
        self.pendingCount = max(0, self.pendingCount - 1)
    }
}
