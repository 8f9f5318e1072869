@testable import Raft

/// What a member would find after a crash. A batch is there as a whole or not at all.
struct SimulatedDisk {
    private(set) var hardState = HardState()
    private(set) var snapshot: RaftSnapshot?
    private(set) var entries: [RaftEntry] = []

    var restored: RaftRestored {
        RaftRestored(hardState: self.hardState, snapshot: self.snapshot, entries: self.entries)
    }

    mutating func persist(_ batch: RaftPersist) {
        if let hardState = batch.hardState { self.hardState = hardState }
        if let index = batch.truncateFrom { self.entries.removeAll { $0.index >= index } }
        if let snapshot = batch.snapshot {
            self.snapshot = snapshot
            self.entries.removeAll { $0.index <= snapshot.position.index }
        }
        if let first = batch.entries.first {
            self.entries.removeAll { $0.index >= first.index }
            self.entries += batch.entries
        }
    }

    /// Whether a crash now would leave this entry.
    func holds(_ entry: RaftEntry) -> Bool {
        if let snapshot, snapshot.position.index >= entry.index { return true }
        return self.entries.contains { $0.position == entry.position }
    }
}
