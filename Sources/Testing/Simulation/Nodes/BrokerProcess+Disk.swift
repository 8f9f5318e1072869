import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol

// The log's writer: whatever waits is written together, flushed once, and reported once.
extension BrokerProcess {
    func write(_ batches: [PlannedBatch]) {
        self.unwritten += batches
        self.writeWaiting()
    }

    private func writeWaiting() {
        guard !self.isWriting, !self.waitsForSpace, !self.unwritten.isEmpty else { return }
        guard !self.host.disk.isFull else {
            self.world.probes.hit("disk full")
            self.waitsForSpace = true
            return
        }
        self.isWriting = true
        let batches = self.unwritten
        self.unwritten.removeAll()
        for (index, batch) in batches.enumerated() {
            // A segment is flushed before it is left.
            let isNextSegment =
                index > 0
                && self.host.store.base(of: batch.position)
                    != self.host.store.base(of: batches[index - 1].position)
            if isNextSegment, !self.host.disk.liesAboutFlushes { self.host.store.flush() }
            self.put(batch)
        }
        let end = batches[batches.count - 1].end
        self.later(self.world.random.duration(in: self.host.disk.latency)) {
            $0.flushed(upTo: end)
        }
    }

    private func put(_ batch: PlannedBatch) {
        self.showUnconfirmed(batch)
        guard self.host.disk.misdirectsNextWrite else {
            return self.host.store.write(batch.bytes, at: batch.position)
        }
        self.host.disk.misdirectsNextWrite = false
        self.misdirect(batch)
    }

    /// The bytes land elsewhere in the segment, over what was there, and not where they belong.
    private func misdirect(_ batch: PlannedBatch) {
        let base = self.host.store.base(of: batch.position)
        let sectors = batch.position.distance(from: base) / VirtualFile.sectorBytes
        let offset = self.world.random.below(sectors + 1) * VirtualFile.sectorBytes
        let wrong = base.advanced(by: offset)
        guard wrong != batch.position else {
            return self.host.store.write(batch.bytes, at: batch.position)
        }
        self.world.say("\(self.name): write for \(batch.position.bytes) lands at \(wrong.bytes)")
        self.world.probes.hit("fault: misdirected write")
        self.host.store.write(batch.bytes, at: wrong)
        for start in [wrong, batch.position] {
            self.host.store.noteDamage(start.bytes..<(start.bytes + Int64(batch.bytes.count)))
        }
    }

    private func flushed(upTo end: PhysicalOffset) {
        guard !self.host.disk.failsNextFlush else { return self.flushFailed() }
        if !self.host.disk.liesAboutFlushes { self.host.store.flush() }
        self.isWriting = false
        self.engine?.written(upTo: end, durable: end, at: self.now)
        self.writeWaiting()
        self.turn()
    }

    /// "An fsync error is fatal": the process ends, and believes only what it reads when it starts
    /// again.
    private func flushFailed() {
        self.world.say("\(self.name): a flush failed")
        self.world.probes.hit("fault: failed flush")
        self.host.disk.failsNextFlush = false
        self.machine.stop(losingPower: false)
    }

    func lookAtDisk() {
        self.engine?.refusal =
            self.host.disk.isFull
            ? Refusal(.serviceNotAvailable, "the disk is full; free space, or add a broker") : nil
        guard self.waitsForSpace, !self.host.disk.isFull else { return }
        self.waitsForSpace = false
        self.writeWaiting()
    }

    /// The engine cannot go on with this log: it is changed, and another engine takes over.
    func changeLog(_ change: LogChange) {
        guard let earlier = self.engine?.groupReport, let identity = self.host.identity else {
            return
        }
        let settings = self.engine?.settingsToGoOn
        self.world.say("\(self.name): changes its log: \(change)")
        self.closeAllConnections()
        self.engine = nil
        self.unwritten.removeAll()
        switch change {
        case .restart: self.world.probes.hit("master stepped down")
        case .truncate(let end):
            self.world.probes.hit("log truncated for a master")
            self.outside.checks.truncates(self, to: end, knowing: earlier)
            try? self.host.store.cut(to: end)
        case .startOver(let logID, let segmentBytes, let start):
            self.world.probes.hit("log started over")
            self.host.store.startOver(logID: logID, segmentBytes: segmentBytes, start: start)
            return self.goOn(identity.brokerID, after: nil, epoch: earlier.masterEpoch)
        }
        self.goOn(
            identity.brokerID, after: earlier.confirmed, epoch: earlier.masterEpoch,
            knowing: settings)
    }

    private func goOn(
        _ brokerID: Int64, after confirmed: PhysicalOffset?, epoch: Epoch,
        knowing earlier: BrokerSettings? = nil
    ) {
        self.recover(brokerID, after: confirmed, epoch: epoch, knowing: earlier)
        self.joinAgain()
        if let view = self.view { self.engine?.groupView(view, at: self.now) }
    }

    private func closeAllConnections() {
        for end in self.clients.values.sorted(by: { $0.id < $1.id }) { end.close() }
        for end in self.links.values.sorted(by: { $0.id < $1.id }) { end.close() }
        self.clients.removeAll()
        self.links.removeAll()
        self.opening.removeAll()
    }
}
