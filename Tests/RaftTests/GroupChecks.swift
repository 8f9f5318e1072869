@testable import Raft

/// What must always hold in a group (§3.2, figure 3.2), checked from outside as things happen.
struct GroupChecks {
    var problems: [String] = []
    var isMembershipFixed = true
    /// Then some of a majority may have forgotten an entry before it counts as committed.
    var areDisksLost = false
    private var leaders: [Term: NodeID] = [:]
    private var committed: [LogIndex: RaftEntry] = [:]
    private var longestMachine: [UInt8] = []
    /// The highest entry that a client was told is committed.
    private(set) var acknowledged = LogIndex.zero

    var elections: Int { self.leaders.count }
    var commits: Int { self.committed.count }

    /// Election safety, and leader completeness.
    mutating func elected(_ node: RaftNode) {
        let known = self.leaders.updateValue(node.id, forKey: node.term)
        if let known, known != node.id {
            self.problems.append("term \(node.term) has leaders \(known) and \(node.id)")
        }
        for (index, entry) in self.committed where index > node.log.base.index {
            if node.log.term(at: index) != entry.term {
                self.problems.append("leader \(node.id) of term \(node.term) lacks entry \(index)")
            }
        }
    }

    /// State machine safety; and what is committed is on the disks of a majority.
    mutating func committed(
        _ entry: RaftEntry, at name: NodeID, disks: [NodeID: SimulatedDisk],
        _ membership: Membership?
    ) {
        if let known = self.committed[entry.index] {
            guard known != entry else { return }
            return self.problems.append("\(name) applies another entry at \(entry.index)")
        }
        self.committed[entry.index] = entry
        let holders = disks.filter {
            $0.value.holds(entry) || self.areDisksLost && $0.value.hardState.mayHaveForgotten
        }.keys
        // While members come and go the majority may be that of another membership.
        let size = self.isMembershipFixed ? membership?.quorum.size ?? 1 : 1
        if holders.count < size {
            self.problems.append("\(entry.index) is committed and only on \(holders.sorted())")
        }
    }

    mutating func acknowledge(_ index: LogIndex) {
        self.acknowledged = max(self.acknowledged, index)
    }

    /// Every state machine goes through the same states: the last `count` commands are compared,
    /// those before were when they were new.
    mutating func machine(_ commands: [UInt8], of name: NodeID, last count: Int) {
        let common = min(commands.count, self.longestMachine.count)
        let compared = max(0, common - count)..<common
        if commands[compared] != self.longestMachine[compared] {
            self.problems.append("the state machine of \(name) went another way")
        }
        if commands.count > self.longestMachine.count { self.longestMachine = commands }
    }

    /// A read sees what was acknowledged before it was asked.
    mutating func readSees(_ applied: LogIndex, needed: LogIndex, at name: NodeID) {
        if applied < needed {
            self.problems.append("a read at \(name) sees \(applied), \(needed) was acknowledged")
        }
    }

    /// Log matching: an equal index and term means equal logs up to there.
    mutating func logsMatch(_ nodes: [RaftNode]) {
        for (number, one) in nodes.enumerated() {
            for other in nodes[(number + 1)...] { self.match(one, other) }
        }
    }

    private mutating func match(_ one: RaftNode, _ other: RaftNode) {
        let start = max(one.log.base.index, other.log.base.index).next
        let pairs = zip(one.log.entries(from: start), other.log.entries(from: start))
        guard let last = Array(pairs).lastIndex(where: { $0.0.term == $0.1.term }) else { return }
        for (left, right) in pairs.prefix(last + 1) where left != right {
            return self.problems.append(
                "logs of \(one.id) and \(other.id) differ at \(left.index) before a common entry")
        }
    }
}
