import FilterCore
import LogCore
import MessageFormat
import RemotingProtocol

/// How much of a queue a pull by an expression reads at a time.
enum FilterPortion {
    static let countMax = 64
    static let bytesMax = 256 << 10
}

// A pull by an expression: messages are read in portions, and those that pass are delivered.
extension BrokerEngine {
    /// Reads the next portion, or ends the pull when enough was found or looked at.
    mutating func examine(_ job: PullJob) {
        var job = job
        let queue = self.queues[job.queue]
        while job.candidates.isEmpty {
            guard job.next < queue.visibleEnd, !job.hasExaminedEnough(self.settings) else {
                return self.conclude(job)
            }
            switch queue.place(of: job.next) {
            case .memory(let entries): job.takeCandidates(entries)
            case .file(let run):
                let wanted = run.stretch(
                    of: queue.key, from: job.next, countMax: FilterPortion.countMax)
                let ticket = self.reads.add(.pull(job))
                self.effects.append(.readEntries(ticket, segment: run.segment, wanted))
                return
            case .none:
                // Lost by damage: what lies before it, and then an error.
                guard job.next == job.offset else { return self.conclude(job) }
                return self.refuse(job.caller, self.lostMessage(at: job.next))
            }
        }
        self.read(job)
    }

    /// Entries of a sealed segment have been read.
    mutating func examine(_ job: PullJob, entries: [IndexEntry]) {
        var job = job
        job.takeCandidates(entries[...])
        if job.candidates.isEmpty { self.conclude(job) } else { self.read(job) }
    }

    private mutating func read(_ job: PullJob) {
        let ticket = self.reads.add(.filter(job))
        self.effects.append(.readMessages(ticket, job.candidates))
    }

    /// The portion's messages have been read.
    mutating func examined(_ job: PullJob, _ bytes: [UInt8]) {
        var job = job
        let settings = self.settings
        bytes.withUnsafeBytes { job.judge($0, settings) }
        self.examine(job)
    }

    /// A pull that was held and found nothing for it among what came goes on waiting behind that.
    private mutating func conclude(_ job: PullJob) {
        if job.found.isEmpty, job.isWoken, job.next >= self.queues[job.queue].visibleEnd,
            let deadline = job.holdUntil, deadline > self.now.tick
        {
            var job = job
            job.offset = job.next
            job.scanned = 0
            job.examinedBytes = 0
            if self.hold(job, until: deadline) { return }
        }
        self.finish(job)
    }
}

extension PullJob {
    func hasExaminedEnough(_ settings: BrokerSettings) -> Bool {
        self.isFull(settings) || self.scanned >= settings.filterScanMax
            || self.examinedBytes >= settings.filterBytesMax
    }

    mutating func takeCandidates(_ entries: ArraySlice<IndexEntry>) {
        var bytes = 0
        for entry in entries.prefix(FilterPortion.countMax) {
            bytes += Int(entry.size)
            guard self.candidates.isEmpty || bytes <= FilterPortion.bytesMax else { return }
            self.candidates.append(entry)
        }
    }

    /// Looks at the candidates, whose messages lie one behind the other. One that is missing is
    /// damaged on disk: it counts as found, so that the reader hears of it.
    mutating func judge(_ bytes: UnsafeRawBufferPointer, _ settings: BrokerSettings) {
        guard let expression = self.expression else { return }
        var messages = StoredMessages(bytes)
        var message = messages.next()
        for entry in exchange(&self.candidates, with: []) {
            if self.isFull(settings) { return }
            var passes = true
            if let read = message, read.physicalOffset == entry.position {
                passes = expression.matches(read.propertiesBytes)
                message = messages.next()
            }
            if passes, !self.take(entry) { return }
            self.examinedBytes += Int(entry.size)
            self.scanned += 1
            self.next.value += 1
        }
    }

    /// False: the answer is full without it.
    private mutating func take(_ entry: IndexEntry) -> Bool {
        let size = Int(entry.size)
        guard self.found.isEmpty || self.bytes + size <= self.bytesMax else {
            self.bytes = self.bytesMax
            return false
        }
        self.found.append(entry)
        self.bytes += size
        return true
    }
}
