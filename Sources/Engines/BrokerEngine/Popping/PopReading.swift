import DeliveryCore
import LogCore
import MessageFormat

// A pop goes from queue to queue until it has enough; in each it reads, and then takes.
extension BrokerEngine {
    /// Goes on with a pop until it is done, or has to wait for a read.
    mutating func run(_ job: PopJob) {
        var job = job
        guard self.read(&job) else { return }
        while let visit = job.visits.popFirst() {
            self.enter(visit, &job)
            guard self.read(&job) else { return }
        }
        self.conclude(job)
    }

    /// Entries of a sealed segment have been read.
    mutating func resume(_ job: PopJob, with entries: [IndexEntry]) {
        guard self.mayServe else { return self.refuse(job.ask.caller, self.notMaster) }
        var job = job
        if job.needsMessages {
            job.takeCandidates(entries[...])
        } else {
            job.take(entries[...], self.settings)
        }
        self.run(job)
    }

    /// Messages have been read for an expression to look at.
    mutating func examined(_ job: PopJob, _ bytes: [UInt8]) {
        guard self.mayServe else { return self.refuse(job.ask.caller, self.notMaster) }
        var job = job
        let settings = self.settings
        bytes.withUnsafeBytes { job.judge($0, settings) }
        self.run(job)
    }

    /// A queue could not be read: the pop goes on without it.
    mutating func readFailed(_ job: PopJob) {
        var job = job
        if let reading = job.reading { self.delivery.pops.release(reading.key) }
        job.reading = nil
        self.run(job)
    }

    /// Finds where to read a queue, unless the group may not, or there is nothing.
    private mutating func enter(_ visit: PopVisit, _ job: inout PopJob) {
        let stored = QueueKey(topic: job.ask.storedTopic(visit.kind), queueID: visit.queueID)
        guard let number = self.queues.number(of: stored) else { return }
        let queue = self.queues[number]
        let key = PopKey(group: job.ask.group, topic: stored.topic, queueID: stored.queueID)
        let bounds = self.popBounds(queue, key)
        let start = PopTopic.isRetry(stored.topic) ? .min : job.ask.start
        guard !job.isFull(self.settings) else {
            let position = self.delivery.pops.position(key, start: start, bounds)
            return job.rest += max(0, bounds.max.value - position.value)
        }
        do {
            let from = try self.begin(key, start, bounds, job)
            let kind: PopTopicKind = PopTopic.isRetry(stored.topic) ? .retry : visit.kind
            var reading = PopReading(
                kind: kind, key: key, queue: number, from: from.first, next: from.first,
                end: bounds.max)
            if let again = from.again, let last = again.last {
                reading.again = again
                reading.end = last.advanced(by: 1)
            }
            job.reading = reading
        } catch {
            let position = self.delivery.pops.position(key, start: start, bounds)
            job.rest += max(0, bounds.max.value - position.value)
        }
    }

    private mutating func begin(
        _ key: PopKey, _ start: PopStart, _ bounds: PopBounds, _ job: PopJob
    ) throws(PopRefusal) -> (first: QueueOffset, again: [QueueOffset]?) {
        let ask = job.ask
        if ask.purpose == .peek {
            return (self.delivery.pops.position(key, start: start, bounds), nil)
        }
        guard ask.isOrdered else {
            return (
                try self.delivery.pops.begin(key, start: start, bounds, at: self.now), nil
            )
        }
        switch try self.delivery.pops.beginOrdered(
            key, start: start, bounds, attemptID: ask.attemptID, at: self.now)
        {
        case .fresh(let from): return (from, nil)
        case .again(let offsets): return (offsets.first ?? bounds.max, offsets)
        }
    }

    /// Reads the queue that was entered, and takes what is wanted. False: it waits for a read.
    private mutating func read(_ job: inout PopJob) -> Bool {
        while let reading = job.reading {
            let queue = self.queues[reading.queue]
            guard reading.candidates.isEmpty else { return self.readCandidates(&job) }
            guard reading.next < min(reading.end, queue.visibleEnd), !job.isFull(self.settings),
                !reading.hasScannedEnough(self.settings)
            else {
                self.leave(reading, queue, &job)
                return true
            }
            switch queue.place(of: reading.next) {
            case .memory(let entries) where job.needsMessages: job.takeCandidates(entries)
            case .memory(let entries): job.take(entries, self.settings)
            case .file(let run): return self.readEntries(of: run, reading, &job)
            case .none:
                let next = queue.nextOffset(after: reading.next) ?? reading.end
                self.effects.append(
                    .warn(
                        "pops of \(queue.key.topic), queue \(queue.key.queueID), pass the offsets "
                            + "\(reading.next.value) to \(next.value - 1): the messages are "
                            + "damaged on disk"))
                job.reading?.next = next
            }
        }
        return true
    }

