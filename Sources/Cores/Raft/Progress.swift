import DequeModule
import MessageFormat

/// What a leader knows of one peer's log, and what is on its way there.
///
/// Invariant: `matched < next`.
struct Progress: Sendable {
    enum Mode: Sendable {
        /// Where the logs agree is being found out, one message at a time.
        case probing(isAnswerDue: Bool)
        /// The logs agree up to `next`; these last indexes of messages are not yet acknowledged.
        case streaming(inFlight: Deque<LogIndex>)
        /// What the peer lacks is in the log no more.
        case sendingSnapshot(OutgoingSnapshot)
    }

    private(set) var matched = LogIndex.zero
    private(set) var next: LogIndex
    var mode = Mode.probing(isAnswerDue: false)
    var heardAt: Tick
    /// The newest of the leader's rounds that the peer has answered.
    var round: UInt64 = 0
    /// Whether the peer has caught up since it started with an empty disk, as far as it has told.
    var mayHaveForgotten = true

    init(next: LogIndex, at now: Tick) {
        self.next = next
        self.heardAt = now
    }

    func maySendEntries(inFlightMax: Int) -> Bool {
        switch self.mode {
        case .probing(let isAnswerDue): !isAnswerDue
        case .streaming(let inFlight): inFlight.count < inFlightMax
        case .sendingSnapshot: false
        }
    }

    /// Entries up to `last` are on their way.
    mutating func sent(upTo last: LogIndex) {
        switch self.mode {
        case .probing: self.mode = .probing(isAnswerDue: true)
        case .streaming(var inFlight):
            guard last >= self.next else { return }
            self.next = last.next
            inFlight.append(last)
            self.mode = .streaming(inFlight: inFlight)
        case .sendingSnapshot: break
        }
    }

    /// The peer has the leader's log up to `index` on its disk.
    mutating func accepted(upTo index: LogIndex) {
        self.matched = max(self.matched, index)
        switch self.mode {
        case .streaming(var inFlight):
            while let first = inFlight.first, first <= self.matched { inFlight.removeFirst() }
            self.mode = .streaming(inFlight: inFlight)
        case .probing where index >= self.next.previous:
            self.mode = .streaming(inFlight: [])
        case .sendingSnapshot(let snapshot) where index >= snapshot.index:
            self.mode = .streaming(inFlight: [])
        case .probing, .sendingSnapshot: break
        }
        self.next = max(self.next, self.matched.next)
    }

    /// The peer does not have what comes before `next`; the logs may agree up to `index`. A peer
    /// whose log is shorter than it once said counts with what it has now.
    mutating func refused(agreeingUpTo index: LogIndex) {
        self.matched = min(self.matched, index)
        self.next = index.next
        self.mode = .probing(isAnswerDue: false)
    }

    /// What was on its way may be lost.
    mutating func lost() {
        guard case .streaming = self.mode else { return }
        self.next = self.matched.next
        self.mode = .probing(isAnswerDue: false)
    }
}

/// A snapshot on its way to one peer, chunk by chunk.
struct OutgoingSnapshot: Sendable {
    let snapshot: RaftSnapshot
    let checksum: UInt32
    /// What the peer has of it.
    var received = 0
    var sentAt: Tick

    var index: LogIndex { self.snapshot.position.index }
    var total: Int { self.snapshot.bytes.count }
}
