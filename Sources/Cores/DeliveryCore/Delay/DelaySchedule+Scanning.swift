package import MessageFormat

// The window runs low: the queue's index tells what comes next.
extension DelaySchedule {
    /// The next stretch of the queue's index to read, when one is needed. One at a time: nil until
    /// `scanned` or `scanFailed` was called.
    ///
    /// Ask in every turn, on replicas too: a new master then has its window at hand.
    package mutating func nextScan() -> Range<QueueOffset>? {
        guard self.isReady, self.scan?.isOut != true else { return nil }
        if self.scan == nil { self.beginScan() }
        guard self.scan != nil else { return nil }
        if let step = self.scan?.nextStep(of: self.settings.scanChunk, in: self.stretches) {
            return step
        }
        self.endScan()
        return nil
    }

    private mutating func beginScan() {
        guard self.window.end != nil, self.window.count <= self.settings.windowMax / 4 else {
            return
        }
        let end = self.unconfirmed.confirmedEnd
        guard let numbers = self.stretches.worthScanning(after: self.cursor, upTo: end) else {
            self.problem =
                "offsets \(self.stretches.floor.value) to \(end.value) are too many to scan"
            return
        }
        self.problem = nil
        self.scan = DelayScan(stretches: numbers, end: end, countMax: self.settings.windowMax)
    }

    /// The index entries from the asked stretch's start up to `end`. What is missing between them
    /// is gone.
    package mutating func scanned(
        _ entries: some Sequence<(IndexEntry, QueueOffset)>, through end: QueueOffset
    ) {
        guard var scan = self.scan, scan.isOut else { return }
        self.scan = nil  // so that what is gathered has one owner and is not copied
        for (entry, offset) in entries where scan.isAwaited(offset) && offset < end {
            let message = PendingDelay(entry: entry, offset: offset)
            guard self.isPending(message.key) else { continue }
            scan.include(message.key)
            if !self.window.covers(message.key) { scan.offer(message) }
        }
        scan.stepped(to: end, noting: &self.stretches)
        self.scan = scan
    }

    /// The index could not be read for now; the same stretch is asked for again.
    package mutating func scanFailed() {
        guard let start = self.scan?.nextOffset else { return }
        self.scan?.stepped(to: start, noting: &self.stretches)
    }

    private mutating func endScan() {
        guard let scan = exchange(&self.scan, with: nil) else { return }
        self.window.extend(with: scan.gathered)
        self.window.remove(through: self.cursor)
    }
}
