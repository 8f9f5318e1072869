import MessageFormat

// Indexes and terms tell entries apart within one group. When disks are lost a group may be founded
// anew, by members that know nothing of the first one, and both count from 1: a member of the one
// would take entries of the other for its own. So each founding is drawn at random, by the first
// leader; members learn it from a leader with their first entries, keep it, and ignore, with a
// reason, what comes from members of another one.
extension RaftNode {
    /// The first leader names the group.
    mutating func found() {
        while self.founding == 0 { self.founding = self.jitter.next() }
    }

    /// What it tells others: an unsettled member that does not lead stands for nothing yet.
    var toldFounding: UInt64 {
        self.mayHaveForgotten && !self.isLeader ? 0 : self.founding
    }

    /// A founding of which nothing is known to be committed may have come to nothing.
    private var isBound: Bool {
        self.founding != 0 && (!self.mayHaveForgotten || self.committed > .zero)
    }

    func mayBelong(to founding: UInt64) -> Bool {
        founding == 0 || founding == self.founding || !self.isBound
    }

    /// A leader speaks for this group. What the member holds of another one goes.
    mutating func join(_ founding: UInt64) {
        guard founding != 0, founding != self.founding else { return }
        if self.founding != 0, self.lastIndex > self.log.base.index {
            self.log.truncate(from: self.log.base.index.next)
            self.disk.truncated(from: self.log.base.index.next)
        }
        self.founding = founding
    }
}
