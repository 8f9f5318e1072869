internal import DequeModule
package import MessageFormat

/// Where a message lies that was stored before.
package struct StoredPlace: Hashable, Sendable {
    package var offset: QueueOffset
    package var position: PhysicalOffset

    package init(offset: QueueOffset, position: PhysicalOffset) {
        self.offset = offset
        self.position = position
    }
}

/// What one producer session has stored in one queue and may still send again.
///
/// Invariant: the numbers ascend, all above `done`, and there are no more than the window allows.
struct ProducerWindow: Sendable {
    struct Stored: Hashable, Sendable {
        var sequence: Int64
        var place: StoredPlace
    }

    /// Three compact integers.
    static let storedBytesMax = 24

    private(set) var done: Int64
    private(set) var stored: Deque<Stored> = []
    /// When the producer was last heard of; only masters know.
    var heardAt: Tick?

    init(done: Int64 = 0) { self.done = done }

    func place(of sequence: Int64) -> StoredPlace? {
        let index = self.index(of: sequence)
        guard index < self.stored.count, self.stored[index].sequence == sequence else { return nil }
        return self.stored[index].place
    }

    /// The message is in the log. The first one with a number counts; a copy changes nothing.
    mutating func insert(_ stamp: IdempotentStamp, at place: StoredPlace, countMax: Int) {
        self.forget(upTo: stamp.done)
        guard stamp.sequence > self.done else { return }
        let index = self.index(of: stamp.sequence)
        if index < self.stored.count, self.stored[index].sequence == stamp.sequence { return }
        self.stored.insert(Stored(sequence: stamp.sequence, place: place), at: index)
        if self.stored.count > countMax, let first = self.stored.first {
            self.forget(upTo: first.sequence)
        }
    }

    private mutating func forget(upTo done: Int64) {
        self.done = max(self.done, done)
        while let first = self.stored.first, first.sequence <= self.done {
            self.stored.removeFirst()
        }
    }

    /// Of the first number that is not below `sequence`. Mostly that is the end.
    private func index(of sequence: Int64) -> Int {
        guard let last = self.stored.last, sequence <= last.sequence else {
            return self.stored.count
        }
        var (low, high) = (0, self.stored.count)
        while low < high {
            let middle = (low + high) / 2
            if self.stored[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func checkInvariants(countMax: Int) {
        precondition(self.stored.count <= countMax)
        precondition(
            zip(self.stored, self.stored.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
        precondition(self.stored.first.map { $0.sequence > self.done } ?? true)
    }
}

extension ProducerWindow: Equatable {
    static func == (left: Self, right: Self) -> Bool {
        left.done == right.done && left.stored == right.stored
    }
}
