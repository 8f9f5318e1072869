import Raft
import Storage

// The disk knows numbers and bytes, Raft knows what they mean.

extension RaftBatch {
    init(_ persist: RaftPersist) {
        self.init(
            hardState: persist.hardState.map {
                StoredHardState(
                    term: $0.term.value, vote: $0.vote?.value,
                    mayHaveForgotten: $0.mayHaveForgotten, founding: $0.founding)
            },
            truncateFrom: persist.truncateFrom?.value,
            snapshot: persist.snapshot.map {
                StoredSnapshot(
                    index: $0.position.index.value, term: $0.position.term.value,
                    membership: $0.membership.encoded, bytes: $0.bytes)
            },
            entries: persist.entries.map {
                StoredRaftEntry(
                    index: $0.index.value, term: $0.term.value, content: $0.content.encoded)
            })
    }
}

extension RaftRestored {
    init(_ stored: StoredRaft) throws(RaftCodingError) {
        self.init(
            hardState: HardState(
                term: Term(stored.hardState.term), vote: stored.hardState.vote.map { NodeID($0) },
                mayHaveForgotten: stored.hardState.mayHaveForgotten,
                founding: stored.hardState.founding))
        if let snapshot = stored.snapshot {
            self.snapshot = RaftSnapshot(
                position: LogPosition(
                    index: LogIndex(snapshot.index), term: Term(snapshot.term)),
                membership: try Membership(decoding: snapshot.membership), bytes: snapshot.bytes)
        }
        for entry in stored.entries {
            self.entries.append(
                RaftEntry(
                    index: LogIndex(entry.index), term: Term(entry.term),
                    content: try RaftEntry.Content(decoding: entry.content)))
        }
    }
}
