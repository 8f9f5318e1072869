import DeliveryCore
import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore

/// Why the records of a checked batch make no sense.
package struct ReplayError: Error, Hashable {
    package var position: PhysicalOffset
    package var reason: String
}

// Recovery: the log is the only truth; everything else is replayed from it.
extension BrokerEngine {
    /// A broker that is about to replay the segment that starts at `base`.
    ///
    /// Give it the index of each sealed segment (`sealed`), then the batches of the active segment
    /// (`replay`), then `recovered(to:)`.
    package init(settings: BrokerSettings, logID: UInt64, at now: Now) {
        self.settings = settings
        self.delivery = DeliveryState(settings: settings.delivery, at: now.wall)
        self.log = CommitLog(logID: logID, epoch: Epoch(1), end: .zero, options: settings.log)
        self.progress = FlushProgress(mode: settings.flushMode, recoveredTo: .zero)
        self.admission = Admission(settings.admission)
        self.consumers = ConsumerGroups()
        self.producers = ProducerGroups()
        self.locks = OrderLocks(countMax: settings.delivery.locksMax)
        self.holds = PullHold()
        self.group = settings.group.map(GroupStanding.init(_:))
        self.scrub = Scrub(
            bytesPerSecond: settings.scrubBytesPerSecond, pause: settings.scrubPause, from: now.tick
        )
        self.repair = settings.repair
        self.now = now
        self.offsetsGatheredAt = now.tick
        self.ownProperties = Self.ownProperties(cluster: settings.clusterName)
        self.bootTime = now.wall
    }

    /// A sealed segment is there, with its index.
    package mutating func found(_ segment: SealedSegment) {
        self.segments.append(
            .init(
                base: segment.base, state: .sealed, youngest: segment.youngest,
                snapshotEnd: segment.base, end: segment.end))
    }

    /// Replays one checked batch of the active segment, which starts at `segment`.
    ///
    /// Returns whether it holds the end of the segment's opening snapshot.
    @discardableResult
    package mutating func replay(
        _ batch: UnsafeRawBufferPointer, _ header: LogBatchHeader, segment: PhysicalOffset
    ) throws(ReplayError) -> Bool {
        let end = header.position.advanced(by: header.paddedLength)
        // Alone, what is on disk is confirmed; in a group, what the others keep, too.
        let isConfirmed = self.group.map { end <= $0.settings.confirmedAtLeast } ?? true
        let applied = try self.apply(batch, header, segment: segment, isConfirmed: isConfirmed)
        if !isConfirmed { self.unconfirmedReplay.append(applied.batch) }
        return applied.endsSnapshot
    }

    /// Puts the records of a checked batch into the tables.
    ///
    /// Messages that are not confirmed get their offsets, and are returned to be shown later.
    mutating func apply(
        _ batch: UnsafeRawBufferPointer, _ header: LogBatchHeader, segment: PhysicalOffset,
        isConfirmed: Bool
    ) throws(ReplayError) -> (batch: UnconfirmedBatch, endsSnapshot: Bool) {
        var waiting = UnconfirmedBatch(
            end: header.position.advanced(by: header.paddedLength), entries: [], keys: [])
        var endsSnapshot = false
        // The first epoch began where the log did, whatever segment is looked at.
        self.history.note(
            header.epoch, at: header.epoch == Epoch(1) ? .zero : header.position)
        do {
            try LogRecord.forEach(in: batch, of: header) { record in
                switch record {
                case .message(let message, let position):
                    guard message.queueOffset.value < QueueSnapshot.offsetMax else {
                        throw ReplayError(position: position, reason: "an absurd queue offset")
                    }
                    if isConfirmed {
                        self.replay(message, at: position, segment: segment)
                    } else {
                        self.adopt(message, at: position, into: &waiting)
                    }
                case .state(SnapshotEnd.kind, _, _): endsSnapshot = true
                case .state(let kind, let payload, let position):
                    try self.apply(kind: kind, payload, at: position)
                }
            }
        } catch {
            throw ReplayError(position: header.position, reason: "\(error)")
        }
        return (waiting, endsSnapshot)
    }

