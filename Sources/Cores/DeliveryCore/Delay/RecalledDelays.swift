internal import HeapModule
internal import MessageFormat

/// Messages that were taken back before their time. Each is remembered until its time has passed.
struct RecalledDelays: Sendable {
    private var offsets: Set<QueueOffset> = []
    private var keys: Heap<DelayKey> = []

    var count: Int { self.offsets.count }
    var all: [DelayKey] { self.keys.unordered.sorted() }

    func contains(_ offset: QueueOffset) -> Bool { self.offsets.contains(offset) }

    /// False: it was there already.
    mutating func insert(_ key: DelayKey) -> Bool {
        guard self.offsets.insert(key.offset).inserted else { return false }
        self.keys.insert(key)
        return true
    }

    mutating func forget(through key: DelayKey) {
        while let first = self.keys.min, first <= key {
            self.keys.removeMin()
            self.offsets.remove(first.offset)
        }
    }

    mutating func forget(through offset: QueueOffset) {
        let kept = self.offsets.filter { $0 > offset }
        guard kept.count < self.offsets.count else { return }
        self.keys = Heap(self.keys.unordered.filter { $0.offset > offset })
        self.offsets = kept
    }

    func checkInvariants() {
        precondition(self.offsets == Set(self.keys.unordered.map(\.offset)))
        precondition(self.offsets.count == self.keys.count)
    }
}
