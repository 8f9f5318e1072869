import MessageFormat

// Log compaction, and what a follower gets whose missing entries are gone: §5.1, §5.3.

extension RaftNode {
    /// The state machine at `index`, which must have been applied; the log before it may go.
    package mutating func compact(upTo index: LogIndex, snapshot bytes: [UInt8]) {
        precondition(index <= self.applied, "only what was applied is in a snapshot")
        guard index > self.snapshotIndex, let term = self.log.term(at: index) else { return }
        let snapshot = RaftSnapshot(
            position: LogPosition(index: index, term: term),
            membership: self.log.membership(at: index), bytes: bytes)
        self.log.compact(snapshot, keeping: self.settings.entriesKeptBehindSnapshot)
        self.disk.compacted()
    }

    mutating func startSnapshot(for peer: NodeID) {
        guard let snapshot = self.log.snapshot else { return }
        let checksum = snapshot.bytes.withUnsafeBytes { Checksum.crc32c($0) }
        self.send(
            OutgoingSnapshot(snapshot: snapshot, checksum: checksum, sentAt: self.now), to: peer)
    }

    /// One chunk is on its way at a time.
    private mutating func send(_ outgoing: OutgoingSnapshot, to peer: NodeID) {
        var outgoing = outgoing
        outgoing.sentAt = self.now
        let end = min(outgoing.received + self.settings.snapshotChunkBytes, outgoing.total)
        let chunk = RaftMessage.SnapshotChunk(
            position: outgoing.snapshot.position, membership: outgoing.snapshot.membership,
            total: UInt64(outgoing.total), checksum: outgoing.checksum,
            offset: UInt64(outgoing.received),
            bytes: Array(outgoing.snapshot.bytes[outgoing.received..<end]),
            round: self.state.leading?.round ?? 0)
        self.state.leading?.peers[peer]?.mode = .sendingSnapshot(outgoing)
        self.send(.snapshotChunk(chunk), to: peer)
    }

    /// The chunk, or its answer, seems to be lost.
    mutating func resend(_ outgoing: OutgoingSnapshot, to peer: NodeID) {
        let patience = self.settings.heartbeatInterval * 4
        if self.now - outgoing.sentAt >= patience { self.send(outgoing, to: peer) }
    }

    mutating func answered(_ progress: RaftMessage.SnapshotProgress, by peer: NodeID) {
        guard self.heard(peer, round: progress.round),
            case .sendingSnapshot(var outgoing) = self.state.leading?.peers[peer]?.mode,
            outgoing.index == progress.index, progress.received <= UInt64(outgoing.total),
            Int(progress.received) != outgoing.received
        else { return }
        outgoing.received = Int(progress.received)
        self.send(outgoing, to: peer)
    }
}

extension RaftNode {
    mutating func received(_ chunk: RaftMessage.SnapshotChunk, from message: RaftMessage) {
        if self.hasAlready(chunk.position) {
            return self.answer(message.from, .accepted(self.committed), chunk.round)
        }
        guard chunk.total <= UInt64(self.settings.snapshotBytesMax) else {
            return self.refuse(message, "a snapshot of \(chunk.total) bytes is too large")
        }
        guard var following = self.state.following else { return }
        var incoming = following.incoming ?? IncomingSnapshot(chunk)
        if !incoming.isPart(chunk) { incoming = IncomingSnapshot(chunk) }
        incoming.take(chunk)
        following.incoming = incoming.isComplete ? nil : incoming
        self.state = .follower(following)
        guard incoming.isComplete else {
            let progress = RaftMessage.SnapshotProgress(
                index: chunk.position.index, received: UInt64(incoming.bytes.count),
                round: chunk.round)
            return self.send(.answerSnapshotChunk(progress), to: message.from)
        }
        guard incoming.isWhole else {
            return self.refuse(message, "the snapshot at \(chunk.position.index) is damaged")
        }
        self.install(incoming.snapshot)
        self.answer(message.from, .accepted(chunk.position.index), chunk.round)
    }

    /// Whether the log holds everything that the snapshot stands for.
    private mutating func hasAlready(_ position: LogPosition) -> Bool {
        if self.log.term(at: position.index) == position.term {
            self.committed = max(self.committed, position.index)
        }
        return position.index <= self.committed
    }

    private mutating func install(_ snapshot: RaftSnapshot) {
        self.log.install(snapshot)
        self.disk.replacedBySnapshot()
        self.committed = snapshot.position.index
        self.applied = snapshot.position.index
        self.outbox.restoredSnapshot = snapshot
    }
}

/// A snapshot that arrives chunk by chunk. Its size is checked before the first byte is taken.
struct IncomingSnapshot: Sendable {
    private let position: LogPosition
    private let membership: Membership
    private let total: UInt64
    private let checksum: UInt32
    private(set) var bytes: [UInt8] = []

    init(_ chunk: RaftMessage.SnapshotChunk) {
        self.position = chunk.position
        self.membership = chunk.membership
        self.total = chunk.total
        self.checksum = chunk.checksum
    }

    func isPart(_ chunk: RaftMessage.SnapshotChunk) -> Bool {
        chunk.position == self.position && chunk.membership == self.membership
            && chunk.total == self.total && chunk.checksum == self.checksum
    }

    /// A chunk that does not continue what is here adds nothing.
    mutating func take(_ chunk: RaftMessage.SnapshotChunk) {
        guard chunk.offset == UInt64(self.bytes.count),
            chunk.offset + UInt64(chunk.bytes.count) <= self.total
        else { return }
        self.bytes += chunk.bytes
    }

    var isComplete: Bool { UInt64(self.bytes.count) == self.total }
    var isWhole: Bool { self.bytes.withUnsafeBytes { Checksum.crc32c($0) } == self.checksum }
    var snapshot: RaftSnapshot {
        RaftSnapshot(position: self.position, membership: self.membership, bytes: self.bytes)
    }
}
