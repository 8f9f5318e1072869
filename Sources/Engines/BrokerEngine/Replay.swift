import DeliveryCore
import LogCore
package import MessageFormat
import RemotingProtocol

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
        self.consumers = ConsumerGroups()
        self.producers = ProducerGroups()
        self.locks = OrderLocks()
        self.holds = PullHold()
        self.now = now
        self.offsetsGatheredAt = now.tick
        self.bootTime = now.wall
    }

    /// A sealed segment is there, with its index.
    package mutating func found(segment base: PhysicalOffset, youngest: Timestamp) {
        self.segments.append(
            .init(base: base, state: .sealed, youngest: youngest, snapshotEnd: base))
    }

    /// Replays one checked batch of the active segment, which starts at `segment`.
    ///
    /// Returns whether it holds the end of the segment's opening snapshot.
    @discardableResult
    package mutating func replay(
        _ batch: UnsafeRawBufferPointer, _ header: LogBatchHeader, segment: PhysicalOffset
    ) throws(ReplayError) -> Bool {
        var endsSnapshot = false
        do {
            try LogRecord.forEach(in: batch, of: header) { record in
                switch record {
                case .message(let message, let position):
                    self.replay(message, at: position, segment: segment)
                case .state(SnapshotEnd.kind, _, _): endsSnapshot = true
                case .state(QueueSnapshot.recordKind, let payload, _):
                    try QueueSnapshot.apply(payload, to: &self.queues)
                case .state(let kind, let payload, let position):
                    guard try self.delivery.apply(kind: kind, payload: payload) else {
                        throw ReplayError(
                            position: position,
                            reason: "state record of the unknown kind \(kind): written by a newer "
                                + "version?")
                    }
                }
            }
        } catch {
            throw ReplayError(position: header.position, reason: "\(error)")
        }
        return endsSnapshot
    }

    private mutating func replay(
        _ message: StoredMessageView, at position: PhysicalOffset, segment: PhysicalOffset
    ) {
        let entry = IndexEntry(of: message, at: position)
        let topic = message.topic
        let number = self.queues.findOrMake(QueueKey(topic: topic, queueID: message.queueID))
        self.queues[number].replayed(entry, at: message.queueOffset, segment: segment)
        let keys = MessageKeys(of: message).hashes(topic: topic)
        self.keys.append(keys.map { KeyEntry(hash: $0, entry: entry) }, segment: segment)
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
            logID: self.log.logID, epoch: self.log.epoch, end: end, options: self.settings.log)
        self.progress = FlushProgress(mode: self.settings.flushMode, recoveredTo: end)
        if self.log.isAtSegmentStart { self.makeRoom(for: StateRecord.headerCount) }
    }
}
