private import DequeModule
package import MessageFormat

/// A queue's dense number in its broker: arrays instead of dictionaries on the hot path.
package struct QueueNumber: Hashable, Sendable {
    package var index: Int

    package init(_ index: Int) { self.index = index }
}

/// A stretch of one queue in one segment whose entries lie in the segment's index file.
package struct SealedRun: Hashable, Sendable {
    package var segment: PhysicalOffset
    package var first: QueueOffset
    package var count: Int

    package init(segment: PhysicalOffset, first: QueueOffset, count: Int) {
        self.segment = segment
        self.first = first
        self.count = count
    }

    package var end: QueueOffset { self.first.advanced(by: self.count) }

    /// The run's messages from `offset` to its end, at most `countMax`.
    package func stretch(
        of key: QueueKey, from offset: QueueOffset, countMax: Int = .max
    ) -> QueueStretch {
        let first = max(offset, self.first)
        return QueueStretch(
            of: key, from: first, count: min(countMax, self.end.distance(from: first)))
    }
}

/// A stretch of one queue in one segment whose entries are in memory.
package struct MemoryRun: Sendable {
    package var segment: PhysicalOffset
    package var first: QueueOffset
    package var entries: [IndexEntry]

    package var end: QueueOffset { self.first.advanced(by: self.entries.count) }
}

/// One queue: which offsets exist, which may be seen, and where their messages lie.
///
/// Derived from the log, and rebuilt from it. Invariants: runs ascend, sealed before memory;
/// `minOffset <= visibleEnd <= assignedEnd`. Offsets without gaps are given out, so an offset
/// between the bounds that no run has is that of a message which the disk has lost.
package struct ConsumeQueue: Sendable {
    package let key: QueueKey
    /// The offset that the next appended message gets.
    package private(set) var assignedEnd: QueueOffset
    /// Nobody reads below this: what was there belongs to a deleted topic.
    package private(set) var floor: QueueOffset
    private var sealed: Deque<SealedRun> = []
    /// Where damaged segments have to begin with this queue.
    private var begins: [Begin] = []
    /// End of the messages that are known to have been there.
    private var lostEnd = QueueOffset.zero
    package private(set) var memory: [MemoryRun] = []

    package init(key: QueueKey, floor: QueueOffset = .zero, next: QueueOffset = .zero) {
        self.key = key
        self.floor = floor
        self.assignedEnd = next
    }

    /// The first offset that may not be read: not confirmed or not written yet.
    package var visibleEnd: QueueOffset {
        (self.memory.last?.end ?? self.sealed.last?.end).map { max($0, self.lostEnd) }
            ?? self.lowerBoundWithoutRuns
    }

    package var minOffset: QueueOffset {
        var first = self.sealed.first?.first
        if let memory = self.memory.first?.first { first = min(first ?? memory, memory) }
        for begin in self.begins { first = min(first ?? begin.offset, begin.offset) }
        return max(self.floor, first ?? self.lowerBoundWithoutRuns)
    }

    /// With no run left, everything before the first unconfirmed message is gone.
    private var lowerBoundWithoutRuns: QueueOffset {
        self.assignedEnd.advanced(by: -self.unconfirmedCount)
    }

    private var unconfirmedCount = 0

    package mutating func assign() -> QueueOffset {
        defer { self.assignedEnd.value += 1 }
        self.unconfirmedCount += 1
        return self.assignedEnd
    }

    /// A message that the group's master put at `offset`; nobody may see it yet.
    package mutating func adopted(at offset: QueueOffset) {
        self.assignedEnd = max(self.assignedEnd, offset.advanced(by: 1))
        self.unconfirmedCount += 1
    }

    /// A message of this queue has been confirmed; they come in order.
    package mutating func confirmed(
        _ entry: IndexEntry, at offset: QueueOffset, segment: PhysicalOffset
    ) {
        self.unconfirmedCount = max(0, self.unconfirmedCount - 1)
        self.append(entry, at: offset, segment: segment)
    }

    /// Recovery: a message that is in the log already.
    package mutating func replayed(
        _ entry: IndexEntry, at offset: QueueOffset, segment: PhysicalOffset
    ) {
        if offset > self.assignedEnd { self.begins(at: self.assignedEnd, in: segment) }
        self.assignedEnd = max(self.assignedEnd, offset.advanced(by: 1))
        self.append(entry, at: offset, segment: segment)
    }

    private mutating func append(
        _ entry: IndexEntry, at offset: QueueOffset, segment: PhysicalOffset
    ) {
        if let last = self.memory.indices.last, self.memory[last].segment == segment,
            self.memory[last].end == offset
        {
            self.memory[last].entries.append(entry)
        } else {
            self.memory.append(MemoryRun(segment: segment, first: offset, entries: [entry]))
        }
    }

    /// Recovery: the snapshot at a segment's start says how far the queue had come.
    package mutating func restore(floor: QueueOffset, next: QueueOffset) {
        self.floor = max(self.floor, floor)
        if next > self.assignedEnd, !self.sealed.isEmpty { self.lostEnd = next }
        self.assignedEnd = max(self.assignedEnd, next)
    }

    /// The topic was deleted: its messages are out of reach; offsets go on where they were.
    package mutating func clear() {
        self.floor = self.assignedEnd
    }

    /// An index file of `segment` holds these runs now. They replace what was in memory for it, and
    /// the runs of an earlier file: when it was made anew, messages may be missing that it had.
    package mutating func adopt(_ runs: [SealedRun], of segment: PhysicalOffset) {
        self.memory.removeAll { $0.segment == segment }
        if self.reaches(segment) {
            let earlier = self.sealed.filter { $0.segment == segment }
            if let first = earlier.first, let last = earlier.last {
                self.begins(at: first.first, in: segment)
                self.lostEnd = max(self.lostEnd, last.end)
            }
            self.sealed.removeAll { $0.segment == segment }
        }
        for run in runs.sorted(by: { $0.first < $1.first }) { self.insert(run) }
    }

    /// Whether an index file of this segment, or of a later one, is known already.
    func reaches(_ segment: PhysicalOffset) -> Bool {
        self.sealed.last.map { $0.segment >= segment } ?? false
    }

    private mutating func insert(_ run: SealedRun) {
        let index = self.sealed.lastIndex { $0.segment <= run.segment }.map { $0 + 1 } ?? 0
        let isBehind = index == 0 || self.sealed[index - 1].end <= run.first
        let isBefore = index == self.sealed.endIndex || run.end <= self.sealed[index].first
        guard isBehind, isBefore else { return }
        self.sealed.insert(run, at: index)
        self.assignedEnd = max(self.assignedEnd, run.end)
    }

    /// This queue's messages from `offset` on were in `segment` or behind it: what is missing there
    /// is lost. Gaps between runs show that by themselves, one before the first run does not.
    package mutating func begins(at offset: QueueOffset, in segment: PhysicalOffset) {
        self.assignedEnd = max(self.assignedEnd, offset)
        if let index = self.begins.firstIndex(where: { $0.segment == segment }) {
            self.begins[index].offset = min(self.begins[index].offset, offset)
        } else {
            self.begins.append(Begin(segment: segment, offset: offset))
        }
    }

    func isMissingMessages(of segment: PhysicalOffset) -> Bool {
        self.begins.contains { $0.segment == segment }
    }

    private struct Begin: Hashable, Sendable {
        var segment: PhysicalOffset
        var offset: QueueOffset
    }

    /// The segment is gone from the disk.
    package mutating func drop(segmentsThrough base: PhysicalOffset) {
        while let first = self.sealed.first, first.segment <= base { self.sealed.removeFirst() }
        self.memory.removeAll { $0.segment <= base }
        self.begins.removeAll { $0.segment <= base }
    }
}

