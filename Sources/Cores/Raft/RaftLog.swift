import DequeModule

/// The entries in memory, and the snapshot that stands for what is before them.
///
/// Invariant: entries have consecutive indexes from `base.index.next` on, and terms never fall.
/// `base` may lie before the snapshot: a few entries stay for followers that lag a little.
struct RaftLog: Sendable {
    private(set) var snapshot: RaftSnapshot?
    /// What comes before the first entry.
    private(set) var base: LogPosition
    private var entries: Deque<RaftEntry>
    /// Where each membership begins; the last one is in force.
    private var memberships: [(start: LogIndex, membership: Membership)]

    init(snapshot: RaftSnapshot?, entries: [RaftEntry], firstMembership: Membership) {
        self.snapshot = snapshot
        self.base = snapshot?.position ?? .start
        self.entries = []
        self.memberships = [(self.base.index, snapshot?.membership ?? firstMembership)]
        for entry in entries { self.append(entry) }
    }

    var last: LogPosition { self.entries.last?.position ?? self.base }

    /// In force from its entry on, committed or not.
    var membership: Membership { self.memberships[self.memberships.count - 1].membership }
    /// The entry that made it so.
    var membershipIndex: LogIndex { self.memberships[self.memberships.count - 1].start }

    /// Nil for what is not in memory.
    func term(at index: LogIndex) -> Term? {
        if index == self.base.index { return self.base.term }
        return self.entry(at: index)?.term
    }

    /// Entries from `start` on, at least one if there is one, up to about `bytesMax`.
    func entries(from start: LogIndex, bytesMax: Int = .max) -> [RaftEntry] {
        guard start > self.base.index else { return [] }
        var taken: [RaftEntry] = []
        var bytes = 0
        for entry in self.entries.dropFirst(start.distance(from: self.base.index) - 1) {
            bytes += entry.cost
            if bytes > bytesMax && !taken.isEmpty { break }
            taken.append(entry)
        }
        return taken
    }

    func entries(in range: ClosedRange<LogIndex>) -> [RaftEntry] {
        let skipped = range.lowerBound.previous.distance(from: self.base.index)
        let count = range.upperBound.distance(from: range.lowerBound) + 1
        return Array(self.entries.dropFirst(skipped).prefix(count))
    }

    func commandBytes(in range: ClosedRange<LogIndex>, of term: Term) -> Int {
        self.entries(in: range).reduce(0) { sum, entry in
            guard entry.term == term, case .command(let bytes) = entry.content else { return sum }
            return sum + bytes.count
        }
    }

    /// The last position not behind `index` whose term is not above `term`: where two logs that
    /// differ at `index` may still agree.
    func lastPosition(upTo index: LogIndex, termMax term: Term) -> LogPosition {
        var index = min(index, self.last.index)
        while let entry = self.entry(at: index) {
            if entry.term <= term { return entry.position }
            index = index.previous
        }
        return self.base
    }

    private func entry(at index: LogIndex) -> RaftEntry? {
        guard index > self.base.index, index <= self.last.index else { return nil }
        return self.entries[index.distance(from: self.base.index) - 1]
    }
}

extension RaftLog {
    mutating func append(_ entry: RaftEntry) {
        precondition(
            entry.index == self.last.index.next && entry.term >= self.last.term,
            "entry \(entry.index) of term \(entry.term) does not continue the log")
        self.entries.append(entry)
        if case .membership(let membership) = entry.content {
            self.memberships.append((entry.index, membership))
        }
    }

    /// Drops the entry at `index` and all behind it.
    mutating func truncate(from index: LogIndex) {
        precondition(index > self.base.index, "what is before the first entry is committed")
        let kept = index.distance(from: self.base.index) - 1
        self.entries.removeLast(max(0, self.entries.count - kept))
        while self.memberships.count > 1, self.membershipIndex >= index {
            self.memberships.removeLast()
        }
    }

    /// A snapshot of this member's own state; the newest `kept` entries before it stay.
    mutating func compact(_ snapshot: RaftSnapshot, keeping kept: Int) {
        self.snapshot = snapshot
        let surplus = snapshot.position.index.distance(from: self.base.index) - kept
        guard surplus > 0 else { return }
        self.base = self.entries[surplus - 1].position
        self.entries.removeFirst(surplus)
        while self.memberships.count > 1, self.memberships[1].start <= self.base.index {
            self.memberships.removeFirst()
        }
    }

    /// A leader's snapshot takes the place of everything.
    mutating func install(_ snapshot: RaftSnapshot) {
        self.snapshot = snapshot
        self.base = snapshot.position
        self.entries.removeAll()
        self.memberships = [(snapshot.position.index, snapshot.membership)]
    }

    /// The membership that was in force at `index`.
    func membership(at index: LogIndex) -> Membership {
        let known = self.memberships.last { $0.start <= index } ?? self.memberships[0]
        return known.membership
    }
}
