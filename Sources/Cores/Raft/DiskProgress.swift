/// What the disk was given, and what it is known to have.
///
/// One batch is at the disk at a time, so the disk's content is always that of the last batch it
/// confirmed, or of the one after. Invariant: entries up to `durable` are on disk as in memory.
struct DiskProgress: Sendable {
    private struct Batch: Sendable {
        var token: UInt64
        var last: LogIndex
        var hardState: HardState
    }

    private(set) var durable: LogIndex
    private(set) var durableHardState: HardState
    /// Entries up to here are on disk or in the batch that is on its way.
    private var handedOut: LogIndex
    private var truncateFrom: LogIndex?
    private var isSnapshotNew = false
    private var atDisk: Batch?
    private var lastToken: UInt64 = 0

    init(hardState: HardState, last: LogIndex) {
        self.durable = last
        self.handedOut = last
        self.durableHardState = hardState
    }

    var isIdle: Bool { self.atDisk == nil }

    mutating func truncated(from index: LogIndex) {
        guard index <= self.handedOut else { return }
        self.truncateFrom = min(index, self.truncateFrom ?? index)
        self.handedOut = index.previous
        self.durable = min(self.durable, index.previous)
    }

    mutating func compacted() { self.isSnapshotNew = true }

    /// Nothing that is on disk is of use any more.
    mutating func replacedBySnapshot() {
        self.isSnapshotNew = true
        self.truncateFrom = LogIndex(1)
        self.handedOut = .zero
        self.durable = .zero
    }

    /// What the disk lacks, nil when that is nothing. The disk must be idle.
    mutating func takeBatch(of log: RaftLog, _ hardState: HardState) -> RaftPersist? {
        precondition(self.isIdle, "one batch at the disk at a time")
        let known = max(self.handedOut, log.snapshot?.position.index ?? .zero)
        var batch = RaftPersist(
            token: self.lastToken + 1, truncateFrom: self.truncateFrom,
            entries: log.entries(from: known.next))
        if hardState != self.durableHardState { batch.hardState = hardState }
        if self.isSnapshotNew { batch.snapshot = log.snapshot }
        guard
            batch.hardState != nil || batch.snapshot != nil || !batch.entries.isEmpty
                || batch.truncateFrom != nil
        else { return nil }
        self.lastToken += 1
        self.handedOut = log.last.index
        self.truncateFrom = nil
        self.isSnapshotNew = false
        self.atDisk = Batch(token: batch.token, last: log.last.index, hardState: hardState)
        return batch
    }

    /// Returns whether it was the batch on its way.
    mutating func persisted(_ token: UInt64) -> Bool {
        guard let batch = self.atDisk, batch.token == token else { return false }
        self.atDisk = nil
        // What was truncated since is on disk and void.
        self.durable = min(batch.last, self.handedOut)
        self.durableHardState = batch.hardState
        return true
    }
}
