import MessageFormat

/// How far one replica has come in the current epoch, as its master knows.
struct ReplicaProgress: Sendable {
    /// End of what it keeps; nil until it has said so in this epoch.
    private(set) var kept: PhysicalOffset?
    /// Since when it has been connected without a break.
    private(set) var connectedSince: Tick?
    var isConnected: Bool { self.connectedSince != nil }
    /// When it was connected last, or when the epoch began.
    private var leftAt: Tick
    /// It has once been connected in this epoch.
    private var hasBeenHere = false
    /// When it last had everything that the master's log held at some moment.
    private var caughtUpAt: Tick
    /// That moment comes when it has reached this end.
    private var mark: (at: Tick, end: PhysicalOffset)

    init(at now: Tick, end: PhysicalOffset) {
        self.leftAt = now
        self.caughtUpAt = now
        self.mark = (now, end)
    }

    /// What it kept when it was here before says nothing: it may have come with less.
    mutating func connected(at now: Tick, end: PhysicalOffset) {
        self.kept = nil
        self.connectedSince = now
        self.hasBeenHere = true
        self.caughtUpAt = now
        self.mark = (now, end)
    }

    mutating func disconnected(at now: Tick) {
        self.connectedSince = nil
        self.leftAt = now
    }

    /// It keeps everything before `end`; the master's own log ends at `masterEnd`.
    mutating func acknowledged(_ end: PhysicalOffset, masterEnd: PhysicalOffset, at now: Tick) {
        self.kept = max(self.kept ?? end, end)
        guard end >= self.mark.end else { return }
        self.caughtUpAt = max(self.caughtUpAt, self.mark.at)
        self.mark = (now, masterEnd)
        if end >= masterEnd { self.caughtUpAt = now }
    }

    /// Whether the master may still count on it.
    func isInStep(at now: Tick, _ policy: MasterReplication.Policy) -> Bool {
        guard self.isConnected else {
            let grace = self.hasBeenHere ? policy.closedGrace : policy.arrivalGrace
            return now - self.leftAt <= grace
        }
        return now - self.caughtUpAt <= policy.lagGrace
    }
}
