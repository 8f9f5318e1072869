/// What a member of a Raft group has on its disk, in plain numbers and bytes: this layer knows
/// nothing of Raft.
package struct StoredRaft: Hashable, Sendable {
    package var hardState = StoredHardState()
    package var snapshot: StoredSnapshot?
    /// Everything behind the snapshot, without a gap.
    package var entries: [StoredRaftEntry] = []

    package init() {}
}

package struct StoredHardState: Hashable, Sendable {
    package var term: UInt64
    package var vote: String?
    /// True in a new directory: an earlier one may be lost.
    package var mayHaveForgotten: Bool
    /// Which group the entries are of, 0 if none is known.
    package var founding: UInt64

    package init(
        term: UInt64 = 0, vote: String? = nil, mayHaveForgotten: Bool = true, founding: UInt64 = 0
    ) {
        self.term = term
        self.vote = vote
        self.mayHaveForgotten = mayHaveForgotten
        self.founding = founding
    }
}

package struct StoredRaftEntry: Hashable, Sendable {
    package var index: UInt64
    package var term: UInt64
    package var content: [UInt8]

    package init(index: UInt64, term: UInt64, content: [UInt8]) {
        self.index = index
        self.term = term
        self.content = content
    }
}

package struct StoredSnapshot: Hashable, Sendable {
    package var index: UInt64
    package var term: UInt64
    package var membership: [UInt8]
    package var bytes: [UInt8]

    package init(index: UInt64, term: UInt64, membership: [UInt8], bytes: [UInt8]) {
        self.index = index
        self.term = term
        self.membership = membership
        self.bytes = bytes
    }
}

/// What becomes durable together. Order: `truncateFrom`, `snapshot`, `entries`.
package struct RaftBatch: Hashable, Sendable {
    package var hardState: StoredHardState?
    /// Entries with this index and later ones are dropped.
    package var truncateFrom: UInt64?
    /// Takes the place of all entries up to its index.
    package var snapshot: StoredSnapshot?
    package var entries: [StoredRaftEntry]

    package init(
        hardState: StoredHardState? = nil, truncateFrom: UInt64? = nil,
        snapshot: StoredSnapshot? = nil, entries: [StoredRaftEntry] = []
    ) {
        self.hardState = hardState
        self.truncateFrom = truncateFrom
        self.snapshot = snapshot
        self.entries = entries
    }
}

extension StoredRaft {
    /// Index and term of what the entries continue.
    var base: (index: UInt64, term: UInt64) { self.snapshot.map { ($0.index, $0.term) } ?? (0, 0) }

    mutating func apply(_ batch: RaftBatch) {
        if let hardState = batch.hardState { self.hardState = hardState }
        if let index = batch.truncateFrom { self.entries.removeAll { $0.index >= index } }
        if let snapshot = batch.snapshot { self.replaceBeginning(by: snapshot) }
        if let first = batch.entries.first {
            self.entries.removeAll { $0.index >= first.index }
            self.entries += batch.entries
        }
    }

    /// Entries behind the snapshot stay if they are known to continue it.
    mutating func replaceBeginning(by snapshot: StoredSnapshot) {
        let continuesHere = self.entries.contains {
            $0.index == snapshot.index && $0.term == snapshot.term
        }
        let startsHere = self.base == (snapshot.index, snapshot.term)
        self.entries.removeAll {
            $0.index <= snapshot.index || !(continuesHere || startsHere)
        }
        self.snapshot = snapshot
    }
}
