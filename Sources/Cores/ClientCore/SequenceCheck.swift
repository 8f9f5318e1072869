package import MessageFormat

/// The consumer's side of sequence numbers: finds loss, duplicates and reordering per producer
/// session and queue.
///
/// A gap stays open until a later message decides it: given up by the producer, or acknowledged
/// and therefore lost. Loss behind a session's last message cannot be seen from here.
package struct SequenceCheck: Sendable {
    /// Sessions remembered per queue, and open numbers remembered per session. Beyond it the
    /// oldest is forgotten.
    package static let sessionsMax = 1024
    package static let openMax = 65_536

    package enum Finding: Hashable, Sendable {
        /// The producer was told that these are stored, and the queue does not have them.
        case lost(ClosedRange<Int64>)
        case duplicate(Int64)
        /// Came after a higher number.
        case reordered(Int64)
    }

    package struct Totals: Hashable, Sendable {
        package var received = 0
        package var lost = 0
        package var duplicates = 0
        package var reordered = 0
        /// Missing, but never promised.
        package var givenUp = 0
        package init() {}
    }

    package private(set) var totals = Totals()
    private var queues: [MessageQueue: [String: SessionCheck]] = [:]

    package init() {}

    /// A message arrived. Messages of one queue must be reported in the order of their offsets.
    package mutating func received(_ stamp: SequenceStamp, on queue: MessageQueue) -> [Finding] {
        self.totals.received += 1
        let findings = self.queues[queue, default: [:]][
            stamp.session, default: SessionCheck(startingWith: stamp)
        ].received(stamp, &self.totals)
        self.forgetOldest(of: queue)
        return findings
    }

    /// The queue was lost or gained: what comes next need not follow what came before.
    package mutating func forget(_ queue: MessageQueue) { self.queues[queue] = nil }

    /// Numbers missing so far of which nobody knows yet what became of them.
    package var undecided: Int {
        self.queues.values.joined().reduce(0) { $0 + $1.value.open.count }
    }

    private mutating func forgetOldest(of queue: MessageQueue) {
        guard let sessions = self.queues[queue], sessions.count > Self.sessionsMax else { return }
        let idle = sessions.min { ($0.value.lastAt, $0.key) < ($1.value.lastAt, $1.key) }
        if let idle { self.queues[queue]?[idle.key] = nil }
    }
}

/// One session on one queue.
private struct SessionCheck: Sendable {
    /// Numbers below may have been stored before the reader began: nothing is said about them.
    private let first: Int64
    /// Every number below was seen, is open, or was decided.
    private var next: Int64
    private(set) var open: Set<Int64> = []
    private var declaredLost: Set<Int64> = []
    /// Given up, and not seen: an attempt of unknown outcome may still turn up, late.
    private var givenUp: Set<Int64> = []
    /// `totals.received` when the session was last heard of.
    private(set) var lastAt = 0

    /// A reader may begin anywhere: what lies before its first message is not missing.
    /// Its first message may be a retry: then higher numbers lie before it.
    init(startingWith stamp: SequenceStamp) {
        self.first = stamp.highest == stamp.number ? stamp.number : stamp.highest + 1
        self.next = self.first
    }

    mutating func received(
        _ stamp: SequenceStamp, _ totals: inout SequenceCheck.Totals
    ) -> [SequenceCheck.Finding] {
        self.lastAt = totals.received
        var findings = self.place(stamp.number, &totals)
        for number in stamp.givenUp where self.open.remove(number) != nil {
            totals.givenUp += 1
            self.givenUp.insert(number)
        }
        if self.givenUp.count > SequenceCheck.openMax { self.givenUp.removeAll() }
        findings += self.declareLost(upTo: stamp.decided, &totals)
        return findings
    }

    private mutating func place(
        _ number: Int64, _ totals: inout SequenceCheck.Totals
    ) -> [SequenceCheck.Finding] {
        if number >= self.next {
            // A stamp may claim any number: a gap beyond all reason is not remembered one by one.
            let gapFirst = max(self.next, number - Int64(SequenceCheck.openMax))
            self.open.formUnion(gapFirst..<number)
            self.next = number + 1
            return []
        }
        if number < self.first { return [] }
        if self.open.remove(number) != nil {
            totals.reordered += 1
            return [.reordered(number)]
        }
        if self.declaredLost.remove(number) != nil {
            totals.lost -= 1
            totals.reordered += 1
            return [.reordered(number)]
        }
        if self.givenUp.remove(number) != nil {
            totals.givenUp -= 1
            totals.reordered += 1
            return [.reordered(number)]
        }
        totals.duplicates += 1
        return [.duplicate(number)]
    }

    private mutating func declareLost(
        upTo decided: Int64, _ totals: inout SequenceCheck.Totals
    ) -> [SequenceCheck.Finding] {
        guard !self.open.isEmpty else { return [] }
        var surplus = self.open.count - SequenceCheck.openMax
        var ranges: [ClosedRange<Int64>] = []
        for number in self.open.sorted() where number <= decided || surplus > 0 {
            surplus -= 1
            self.open.remove(number)
            self.declaredLost.insert(number)
            totals.lost += 1
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        if self.declaredLost.count > SequenceCheck.openMax { self.declaredLost.removeAll() }
        return ranges.map { .lost($0) }
    }
}
