import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// What rotted on one disk of a group is fetched from another one. Only confirmed bytes are: every
// member of the SyncStateSet has them, the same ones at the same place.
extension BrokerEngine {
    /// What one answer to a replica that repairs may have, unless one batch alone is longer.
    private static let lentBytesMax = 1 << 20

    // MARK: A replica repairs

    /// Begins the next repair when there is one and the master can be asked.
    mutating func repairNext() {
        guard let follower = self.follower, follower.stage == .following, follower.link != nil
        else {
            return self.repair.disconnected(at: self.now.tick)
        }
        guard !self.repair.damaged.isEmpty else { return }
        let (segments, confirmed) = (self.segments.all, self.progress.confirmed)
        let segmentBytes = self.settings.log.segmentBytes
        let step = self.repair.begin(at: self.now.tick) { base in
            base.advanced(by: segmentBytes) <= confirmed
                && segments.contains { $0.base == base && $0.state == .sealed }
        }
        self.take(step)
    }

    private mutating func take(_ step: SegmentRepair.Step?) {
        switch step {
        case .fetch(let range):
            guard let follower = self.follower, let link = follower.link else { return }
            self.effects.append(.replicate(link, .lend(epoch: follower.epoch, range)))
        case .write(let bytes, let position, let base, let isFirst):
            self.effects.append(
                .keepSegments(.write(bytes, at: position, base: base, isFirst: isFirst)))
        case .finish(let base, let mended, let isFirst):
            self.effects.append(
                .keepSegments(
                    .finish(
                        base: base, mended: mended, end: self.segments.end(of: base),
                        isFirst: isFirst)))
        case nil: break
        }
    }

    mutating func heard(_ lent: LentStretch, on link: LinkID) {
        guard let follower = self.follower, follower.stage == .following,
            lent.epoch == follower.epoch, let master = self.group?.view?.masterBrokerID
        else {
            return self.breakOff(link, .protocolViolation, "bytes that nobody asked for")
        }
        let history = self.history
        let piece = SegmentRepair.Piece(
            position: lent.position, next: lent.next, bytes: lent.bytes)
        self.take(
            self.repair.fetched(
                piece, from: master, logID: self.log.logID,
                segmentBytes: self.settings.log.segmentBytes, at: self.now.tick,
                epoch: { history.epoch(at: $0) }))
    }

    mutating func wroteCopy(_ failure: ReadFailure?) {
        if let failure { self.cannotMend(failure) }
        self.take(self.repair.written(failure == nil, at: self.now.tick))
    }

    mutating func finishedCopy(of base: PhysicalOffset, _ failure: ReadFailure?) {
        if let failure { self.cannotMend(failure) }
        guard self.repair.finished(base, failure == nil, at: self.now.tick) else { return }
        self.effects.append(
            .warn("the segment at \(base.bytes) is mended with what the master has"))
        let end = self.segments.end(of: base)
        self.effects.append(.keepSegments(.examine(base, end: end, isFull: true)))
    }

    private mutating func cannotMend(_ failure: ReadFailure) {
        self.effects.append(.warn("a damaged segment cannot be mended now: \(failure)"))
    }

    // MARK: A master gives way, and lends

    /// Where this master's log is damaged, when another broker may have what is missing there.
    var damageWorthLeaving: PhysicalOffset? {
        guard let master = self.master, let settings = self.group?.settings else { return nil }
        let others = master.replication.proven(for: settings.proofTime, at: self.now.tick)
        return self.repair.worthLeaving(to: others).flatMap {
            self.repair.ranges(of: $0).first?.lowerBound
        }
    }

    mutating func heard(lend range: Range<PhysicalOffset>, of epoch: Epoch, on link: LinkID) {
        let base = range.lowerBound.bytes / Int64(self.settings.log.segmentBytes)
        let last = (range.upperBound.bytes - 1) / Int64(self.settings.log.segmentBytes)
        guard let master = self.master, epoch == master.epoch, master.feeds[link] != nil,
            base == last
        else {
            self.lostReplica(link)
            return self.end(link, .protocolViolation, "nothing can be lent for that")
        }
        // A replica that lost its patience with a slow disk asks again.
        guard !master.lending.contains(link) else { return }
        guard range.lowerBound >= self.logStart, range.upperBound <= self.progress.confirmed else {
            return self.answer(link, range, with: nil)
        }
        self.master?.lending.insert(link)
        self.effects.append(
            .keepSegments(.lend(link, range, bytesMax: Self.lentBytesMax)))
    }

    mutating func lent(
        _ link: LinkID, _ range: Range<PhysicalOffset>, _ result: Result<LogRead, ReadFailure>
    ) {
        guard self.master?.lending.remove(link) != nil else { return }
        switch result {
        case .success(let read): self.answer(link, range, with: read)
        case .failure:
            self.answer(link, range, with: nil)
            // Or the replica asked for what is no batch's beginning: reading tells.
            self.suspect(range.lowerBound)
        }
    }

    private mutating func answer(
        _ link: LinkID, _ range: Range<PhysicalOffset>, with read: LogRead?
    ) {
        guard let epoch = self.master?.epoch else { return }
        self.effects.append(
            .replicate(
                link,
                .lent(
                    LentStretch(
                        epoch: epoch, position: range.lowerBound,
                        next: read?.next ?? range.lowerBound, bytes: read?.bytes ?? []))))
    }
}
