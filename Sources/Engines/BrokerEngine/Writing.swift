import DeliveryCore
import DequeModule
package import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore

/// An answer that waits until everything before `end` is confirmed.
struct PendingAnswer: Sendable {
    enum Answer: Sendable {
        case send(SendResponse)
        // Elsewhere in memory: each answer is as large as the largest, and most are to sends.
        indirect case command(RemotingCommand)
        indirect case pop(PopDelivery)
    }

    var end: PhysicalOffset
    var since: Tick
    var caller: Caller
    var answer: Answer
}

/// Answers in the order of the log, which is the order of their requests.
struct PendingAnswers: Sendable {
    private var waiting: Deque<PendingAnswer> = []
    /// What is asked of the answers again and again, without a copy of them.
    private var conditions: Deque<(end: PhysicalOffset, since: Tick)> = []

    var count: Int { self.waiting.count }

    mutating func append(_ answer: PendingAnswer) {
        self.conditions.append((answer.end, answer.since))
        self.waiting.append(answer)
    }

    mutating func popConfirmed(upTo offset: PhysicalOffset) -> PendingAnswer? {
        guard let first = self.conditions.first, first.end <= offset else { return nil }
        return self.popAny()
    }

    mutating func popWaiting(
        since latest: Tick, keptUpTo kept: PhysicalOffset? = nil
    ) -> PendingAnswer? {
        guard let first = self.conditions.first, first.since <= latest,
            kept.map({ first.end <= $0 }) ?? true
        else { return nil }
        return self.popAny()
    }

    mutating func popAny() -> PendingAnswer? {
        _ = self.conditions.popFirst()
        return self.waiting.popFirst()
    }
}

// Batches out, confirm offset back: "acked means durable" is kept here.
extension BrokerEngine {
    /// Makes sure that a record of `size` bytes fits where the log is; a new segment starts with a
    /// snapshot of all state.
    mutating func makeRoom(for size: Int) {
        if self.log.isAtSegmentStart {
            self.segments.left(at: self.log.end)
            self.appendSnapshot()
        }
        guard !self.log.fits(size) else { return }
        self.segments.left(at: self.log.end)
        self.log.roll()
        self.appendSnapshot()
        self.putBefore[self.log.segmentBase] = self.counters.messagesPut
        self.noteUnsealed()
    }

    /// What is appended next, `size` bytes in all, shares one batch.
    mutating func keepTogether(_ size: Int) {
        self.makeRoom(for: size)
        self.log.keepTogether(size)
    }

    /// Appends a state record and returns the end to wait for.
    mutating func append(_ record: StateRecord) -> PhysicalOffset {
        self.makeRoom(for: StateRecord.headerCount + record.payload.count)
        return self.log.append(record, now: self.now.wall)
    }

    mutating func appendSnapshot() {
        let base = self.log.segmentBase
        var records = QueueSnapshot.records(of: self.queues) + self.delivery.snapshot()
        records.append(EpochRecord.record(of: self.history))
        for record in records { self.log.append(record, now: self.now.wall) }
        let end = self.log.append(SnapshotEnd.record, now: self.now.wall)
        self.segments.append(
            .init(base: base, state: .active, youngest: self.now.wall, snapshotEnd: end))
    }

    /// Hands what has gathered to the writer when it is free; else it keeps gathering. Replicas get
    /// the same at the same time.
    mutating func submitGathered() {
        guard self.progress.isWriterIdle, self.log.hasGathered || !self.adopted.isEmpty else {
            return
        }
        let own = self.log.takePlanned()
        for batch in own { self.history.note(self.log.epoch, at: batch.position) }
        let planned = exchange(&self.adopted, with: []) + own
        guard let last = planned.last else { return }
        let end = self.progress.submitted
        self.progress.submitted(upTo: last.end)
        self.feedAll(planned, after: end)
        self.counters.submitted()
        self.admission.writing(since: self.now.tick)
        self.effects.append(.write(planned, sync: self.progress.mode == .sync))
    }

    /// The writer has come this far.
    package mutating func written(
        upTo written: PhysicalOffset, durable: PhysicalOffset, at now: Now
    ) {
        self.now = now
        self.progress.written(upTo: written, durable: durable)
        self.admission.writing(since: self.progress.isWriterIdle ? nil : now.tick)
        if self.follower != nil {
            self.acknowledge()
            self.confirmAsTold()
        } else {
            self.confirm()
            self.feedWritten()
        }
    }

    /// Everything before `offset` is confirmed, as far as it is kept here.
    mutating func confirm(upTo offset: PhysicalOffset) {
        guard self.progress.confirm(upTo: offset) else { return }
        self.admission.confirmed(upTo: self.progress.confirmed, at: self.now.tick)
        let grown = self.publish(upTo: self.progress.confirmed)
        self.releaseAnswers()
        self.wakeHolds(grown)
        self.wakePolls(grown)
        self.sealNextSegment()
    }

    mutating func releaseAnswers() {
        guard self.mayAcknowledge else { return }
        while let answer = self.answers.popConfirmed(upTo: self.progress.confirmed) {
            self.release(answer)
        }
    }

