import MessageFormat
package import RemotingProtocol

/// What a broker keeps on disk of who may hold what was acknowledged, for the day on which the
/// controllers lose their disks. Decides what is to be written; whoever holds it writes.
///
/// What views say is written down behind them: until then the disk names an older set, which is to
/// be heard as a whole, too. But before a broker from outside is proposed, the disk names it.
package struct SetMemory<Waiter> {
    package private(set) var current: RememberedSyncStateSet?
    /// The newest set that the controllers have committed.
    private var committed: [Int64] = []
    private var written: RememberedSyncStateSet?
    private var writing: RememberedSyncStateSet?
    private var waiting: [(wanted: RememberedSyncStateSet, waiter: Waiter)] = []

    package init(written: RememberedSyncStateSet?) {
        self.written = written
        self.current = written
    }

    /// The controllers have committed a set.
    package mutating func heard(_ view: GroupView, by brokerID: Int64) {
        guard view.masterEpoch > Epoch(0), !view.syncStateSet.isEmpty else { return }
        let heard = RememberedSyncStateSet(
            masterEpoch: view.masterEpoch, syncStateSetEpoch: view.syncStateSetEpoch,
            members: view.syncStateSet)
        if let current = self.current {
            // Controllers that lost their memory may have made an empty broker master.
            let isEarlierLife = view.isFresh && !view.syncStateSet.contains(brokerID)
            guard heard.order > current.order, !isEarlierLife else { return }
        }
        self.committed = view.syncStateSet
        self.current = heard
    }

    /// True: the disk names all of them beside the known set. False: no set is known. Nil: `waiter`
    /// hears it from `wrote`. Who only leaves needs no writing: a set that is too large is only heard
    /// more carefully.
    package mutating func add(_ proposal: [Int64], waiter: Waiter) -> Bool? {
        if Set(self.committed).isSuperset(of: proposal) { return true }
        guard var wanted = self.current else { return false }
        wanted.members = Set(wanted.members).union(proposal).sorted()
        self.current = wanted
        if wanted == self.written, self.writing == nil { return true }
        self.waiting.append((wanted, waiter))
        return nil
    }

    /// What is to be written now, if anything; `wrote` must follow.
    package mutating func nextWrite() -> RememberedSyncStateSet? {
        guard self.writing == nil, let current = self.current, current != self.written else {
            return nil
        }
        self.writing = current
        return current
    }

    /// Who waited, each with whether the disk names what it wanted. Whoever waits for a set that a
    /// newer view has replaced has proposed too late anyway.
    package mutating func wrote(_ isWritten: Bool) -> [(waiter: Waiter, isWritten: Bool)] {
        if isWritten { self.written = self.writing }
        self.writing = nil
        if isWritten, self.current != self.written { return [] }
        let waiting = self.waiting
        self.waiting = []
        return waiting.map { ($0.waiter, isWritten && $0.wanted == self.written) }
    }
}

extension RememberedSyncStateSet {
    fileprivate var order: (UInt32, Int32) { (self.masterEpoch.value, self.syncStateSetEpoch) }
}