extension ConsumeQueue {
    /// Where the entries from an offset on are to be had.
    package enum Place: Sendable {
        /// In memory: entries of the run, the first one that is wanted.
        case memory(ArraySlice<IndexEntry>)
        case file(SealedRun)
        /// Not confirmed, or, below `visibleEnd`, lost.
        case none
    }

    package func place(of offset: QueueOffset) -> Place {
        if let run = self.memory.last(where: { $0.first <= offset }), offset < run.end {
            return .memory(run.entries[offset.distance(from: run.first)...])
        }
        if let run = self.sealedRun(containing: offset) { return .file(run) }
        return .none
    }

    private func sealedRun(containing offset: QueueOffset) -> SealedRun? {
        var low = 0
        var high = self.sealed.count
        while low < high {
            let middle = (low + high) / 2
            if self.sealed[middle].end <= offset { low = middle + 1 } else { high = middle }
        }
        guard low < self.sealed.count, self.sealed[low].first <= offset else { return nil }
        return self.sealed[low]
    }

    /// Start of the first run behind a hole at `offset`, such as a damaged stretch of the log leaves.
    package func nextOffset(after offset: QueueOffset) -> QueueOffset? {
        let starts = self.sealed.map(\.first) + self.memory.map(\.first)
        return starts.first { $0 > offset }
    }

    /// The offset behind the last message that lies in a segment up to this one. Nil: there is none.
    package func end(ofSegmentsThrough base: PhysicalOffset) -> QueueOffset? {
        let ends =
            self.sealed.filter { $0.segment <= base }.map(\.end)
            + self.memory.filter { $0.segment <= base }.map(\.end)
        return ends.max()
    }

    /// All runs, oldest first, for a search by time: sealed ones by name, those in memory whole.
    package var sealedRuns: [SealedRun] { Array(self.sealed) }
}