    private mutating func apply(
        kind: UInt16, _ payload: UnsafeRawBufferPointer, at position: PhysicalOffset
    ) throws {
        switch kind {
        case QueueSnapshot.recordKind: try QueueSnapshot.apply(payload, to: &self.queues)
        case EpochBegin.kind: break
        case EpochRecord.kind:
            guard let earlier = EpochRecord.history(payload) else {
                throw ReplayError(position: position, reason: "an epoch history without sense")
            }
            self.history.merge(earlier)
        default:
            guard try self.delivery.apply(kind: kind, payload: payload) else {
                throw ReplayError(
                    position: position,
                    reason: "state record of the unknown kind \(kind): written by a newer "
                        + "version?")
            }
        }
    }

    private mutating func adopt(
        _ message: StoredMessageView, at position: PhysicalOffset,
        into waiting: inout UnconfirmedBatch
    ) {
        let entry = IndexEntry(of: message, at: position)
        let topic = message.topic
        let number = self.queues.findOrMake(QueueKey(topic: topic, queueID: message.queueID))
        self.queues[number].adopted(at: message.queueOffset)
        self.noteParked(entry, topic, message.queueOffset, isConfirmed: false)
        waiting.entries.append(
            UnconfirmedEntry(queue: number, queueOffset: message.queueOffset, entry: entry))
        let keys = MessageKeys(of: message)
        self.noteProducer(of: message, topic, keys, at: position)
        waiting.keys += keys.hashes(topic: topic).map { KeyEntry(hash: $0, entry: entry) }
    }

    private mutating func replay(
        _ message: StoredMessageView, at position: PhysicalOffset, segment: PhysicalOffset
    ) {
        let entry = IndexEntry(of: message, at: position)
        let topic = message.topic
        let number = self.queues.findOrMake(QueueKey(topic: topic, queueID: message.queueID))
        self.queues[number].replayed(entry, at: message.queueOffset, segment: segment)
        self.noteParked(entry, topic, message.queueOffset, isConfirmed: true)
        let keys = MessageKeys(of: message)
        self.noteProducer(of: message, topic, keys, at: position)
        self.keys.append(
            keys.hashes(topic: topic).map { KeyEntry(hash: $0, entry: entry) }, segment: segment)
    }

    /// What its producer may come back to: the message's transaction, and its number.
    private mutating func noteProducer(
        of message: StoredMessageView, _ topic: String, _ keys: MessageKeys,
        at position: PhysicalOffset
    ) {
        if topic == SystemTopic.half, let half = HalfMessage(message, at: position) {
            self.delivery.transactions.opened(half, at: self.now.tick)
        }
        if keys.isStamped {
            self.delivery.idempotence.stored(message, at: position, now: self.now.tick)
        }
    }

    private mutating func noteParked(
        _ entry: IndexEntry, _ topic: String, _ offset: QueueOffset, isConfirmed: Bool
    ) {
        guard topic == DelayParking.topic else { return }
        self.parked(tagHash: entry.tagHash, storedAt: entry.storeTimestamp, at: offset)
        if isConfirmed { self.delivery.delays.confirmed(entry, at: offset) }
    }

    /// The log ends here; the broker serves from now on.
    package mutating func recovered(
        to end: PhysicalOffset, activeSegment: PhysicalOffset?, at now: Now
    ) {
        self.now = now
        if let activeSegment {
            self.segments.append(
                .init(
                    base: activeSegment, state: .active, youngest: now.wall,
                    snapshotEnd: activeSegment))
        }
        self.log = CommitLog(
            logID: self.log.logID, epoch: max(Epoch(1), self.history.latest), end: end,
            options: self.settings.log)
        self.log.resume(exchange(&self.unconfirmedReplay, with: []))
        self.progress = FlushProgress(
            mode: self.settings.flushMode, recoveredTo: end,
            confirmed: self.settings.group?.confirmedAtLeast)
        self.repair.recovered(active: activeSegment ?? end)
        let timers = self.queues.queue(DelayParking.queue)
        self.delivery.delays.ready(
            offsets: (timers?.minOffset ?? .zero)..<(timers?.visibleEnd ?? .zero))
        guard self.group == nil else { return }
        self.delivery.becameMaster(at: now)
        self.inheritLocks()
        if self.log.isAtSegmentStart { self.makeRoom(for: StateRecord.headerCount) }
    }
}
