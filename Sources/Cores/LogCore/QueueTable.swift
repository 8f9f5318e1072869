package import MessageFormat

/// All queues of a broker, by key and by dense number.
package struct QueueTable: Sendable {
    private var numbers: [QueueKey: QueueNumber] = [:]
    private var queues: [ConsumeQueue] = []

    package init() {}

    package var count: Int { self.queues.count }
    package var all: [ConsumeQueue] { self.queues }

    package subscript(number: QueueNumber) -> ConsumeQueue {
        get { self.queues[number.index] }
        _modify { yield &self.queues[number.index] }
    }

    package func number(of key: QueueKey) -> QueueNumber? { self.numbers[key] }

    package func queue(_ key: QueueKey) -> ConsumeQueue? {
        self.numbers[key].map { self.queues[$0.index] }
    }

    /// The queue's number; a queue that is new starts empty.
    package mutating func findOrMake(_ key: QueueKey) -> QueueNumber {
        if let number = self.numbers[key] { return number }
        let number = QueueNumber(self.queues.count)
        self.numbers[key] = number
        self.queues.append(ConsumeQueue(key: key))
        return number
    }

    /// All that the index file of `segment` holds: queues that it does not name have nothing there.
    package mutating func adopt(
        _ runs: [(key: QueueKey, run: SealedRun)], of segment: PhysicalOffset
    ) {
        var byNumber: [QueueNumber: [SealedRun]] = [:]
        for (key, run) in runs { byNumber[self.findOrMake(key), default: []].append(run) }
        for (number, runs) in byNumber { self.queues[number.index].adopt(runs, of: segment) }
        for index in self.queues.indices
        where byNumber[QueueNumber(index)] == nil && self.queues[index].reaches(segment) {
            self.queues[index].adopt([], of: segment)
        }
    }

    /// The segment is gone from the disk.
    package mutating func drop(segmentsThrough base: PhysicalOffset) {
        for index in self.queues.indices { self.queues[index].drop(segmentsThrough: base) }
    }

    /// Queues that have entries of `segment` in memory, sorted as the index file wants them.
    package func memoryRuns(of segment: PhysicalOffset) -> [(key: QueueKey, run: MemoryRun)] {
        self.queues
            .flatMap { queue in
                queue.memory.filter { $0.segment == segment }.map { (key: queue.key, run: $0) }
            }
            .sorted { ($0.key, $0.run.first) < ($1.key, $1.run.first) }
    }
}

extension QueueTable {
    /// The topic was deleted: nobody reads its messages any more. Returns what the log must say.
    package mutating func clear(topic: String) -> [StateRecord] {
        var cleared: [ConsumeQueue] = []
        for index in self.queues.indices where self.queues[index].key.topic == topic {
            self.queues[index].clear()
            cleared.append(self.queues[index])
        }
        return QueueSnapshot.records(of: cleared)
    }
}
