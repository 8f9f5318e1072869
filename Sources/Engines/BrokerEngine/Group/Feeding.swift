import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore
package import ReplicationProtocol

// What replicas get: the same bytes as the disk, at the same time.
extension BrokerEngine {
    /// These batches go to the writer now, and to every replica that keeps up.
    mutating func feedAll(_ planned: [PlannedBatch], after end: PhysicalOffset) {
        guard self.master != nil else { return }
        var previousEnd = end
        for batch in planned {
            self.master?.tail.append(
                FeedTail.Batch(
                    previousEnd: previousEnd, position: batch.position, end: batch.end,
                    bytes: batch.bytes))
            previousEnd = batch.end
        }
        for link in self.master?.feeding ?? [] { self.feed(link) }
    }

    /// More of the log can be read: for those that catch up.
    mutating func feedWritten() {
        guard self.master != nil else { return }
        self.master?.tail.written(upTo: self.progress.written)
        for link in self.master?.feeding ?? [] { self.feed(link) }
    }

    mutating func feed(_ link: LinkID) {
        guard let epoch = self.master?.epoch, let settings = self.group?.settings else { return }
        while let master = self.master,
            let step = self.master?.feeds[link]?.next(master.tail, readable: self.progress.written)
        {
            switch step {
            case .wait: return
            case .send(let batch):
                self.replicate(batch.bytes, at: batch.position, epoch: epoch, to: link)
            case .read(let position):
                self.effects.append(
                    .readLog(
                        link, from: position, end: self.progress.written,
                        bytesMax: settings.catchUpBytes))
            }
        }
    }

    private mutating func replicate(
        _ bytes: [UInt8], at position: PhysicalOffset, epoch: Epoch, to link: LinkID
    ) {
        self.effects.append(
            .replicate(
                link,
                .batches(
                    LogStretch(
                        epoch: epoch, confirmed: self.progress.confirmed, position: position,
                        bytes: bytes))))
    }

    /// A piece of the log for a replica that catches up.
    package mutating func logRead(
        _ link: LinkID, _ result: Result<LogRead, ReadFailure>, at now: Now
    ) {
        self.now = now
        guard let master = self.master, master.feeds[link] != nil else { return }
        switch result {
        case .success(let read):
            if let failure = self.passedOver(by: read) {
                return self.cannotRead(for: link, failure)
            }
            if !read.bytes.isEmpty {
                self.replicate(read.bytes, at: read.position, epoch: master.epoch, to: link)
            }
            self.master?.feeds[link]?.read(upTo: read.next)
            self.feed(link)
        case .failure(let failure): self.cannotRead(for: link, failure)
        }
    }

    /// A disk that has nothing in the place of a segment's last batch, because it put it elsewhere,
    /// looks as if the segment ended before it. This broker knows where it ended.
    private func passedOver(by read: LogRead) -> ReadFailure? {
        let position = read.position.advanced(by: read.bytes.count)
        guard read.next > position else { return nil }
        let segmentBytes = Int64(self.settings.log.segmentBytes)
        let base = PhysicalOffset(position.bytes - position.bytes % segmentBytes)
        guard let end = self.segments.end(of: base), end != position else { return nil }
        return ReadFailure(
            reason: "nothing lies there, but the segment's last batch ended at \(end.bytes)")
    }
}
