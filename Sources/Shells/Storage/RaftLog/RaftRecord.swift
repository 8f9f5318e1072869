import MessageFormat

/// One fact in the log file. Facts are replayed in order.
enum RaftRecord: Hashable, Sendable {
    case hardState(StoredHardState)
    case truncate(from: UInt64)
    /// An index that exists already drops that entry and all behind it.
    case entry(StoredRaftEntry)
    /// Of the first files, which did not say whether anything may be forgotten. Read, not written.
    case bareHardState(term: UInt64, vote: String?)

    private enum Kind: UInt8 { case bareHardState = 1, truncate = 2, entry = 3, hardState = 4 }

    func encode(into bytes: inout [UInt8]) {
        switch self {
        case .hardState(let state):
            bytes.append(Kind.hardState.rawValue)
            bytes.append(bigEndian: state.term)
            bytes.append(state.mayHaveForgotten ? 1 : 0)
            bytes.append(bigEndian: state.founding)
            bytes.append(counted: (state.vote ?? "").utf8)
        case .bareHardState(let term, let vote):
            bytes.append(Kind.bareHardState.rawValue)
            bytes.append(bigEndian: term)
            bytes.append(counted: (vote ?? "").utf8)
        case .truncate(let index):
            bytes.append(Kind.truncate.rawValue)
            bytes.append(bigEndian: index)
        case .entry(let entry):
            bytes.append(Kind.entry.rawValue)
            bytes.append(bigEndian: entry.index)
            bytes.append(bigEndian: entry.term)
            bytes.append(counted: entry.content)
        }
    }

    /// Nil when these are no records.
    static func all(in payload: ArraySlice<UInt8>) -> [Self]? {
        var bytes = RaftDiskBytes(payload)
        var records: [Self] = []
        while !bytes.isAtEnd {
            guard let record = Self(from: &bytes) else { return nil }
            records.append(record)
        }
        return records
    }

    private init?(from bytes: inout RaftDiskBytes) {
        guard let kind = bytes.integer(UInt8.self).flatMap(Kind.init),
            let number = bytes.integer(UInt64.self)
        else { return nil }
        switch kind {
        case .hardState:
            guard let flag = bytes.integer(UInt8.self), flag <= 1,
                let founding = bytes.integer(UInt64.self), let vote = bytes.text()
            else { return nil }
            self = .hardState(
                StoredHardState(
                    term: number, vote: vote.isEmpty ? nil : vote, mayHaveForgotten: flag == 1,
                    founding: founding))
        case .bareHardState:
            guard let vote = bytes.text() else { return nil }
            self = .bareHardState(term: number, vote: vote.isEmpty ? nil : vote)
        case .truncate: self = .truncate(from: number)
        case .entry:
            guard let term = bytes.integer(UInt64.self), let content = bytes.counted() else {
                return nil
            }
            self = .entry(StoredRaftEntry(index: number, term: term, content: content))
        }
    }
}

extension RaftDiskBytes {
    fileprivate mutating func text() -> String? {
        self.counted().map { String(decoding: $0, as: UTF8.self) }
    }
}

extension RaftBatch {
    /// The batch as facts; a snapshot is in a file of its own.
    var records: [RaftRecord] {
        var records = self.hardState.map { [RaftRecord.hardState($0)] } ?? []
        if let index = self.truncateFrom { records.append(.truncate(from: index)) }
        return records + self.entries.map { .entry($0) }
    }
}
