import DeliveryCore
import LogCore
import MessageFormat

/// A stretch of a queue's index that is being read, in memory and in index files.
struct IndexWalk: Sendable {
    enum Purpose: Sendable {
        case delays
        /// Delayed messages of the oldest segment, which is to be deleted.
        case roll
        /// Popped messages that nobody acknowledged in time.
        case popReturn([PopDue])
    }

    let purpose: Purpose
    let queue: QueueNumber
    let end: QueueOffset
    var next: QueueOffset
    var found: [(IndexEntry, QueueOffset)] = []

    mutating func take(_ entries: ArraySlice<IndexEntry>) {
        for entry in entries where self.next < self.end {
            self.found.append((entry, self.next))
            self.next.value += 1
        }
    }
}

extension BrokerEngine {
    var timerQueue: QueueNumber? { self.queues.number(of: DelayParking.queue) }

    /// Steps of a scan between two ticks: at a restart what is due is late by as long as the scan
    /// takes, and messages wait for as long as its steps between two ticks take.
    static let delayScanStepsMax = 8

    mutating func scanDelays() {
        guard let queue = self.timerQueue else { return }
        // A step in memory is done when `walk` returns; one in a file comes here again.
        while self.delayScanSteps < Self.delayScanStepsMax,
            let range = self.delivery.delays.nextScan()
        {
            self.delayScanSteps += 1
            self.walk(
                IndexWalk(
                    purpose: .delays, queue: queue, end: range.upperBound, next: range.lowerBound))
        }
    }

    /// Goes on through the index until the end, or until a file has to be read.
    mutating func walk(_ walk: IndexWalk) {
        var walk = walk
        let queue = self.queues[walk.queue]
        while walk.next < min(walk.end, queue.visibleEnd) {
            switch queue.place(of: walk.next) {
            case .memory(let entries): walk.take(entries)
            case .file(let run):
                let wanted = run.stretch(
                    of: queue.key, from: walk.next, countMax: walk.end.distance(from: walk.next))
                let ticket = self.reads.add(.walk(walk))
                self.effects.append(.readEntries(ticket, segment: run.segment, wanted))
                return
            case .none:
                walk.next = queue.nextOffset(after: walk.next) ?? walk.end
            }
        }
        self.walked(walk)
    }

    private mutating func walked(_ walk: IndexWalk) {
        switch walk.purpose {
        case .delays: self.delivery.delays.scanned(walk.found, through: walk.end)
        case .roll: self.roll(walk.found, through: walk.end.advanced(by: -1))
        case .popReturn(let due): self.found(due, walk)
        }
    }

    mutating func walkFailed(_ walk: IndexWalk) {
        if case .delays = walk.purpose { self.delivery.delays.scanFailed() }
    }
}
