import MessageFormat

// What tells that the controllers know less of a group than its brokers: all controllers were
// restored from an older copy, or founded the group anew without knowing of it.
extension GroupState {
    /// Views, and what brokers remember of them, are ordered by their two epochs.
    var order: (UInt32, Int32) { (self.masterEpoch.value, self.syncStateSetEpoch) }

    /// Whether a report can only come from a life of the group that these controllers have lost.
    ///
    /// Whom a master wants to add it writes down under the epochs of the set that stands, so that does
    /// not count. A fresh group never had a set of two, so whoever remembers one has lived before.
    package func knowsLess(than report: BrokerReport, of id: Int64) -> Bool {
        guard !self.isUnknown, report.newestEpoch <= ControllerLimits.foreignEpochMax else {
            return false
        }
        if max(report.lastEpoch, report.masterEpoch) > self.masterEpoch { return true }
        guard let memory = report.remembered else { return false }
        if memory.order > self.order { return true }
        return self.isFresh && memory.members.count > 1 && !self.syncStateSet.contains(id)
    }

    /// What a broker remembers of the life that these controllers have lost; nil: nothing, it may be a
    /// newcomer that was given the id of one that is to come.
    func memory(of id: Int64, _ report: BrokerReport) -> RememberedSet? {
        guard let memory = report.remembered, !self.isNew else { return report.remembered }
        if let founder = self.forgotten {
            let isFounder = id == founder.brokerID && !founder.isReplaced
            let isOfFounder = memory.members == [founder.brokerID] && memory.order <= self.order
            return isFounder || isOfFounder ? nil : memory
        }
        let wasMember = !self.isFresh && self.syncStateSet.contains(id)
        return wasMember || self.knowsLess(than: report, of: id) ? memory : nil
    }
}

extension BrokerLiveness {
    /// Brokers that know more of a group than its controllers, ascending. What one remembers counts
    /// also when it has died since.
    package func brokersAhead(of name: String, _ group: GroupState) -> [Int64] {
        self.lives(of: name).filter { id, life in
            guard group.brokers[id] != nil, group.knowsLess(than: life.report, of: id) else {
                return false
            }
            return life.isAlive || life.report.remembered.map { $0.order > group.order } ?? false
        }.keys.sorted()
    }

    /// Whether only the brokers of a group can say who has what was acknowledged.
    package func isForgotten(_ name: String, _ group: GroupState) -> Bool {
        group.isUnknown || !self.brokersAhead(of: name, group).isEmpty
            || self.lacksWinner(name, group)
    }

    /// The founder of a group whose election can be taken back, because it cannot have acknowledged
    /// anything alone: it says that it needs a second one. Reports are old, so how far its log reaches
    /// says nothing.
    package func harmlessFounder(of name: String, _ group: GroupState) -> Int64? {
        guard group.isFresh, group.syncStateSet.count == 1, let founder = group.syncStateSet.first,
            let report = self.lives(of: name)[founder]?.report,
            report.incarnation == group.brokers[founder]?.incarnation,
            let min = report.minInSync, min > 1
        else { return nil }
        return founder
    }
}