    private mutating func readEntries(
        of run: SealedRun, _ reading: PopReading, _ job: inout PopJob
    ) -> Bool {
        let wanted = run.stretch(
            of: self.queues[reading.queue].key, from: reading.next,
            countMax: min(self.entriesAtOnce(job), reading.end.distance(from: reading.next)))
        job.hasWaited = true
        let ticket = self.reads.add(.pop(job))
        self.effects.append(.readEntries(ticket, segment: run.segment, wanted))
        return false
    }

    private func entriesAtOnce(_ job: PopJob) -> Int {
        if job.needsMessages { return FilterPortion.countMax }
        let takesAll = job.reading?.again == nil && job.ask.filter.tagHashes.isEmpty
        return takesAll ? job.ask.messagesMax : self.settings.pullScanMax
    }

    private mutating func readCandidates(_ job: inout PopJob) -> Bool {
        job.hasWaited = true
        let ticket = self.reads.add(.pop(job))
        self.effects.append(.readMessages(ticket, job.reading?.candidates ?? []))
        return false
    }

    private mutating func leave(
        _ reading: PopReading, _ queue: ConsumeQueue, _ job: inout PopJob
    ) {
        job.reading = nil
        guard !self.delivery.pops.isClosed(job.ask.connection) else {
            return self.abandon(reading, &job)
        }
        job.rest += max(0, queue.visibleEnd.value - reading.next.value)
        if reading.selected.isEmpty, reading.hasScannedEnough(self.settings) {
            job.isExhausted = true
        }
        do {
            try self.take(reading, &job)
        } catch {
            // The position moved while the messages were read: somebody else decides about them.
            self.delivery.pops.release(reading.key)
            job.count -= reading.selected.count
        }
    }

    /// Its connection closed while it read: nobody would get what it takes. Who came meanwhile found
    /// the queue taken.
    private mutating func abandon(_ reading: PopReading, _ job: inout PopJob) {
        job.count -= reading.selected.count
        job.visits = []
        job.ask.deadline = nil
        guard job.ask.purpose == .pop else { return }
        self.delivery.pops.release(reading.key)
        self.wakeOne(group: reading.key.group, reading.key.topic)
    }

    /// What was selected is in flight from now on.
    private mutating func take(
        _ reading: PopReading, _ job: inout PopJob
    ) throws(PopRefusal) {
        var part = PopPart(
            kind: reading.kind, queueID: reading.key.queueID, messages: reading.selected)
        if let again = reading.again {
            try self.takeAgain(again, reading, job, &part)
        } else if job.ask.purpose == .pop {
            try self.takeFresh(reading, job, &part)
        }
        if !part.messages.isEmpty { job.parts.append(part) }
    }

    private mutating func takeFresh(
        _ reading: PopReading, _ job: PopJob, _ part: inout PopPart
    ) throws(PopRefusal) {
        let ask = job.ask
        if reading.selected.isEmpty {
            guard reading.next > reading.from else {
                return self.delivery.pops.release(reading.key)
            }
            try self.delivery.pops.skip(reading.key, from: reading.from, to: reading.next)
        } else if ask.isOrdered {
            part.orderCounts = try self.delivery.pops.takeOrdered(
                reading.key, from: reading.from, offsets: part.offsets, next: reading.next,
                popTime: job.popTime, invisibleTime: ask.invisibleTime, attemptID: ask.attemptID,
                holder: ask.holder)
        } else {
            try self.delivery.pops.take(
                reading.key, from: reading.from, offsets: part.offsets, next: reading.next,
                popTime: job.popTime, invisibleTime: ask.invisibleTime, holder: ask.holder)
        }
    }

    /// The batch in order goes out once more, as far as it was looked through. Messages of it that
    /// are gone from the log hold nobody up.
    private mutating func takeAgain(
        _ again: [QueueOffset], _ reading: PopReading, _ job: PopJob, _ part: inout PopPart
    ) throws(PopRefusal) {
        let looked = again.prefix { $0 < reading.next }
        guard !looked.isEmpty else { return self.delivery.pops.release(reading.key) }
        part.orderCounts = try self.delivery.pops.takeAgain(
            reading.key, countMax: looked.count, popTime: job.popTime,
            invisibleTime: job.ask.invisibleTime, attemptID: job.ask.attemptID,
            holder: job.ask.holder)
        let found = Set(part.offsets)
        for offset in looked where !found.contains(offset) {
            _ = self.delivery.pops.acknowledge(
                reading.key, offset: offset, popTime: job.popTime)
        }
        part.orderCounts.removeAll { !found.contains($0.offset) }
    }
}
