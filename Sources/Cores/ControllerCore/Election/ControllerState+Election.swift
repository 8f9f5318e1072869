import MessageFormat

extension ControllerState {
    /// Compare-and-set on the master's epoch: whoever proposed this knew the newest election.
    mutating func elect(_ election: ControllerCommand.Elect) throws(ControllerRefusal) {
        var group = try self.group(election.group)
        guard election.masterEpoch == group.masterEpoch else {
            throw .staleMasterEpoch(claimed: election.masterEpoch, current: group.masterEpoch)
        }
        let decision = try MasterElection.decide(
            group, cause: election.cause, candidates: election.candidates,
            livingMaster: election.livingMaster)
        switch decision {
        case .clear: group.clearMaster()
        case .elect(let winner, let set, let epoch):
            group.isFresh = group.isFounding(election.cause, winner, set)
            group.crown(winner, set, epoch, election.cause)
        }
        self.groups[election.group] = group
    }
}

extension GroupState {
    /// The first election of a broker that has nothing, or the next one of the same.
    fileprivate func isFounding(
        _ cause: ElectionCause, _ winner: ElectionCandidate, _ set: [Int64]
    ) -> Bool {
        if self.isNew {
            return !cause.isRecovered && winner.lastEpoch == Epoch(0)
                && set == [winner.brokerID]
        }
        return self.isFresh && self.syncStateSet == set && winner.isIntact
    }

    fileprivate mutating func crown(
        _ winner: ElectionCandidate, _ set: [Int64], _ epoch: Epoch, _ cause: ElectionCause
    ) {
        if cause.isRecovered || !self.syncStateSet.contains(winner.brokerID) || !winner.isIntact {
            // Unclean or first: what was confirmed before says nothing about this log. Only after
            // the controllers' loss a first winner has others beside it: they may follow it once
            // they have all that it had.
            self.confirmed = set.count > 1 ? winner.maxOffset : .zero
            self.cleanSince = epoch
        }
        self.masterBrokerID = winner.brokerID
        self.masterIncarnation = winner.incarnation
        self.brokers[winner.brokerID]?.incarnation = winner.incarnation
        self.masterEpoch = epoch
        self.syncStateSet = set
        self.syncStateSetEpoch += 1
        self.forgotten = nil
        self.recovery = set.count > 1 ? cause.basis : nil
    }
}
