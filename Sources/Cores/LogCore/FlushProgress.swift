private import DequeModule
package import MessageFormat

/// How far the log has come: handed to the writer, written, durable, kept here, confirmed.
///
/// Invariant: `confirmed <= kept <= written <= submitted` and `durable <= written`.
package struct FlushProgress: Sendable {
    /// `SYNC_FLUSH`: a message counts when it is on stable storage. `ASYNC_FLUSH`: when the
    /// operating system has it; a crash of the process loses nothing, a power cut may.
    package enum Mode: Sendable, Hashable { case sync, async }

    package let mode: Mode
    package private(set) var submitted: PhysicalOffset
    package private(set) var written: PhysicalOffset
    package private(set) var durable: PhysicalOffset
    /// What every replica that counts keeps, this one included.
    package private(set) var confirmed: PhysicalOffset

    /// A log that was recovered up to `end`: what is on disk after a restart counts as durable.
    package init(
        mode: Mode, recoveredTo end: PhysicalOffset, confirmed: PhysicalOffset? = nil
    ) {
        self.mode = mode
        self.submitted = end
        self.written = end
        self.durable = end
        self.confirmed = min(end, confirmed ?? end)
    }

    package var isWriterIdle: Bool { self.submitted == self.written }

    /// What this broker counts as kept by itself.
    package var kept: PhysicalOffset { self.mode == .sync ? self.durable : self.written }

    package mutating func submitted(upTo offset: PhysicalOffset) {
        precondition(offset >= self.submitted, "batches are written in order")
        self.submitted = offset
    }

    /// A write ended.
    package mutating func written(upTo written: PhysicalOffset, durable: PhysicalOffset) {
        precondition(written <= self.submitted, "nothing is written that was not submitted")
        self.written = max(self.written, written)
        self.durable = max(self.durable, min(durable, self.written))
    }

    /// Everything before `offset` is confirmed, as far as it is kept here. Returns whether the
    /// confirm offset moved; it never goes back.
    package mutating func confirm(upTo offset: PhysicalOffset) -> Bool {
        let reached = min(offset, self.kept)
        guard reached > self.confirmed else { return false }
        self.confirmed = reached
        return true
    }
}

/// Batches between the confirm offset and the end of the log.
package struct UnconfirmedBatches: Sendable {
    private var batches: Deque<UnconfirmedBatch> = []

    package var isEmpty: Bool { self.batches.isEmpty }

    mutating func append(_ batch: UnconfirmedBatch) { self.batches.append(batch) }

    mutating func confirmed(upTo offset: PhysicalOffset, _ body: (UnconfirmedBatch) -> Void) {
        while let first = self.batches.first, first.end <= offset {
            body(first)
            self.batches.removeFirst()
        }
    }
}
