internal import HeapModule
internal import MessageFormat

/// Parked messages that are in the log but not confirmed. The earliest of them holds back the
/// cursor: passed now, it would never fire.
struct UnconfirmedDelays: Sendable {
    private var keys: Heap<DelayKey> = []
    /// The offset after the last parked message.
    private(set) var appendedEnd = QueueOffset.zero
    private(set) var confirmedEnd = QueueOffset.zero

    mutating func appended(_ key: DelayKey) {
        guard key.offset >= self.confirmedEnd else { return }
        self.appendedEnd = max(self.appendedEnd, key.offset.advanced(by: 1))
        self.keys.insert(key)
    }

    /// Messages are confirmed in the order of their offsets.
    mutating func confirmed(upTo end: QueueOffset) {
        self.confirmedEnd = max(self.confirmedEnd, end)
        self.appendedEnd = max(self.appendedEnd, self.confirmedEnd)
        self.dropConfirmed()
    }

    var first: DelayKey? { self.keys.min }

    /// Confirmed keys behind an unconfirmed first one stay until they are too many.
    private mutating func dropConfirmed() {
        while let first = self.keys.min, first.offset < self.confirmedEnd { self.keys.removeMin() }
        let needed = self.appendedEnd.distance(from: self.confirmedEnd)
        guard self.keys.count > 1_024, self.keys.count / 2 > needed else { return }
        self.keys = Heap(self.keys.unordered.filter { $0.offset >= self.confirmedEnd })
    }

    func checkInvariants() {
        precondition(self.confirmedEnd <= self.appendedEnd)
        precondition(self.keys.min.map { $0.offset >= self.confirmedEnd } ?? true)
    }
}
