// A message as bytes: version, kind, sender, receiver, term, founding, then what the kind has. Integers in
// network order; docs/formats/raft.md shows the layout.

extension RaftMessage {
    private static let version: UInt8 = 2

    package var encoded: [UInt8] {
        var bytes = RaftBytesWriter()
        bytes.write(Self.version)
        bytes.write(self.content.kind.rawValue)
        bytes.write(self.from)
        bytes.write(self.to)
        bytes.write(self.term.value)
        bytes.write(self.founding)
        self.content.encode(into: &bytes)
        return bytes.bytes
    }

    package init(decoding bytes: [UInt8]) throws(RaftCodingError) {
        var reader = RaftBytesReader(bytes)
        let version = try reader.readUInt8()
        guard version == Self.version else { throw RaftCodingError("unknown version \(version)") }
        let number = try reader.readUInt8()
        guard let kind = Kind(rawValue: number) else {
            throw RaftCodingError("unknown kind \(number)")
        }
        self.init(
            from: try reader.readNodeID(), to: try reader.readNodeID(),
            term: Term(try reader.readUInt64()), founding: try reader.readUInt64(),
            content: try Content(kind, from: &reader))
        try reader.end()
    }

    fileprivate enum Kind: UInt8 {
        case askPreVote = 1
        case answerPreVote, askVote, answerVote, append, answerAppend, snapshotChunk,
            answerSnapshotChunk, campaignNow
    }
}

extension RaftMessage.Content {
    fileprivate var kind: RaftMessage.Kind {
        switch self {
        case .askPreVote: .askPreVote
        case .answerPreVote: .answerPreVote
        case .askVote: .askVote
        case .answerVote: .answerVote
        case .append: .append
        case .answerAppend: .answerAppend
        case .snapshotChunk: .snapshotChunk
        case .answerSnapshotChunk: .answerSnapshotChunk
        case .campaignNow: .campaignNow
        }
    }

    fileprivate func encode(into bytes: inout RaftBytesWriter) {
        switch self {
        case .askPreVote(let log): bytes.write(log)
        case .answerPreVote(let isGranted, let mayHaveForgotten),
            .answerVote(let isGranted, let mayHaveForgotten):
            bytes.write(isGranted)
            bytes.write(mayHaveForgotten)
        case .askVote(let log, let isTransfer):
            bytes.write(log)
            bytes.write(isTransfer)
        case .append(let append): append.encode(into: &bytes)
        case .answerAppend(let answer): answer.encode(into: &bytes)
        case .snapshotChunk(let chunk): chunk.encode(into: &bytes)
        case .answerSnapshotChunk(let progress):
            bytes.write(progress.index.value)
            bytes.write(progress.received)
            bytes.write(progress.round)
        case .campaignNow: break
        }
    }

    fileprivate init(
        _ kind: RaftMessage.Kind, from reader: inout RaftBytesReader
    ) throws(RaftCodingError) {
        switch kind {
        case .askPreVote: self = .askPreVote(log: try reader.readPosition())
        case .answerPreVote:
            self = .answerPreVote(
                isGranted: try reader.readBool(), mayHaveForgotten: try reader.readBool())
        case .askVote:
            self = .askVote(log: try reader.readPosition(), isTransfer: try reader.readBool())
        case .answerVote:
            self = .answerVote(
                isGranted: try reader.readBool(), mayHaveForgotten: try reader.readBool())
        case .append: self = .append(try RaftMessage.Append(from: &reader))
        case .answerAppend: self = .answerAppend(try RaftMessage.AppendAnswer(from: &reader))
        case .snapshotChunk: self = .snapshotChunk(try RaftMessage.SnapshotChunk(from: &reader))
        case .answerSnapshotChunk:
            self = .answerSnapshotChunk(
                .init(
                    index: LogIndex(try reader.readUInt64()), received: try reader.readUInt64(),
                    round: try reader.readUInt64()))
        case .campaignNow: self = .campaignNow
        }
    }
}

extension RaftMessage.Append {
    fileprivate func encode(into bytes: inout RaftBytesWriter) {
        bytes.write(self.previous)
        bytes.write(self.committed.value)
        bytes.write(self.round)
        bytes.write(UInt32(self.entries.count))
        for entry in self.entries {
            bytes.write(entry.index.value)
            bytes.write(entry.term.value)
            bytes.write(entry.content.encoded)
        }
    }

    fileprivate init(from reader: inout RaftBytesReader) throws(RaftCodingError) {
        let previous = try reader.readPosition()
        let committed = LogIndex(try reader.readUInt64())
        let round = try reader.readUInt64()
        var entries: [RaftEntry] = []
        for _ in 0..<(try reader.readUInt32()) {
            entries.append(
                RaftEntry(
                    index: LogIndex(try reader.readUInt64()), term: Term(try reader.readUInt64()),
                    content: try RaftEntry.Content(decoding: try reader.readBytes())))
        }
        self.init(previous: previous, entries: entries, committed: committed, round: round)
    }
}

extension RaftMessage.AppendAnswer {
    fileprivate func encode(into bytes: inout RaftBytesWriter) {
        bytes.write(self.round)
        bytes.write(self.mayHaveForgotten)
        switch self.verdict {
        case .accepted(let index):
            bytes.write(true)
            bytes.write(index.value)
        case .refused(let previous, let hint):
            bytes.write(false)
            bytes.write(previous)
            bytes.write(hint)
        }
    }

    fileprivate init(from reader: inout RaftBytesReader) throws(RaftCodingError) {
        let round = try reader.readUInt64()
        let mayHaveForgotten = try reader.readBool()
        let verdict: Verdict
        if try reader.readBool() {
            verdict = .accepted(LogIndex(try reader.readUInt64()))
        } else {
            verdict = .refused(
                previous: try reader.readPosition(), hint: try reader.readPosition())
        }
        self.init(verdict: verdict, round: round, mayHaveForgotten: mayHaveForgotten)
    }
}

extension RaftMessage.SnapshotChunk {
    fileprivate func encode(into bytes: inout RaftBytesWriter) {
        bytes.write(self.position)
        bytes.write(self.membership)
        bytes.write(self.total)
        bytes.write(self.checksum)
        bytes.write(self.offset)
        bytes.write(self.round)
        bytes.write(self.bytes)
    }

    fileprivate init(from reader: inout RaftBytesReader) throws(RaftCodingError) {
        let position = try reader.readPosition()
        let membership = try reader.readMembership()
        let total = try reader.readUInt64()
        let checksum = try reader.readUInt32()
        let offset = try reader.readUInt64()
        let round = try reader.readUInt64()
        self.init(
            position: position, membership: membership, total: total, checksum: checksum,
            offset: offset, bytes: try reader.readBytes(), round: round)
    }
}
