package import MessageFormat

/// Pending messages of the oldest segment on their way to the queue's end.
package struct DelayRoll: Hashable, Sendable {
    /// In the order of their offsets.
    package internal(set) var messages: [PendingDelay]
    package internal(set) var through: QueueOffset

    /// The first one to be due: nothing after it fires before the roll has ended.
    var first: DelayKey? { self.messages.map(\.key).min() }
}

// Before the oldest segment is deleted, what still waits in it is put again at the queue's end.
extension DelaySchedule {
    /// Begins to roll the messages up to `through`; `entries` are those of the queue's index after
    /// `rolledThrough`. A thousand or so at a time: what is due among them waits meanwhile.
    ///
    /// Nil: not now, because some of them are firing, another roll is under way, or some are not
    /// confirmed. Then read the messages, and go on with `rollToAppend`.
    package mutating func beginRoll(
        _ entries: some Sequence<(IndexEntry, QueueOffset)>, through: QueueOffset
    ) -> DelayRoll? {
        guard self.isReady, self.rolling == nil, through > self.rolledThrough,
            through < self.unconfirmed.confirmedEnd,
            self.taken?.passed.contains(where: { $0.offset <= through }) != true
        else { return nil }
        let messages = entries.map { PendingDelay(entry: $0, offset: $1) }.filter {
            $0.offset <= through && self.isPending($0.key) && !self.recalled.contains($0.offset)
        }
        self.rolling = DelayRoll(
            messages: messages.sorted { $0.offset < $1.offset }, through: through)
        return self.rolling
    }

    /// What to append now, and the record that goes into the same batch: messages that were
    /// recalled since are left out. Those that cannot be read are reported and left out too.
    ///
    /// The new copies have the same properties and due times; `accept` is not asked.
    package func rollToAppend() -> (messages: [PendingDelay], record: StateRecord)? {
        guard let rolling = self.rolling else { return nil }
        let messages = rolling.messages.filter { !self.recalled.contains($0.offset) }
        let record = DelayRecords.rolled(through: rolling.through, count: messages.count)
        return (messages, record)
    }

    /// The batch has been gathered.
    package mutating func rolled() {
        guard let count = self.rollToAppend()?.messages.count, let rolling = self.rolling else {
            return
        }
        self.rolling = nil
        self.rolled(through: rolling.through, count: count)
    }

    /// The messages could not be read for now.
    package mutating func abandonRoll() { self.rolling = nil }

    mutating func rolled(through offset: QueueOffset, count: Int) {
        self.pendingCount = max(0, self.pendingCount - Int64(count))
        guard offset > self.rolledThrough else { return }
        self.rolledThrough = offset
        self.recalled.forget(through: offset)
        self.stretches.raiseFloor(to: offset.advanced(by: 1))
    }
}
