package import MessageFormat

/// What became of one queue of dead letters: which were sent again, and which nobody wants to see
/// any more.
package struct DeadLetterMarks: Hashable, Sendable {
    /// More stretches are not remembered for one queue: 64 KiB of each segment's snapshot.
    package static let stretchesMax = 4_096

    /// Letters below were purged, or are gone.
    package private(set) var floor = QueueOffset.zero
    /// Which were sent again, from `floor` on. Stretches ascend and do not touch.
    package private(set) var replayed: [Range<QueueOffset>] = []
    /// Ever.
    package private(set) var replayedCount: Int64 = 0
    package private(set) var replayedAt: Timestamp?
    package private(set) var purgedAt: Timestamp?

    init() {}

    /// Nil: such stretches make no sense.
    init?(
        floor: QueueOffset, replayed: [Range<QueueOffset>], replayedCount: Int64,
        replayedAt: Timestamp?, purgedAt: Timestamp?
    ) {
        let ascend = zip(replayed, replayed.dropFirst()).allSatisfy {
            $0.upperBound < $1.lowerBound
        }
        guard floor >= .zero, replayedCount >= 0, ascend, !replayed.contains(where: \.isEmpty),
            replayed.first.map({ $0.lowerBound >= floor }) ?? true
        else { return nil }
        self.floor = floor
        self.replayed = replayed
        self.replayedCount = replayedCount
        self.replayedAt = replayedAt
        self.purgedAt = purgedAt
    }

    package func isReplayed(_ offset: QueueOffset) -> Bool {
        let place = self.place(of: offset)
        return place > 0 && self.replayed[place - 1].contains(offset)
    }

    /// How many of those present were neither sent again nor purged.
    package func waiting(in present: Range<QueueOffset>) -> Int {
        let seen = present.clamped(to: max(self.floor, .zero)..<QueueOffset(.max))
        return self.replayed.reduce(seen.length) { $0 - $1.clamped(to: seen).length }
    }

    /// Whether one more can be marked.
    package func hasRoom(for offset: QueueOffset) -> Bool {
        var marked = self
        marked.replay(offset, at: Timestamp(milliseconds: 0))
        return marked.replayed.count <= Self.stretchesMax
    }

    mutating func replay(_ offset: QueueOffset, at time: Timestamp) {
        guard offset >= self.floor, !self.isReplayed(offset) else { return }
        self.replayedCount += 1
        self.replayedAt = time
        let next = offset.advanced(by: 1)
        let place = self.place(of: offset)
        let touchesEarlier = place > 0 && self.replayed[place - 1].upperBound == offset
        let touchesLater = place < self.replayed.count && self.replayed[place].lowerBound == next
        switch (touchesEarlier, touchesLater) {
        case (true, true):
            let later = self.replayed.remove(at: place)
            self.replayed[place - 1] = self.replayed[place - 1].lowerBound..<later.upperBound
        case (true, false):
            self.replayed[place - 1] = self.replayed[place - 1].lowerBound..<next
        case (false, true):
            self.replayed[place] = offset..<self.replayed[place].upperBound
        case (false, false): self.replayed.insert(offset..<next, at: place)
        }
    }

    mutating func purge(below floor: QueueOffset, at time: Timestamp) {
        self.raise(to: floor)
        self.purgedAt = time
    }

    /// What lies below needs no marks any more.
    mutating func raise(to floor: QueueOffset) {
        guard floor > self.floor else { return }
        self.floor = floor
        let rest = floor..<QueueOffset(.max)
        self.replayed = self.replayed.map { $0.clamped(to: rest) }.filter { !$0.isEmpty }
    }

    /// The number of the first stretch that begins behind `offset`.
    private func place(of offset: QueueOffset) -> Int {
        var low = 0
        var high = self.replayed.count
        while low < high {
            let middle = (low + high) / 2
            if self.replayed[middle].lowerBound <= offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}

extension Range<QueueOffset> {
    fileprivate var length: Int { self.upperBound.distance(from: self.lowerBound) }
}