    /// Confirmed messages become visible. Returns which queues grew, and by how many, if anybody
    /// waits for it.
    private mutating func publish(upTo confirmed: PhysicalOffset) -> [QueueNumber: Int] {
        var grown: [QueueNumber: Int] = [:]
        let isAwaited = self.holds.count > 0 || self.polls.count > 0
        let segmentBytes = Int64(self.settings.log.segmentBytes)
        var batches: [UnconfirmedBatch] = []
        self.log.confirmed(upTo: confirmed) { batches.append($0) }
        let timerQueue = self.timerQueue
        for batch in batches {
            guard let first = batch.entries.first else { continue }
            let at = first.entry.position.bytes
            let segment = PhysicalOffset(at - at % segmentBytes)
            for item in batch.entries {
                self.queues[item.queue].confirmed(
                    item.entry, at: item.queueOffset, segment: segment)
                if isAwaited { grown[item.queue, default: 0] += 1 }
                if item.queue == timerQueue {
                    self.delivery.delays.confirmed(item.entry, at: item.queueOffset)
                }
            }
            self.keys.append(batch.keys, segment: segment)
            self.segments.touched(segment, at: first.entry.storeTimestamp)
        }
        return grown
    }

    mutating func release(_ pending: PendingAnswer) {
        switch pending.answer {
        case .send(let response): self.effects.append(.answerSend(pending.caller, response))
        case .command(let command): self.answer(pending.caller, command)
        case .pop(let delivery): self.deliver(delivery)
        }
    }

    /// Sends that disk or replicas kept waiting too long are told so: stored, perhaps, but not
    /// acknowledged.
    mutating func releaseOverdueAnswers() {
        let patience = self.settings.flushTimeout
        while let pending = self.answers.popWaiting(since: self.now.tick - patience) {
            self.refuseOverdue(pending)
        }
        guard let group = self.group?.settings else { return }
        let latest = self.now.tick - (self.isStranded ? group.strandedGrace : group.replicaTimeout)
        while let pending = self.answers.popWaiting(since: latest, keptUpTo: self.progress.kept) {
            self.refuseOverdue(pending)
        }
    }

    private mutating func refuseOverdue(_ pending: PendingAnswer) {
        switch pending.answer {
        case .send(var response) where pending.end <= self.progress.written:
            response.code =
                pending.end <= self.progress.kept ? .flushSlaveTimeout : .flushDiskTimeout
            self.counters.refused(response.code)
            self.effects.append(.answerSend(pending.caller, response))
        case .send:
            // Not even written: a status that clients take for stored would lose it.
            self.refuse(
                pending.caller,
                Refusal(.systemError, "the disk did not take the message in time"))
        case .command, .pop:
            self.refuse(
                pending.caller,
                Refusal(.systemError, "disk or replicas did not answer in time"))
        }
    }

    /// Nobody will ever be answered by this engine: who waits is told to ask again.
    mutating func refuseAllPending(_ reason: String) {
        let refusal = Refusal(.systemError, reason)
        while let pending = self.answers.popAny() { self.refuse(pending.caller, refusal) }
        for pending in exchange(&self.popAnswers, with: []) {
            self.refuse(pending.caller, refusal)
        }
        self.passInquiriesOn()
        self.letPollsGo()
        for pull in self.holds.expire(at: Tick(nanoseconds: .max)) {
            self.answerPull(pull.held, .pullNotFound, next: pull.held.offset)
        }
    }

    /// Segments that the log has left get their index files, one after the other.
    mutating func sealNextSegment() {
        guard self.now.tick >= self.sealingPausedUntil,
            let base = self.segments.nextToSeal(
                durable: min(self.progress.durable, self.progress.confirmed))
        else { return }
        self.segments.setState(.sealing, of: base)
        let contents = SegmentContents(
            base: base, end: self.segments.end(of: base), queues: self.queues, keys: self.keys)
        self.effects.append(.seal(contents))
    }

    /// The index file could not be made. Tried again after a while.
    package mutating func sealingFailed(_ base: PhysicalOffset, at now: Now) {
        self.now = now
        self.segments.setState(.active, of: base)
        self.sealingPausedUntil = now.tick + .seconds(1)
    }

    /// The index file of a segment is on disk: its entries leave memory.
    package mutating func sealed(
        _ base: PhysicalOffset, youngest: Timestamp, runs: [(key: QueueKey, run: SealedRun)]
    ) {
        self.queues.adopt(runs, of: base)
        self.keys.drop(segment: base)
        self.segments.setState(.sealed, of: base)
        self.noteUnsealed()
        self.sealNextSegment()
    }

    /// The entries of segments without an index file are in memory: when the files cannot be made,
    /// or not as fast as the log grows, the log waits.
    private mutating func noteUnsealed() {
        let bases = self.segments.unsealed
        self.putBefore = self.putBefore.filter { bases.contains($0.key) }
        let first = bases.map { self.putBefore[$0] ?? 0 }.min() ?? 0
        self.isIndexingBehind =
            bases.count > Self.unsealedMax
            || (bases.count > 2
                && self.counters.messagesPut - first > Self.unsealedMessagesMax)
    }

    /// Beside the segment that is written.
    private static let unsealedMax = 8
    /// More of them make the broker wait for the second index file.
    private static let unsealedMessagesMax = Int64(2_000_000)
}

extension Tick {
    static func - (tick: Tick, duration: Duration) -> Tick {
        Tick(nanoseconds: tick.nanoseconds - Tick(duration).nanoseconds)
    }
}

/// The record that ends a segment's opening snapshot. Without it the snapshot is incomplete and
/// the segment does not count.
enum SnapshotEnd {
    static let kind: UInt16 = 101
    static let record = StateRecord(kind: kind, payload: [])
}

extension BrokerEngine {
    /// Kind of the record that ends a segment's opening snapshot.
    package static var snapshotEndKind: UInt16 { SnapshotEnd.kind }
}
