import MessageFormat

// Who belongs to a group: ids, addresses, and forgetting.
extension ControllerState {
    /// The id that the next new broker of a group is to claim.
    package func nextBrokerID(of name: String) -> Int64 { self.groups[name]?.nextBrokerID ?? 1 }

    mutating func applyBrokerID(
        _ claim: ControllerCommand.ApplyBrokerID
    ) throws(ControllerRefusal) {
        try Self.check(claim)
        var group = try self.groupToJoin(claim)
        if let holder = group.brokers[claim.brokerID] {
            // The answer to the first claim was lost.
            if holder.registerCheckCode == claim.checkCode { return }
            try group.makeRoom(for: claim, holder)
        }
        let idMax = claim.isReturning ? ControllerLimits.returningBrokerIDMax : group.nextBrokerID
        guard claim.brokerID <= max(idMax, group.nextBrokerID) else {
            throw .idNotAvailable(claim.brokerID, next: group.nextBrokerID)
        }
        guard group.brokers.count < ControllerLimits.brokersMax,
            claim.brokerID < ControllerLimits.brokerIDMax
        else { throw .tooManyBrokers(max: ControllerLimits.brokersMax) }
        if let founder = group.forgotten, founder.brokerID == claim.brokerID, claim.isReturning {
            group.forgotten?.isReplaced = claim.checkCode != founder.checkCode
        }
        group.brokers[claim.brokerID] = RegisteredBroker(registerCheckCode: claim.checkCode)
        group.nextBrokerID = max(group.nextBrokerID, claim.brokerID + 1)
        self.groups[claim.group] = group
    }

    private static func check(
        _ claim: ControllerCommand.ApplyBrokerID
    ) throws(ControllerRefusal) {
        if let problem = ControllerLimits.problem(withName: claim.group) { throw .badName(problem) }
        if let problem = ControllerLimits.problem(withName: claim.cluster) {
            throw .badName("of the cluster: \(problem)")
        }
        let count = claim.checkCode.utf8.count
        guard count > 0, count <= ControllerLimits.checkCodeBytesMax else {
            throw .badCheckCode(
                "a check code has 1 to \(ControllerLimits.checkCodeBytesMax) bytes, not \(count)")
        }
        guard claim.brokerID >= 1 else { throw .idNotAvailable(claim.brokerID, next: 1) }
    }

    /// An unknown group starts with broker 1, or with whoever had an id of it before the controllers
    /// lost what they knew.
    private func groupToJoin(
        _ claim: ControllerCommand.ApplyBrokerID
    ) throws(ControllerRefusal) -> GroupState {
        if let group = self.groups[claim.group] {
            guard group.cluster == claim.cluster else {
                throw .otherCluster(group: claim.group, cluster: group.cluster)
            }
            return group
        }
        guard claim.brokerID == 1 || claim.isReturning else {
            throw .idNotAvailable(claim.brokerID, next: 1)
        }
        guard self.groups.count < ControllerLimits.groupsMax else {
            throw .tooManyGroups(max: ControllerLimits.groupsMax)
        }
        return GroupState(cluster: claim.cluster)
    }

    mutating func register(
        _ registration: ControllerCommand.RegisterBroker
    ) throws(ControllerRefusal) {
        var group = try self.group(registration.group)
        guard registration.cluster.isEmpty || registration.cluster == group.cluster else {
            throw .otherCluster(group: registration.group, cluster: group.cluster)
        }
        guard var broker = group.brokers[registration.brokerID] else {
            throw .unknownBroker(registration.group, registration.brokerID)
        }
        for address in [registration.address, registration.replicationAddress]
        where !address.isEmpty {
            if let problem = ControllerLimits.problem(withAddress: address) {
                throw .badAddress(problem)
            }
        }
        guard !registration.address.isEmpty else { throw .badAddress("the address is missing") }
        try broker.check(registration.checkCode, of: registration.brokerID)
        broker.address = registration.address
        broker.replicationAddress = registration.replicationAddress
        broker.incarnation = registration.incarnation
        group.brokers[registration.brokerID] = broker
        self.groups[registration.group] = group
    }

    /// Forgets brokers of a group; with no ids named, the whole group.
    mutating func clean(_ cleaning: ControllerCommand.Clean) throws(ControllerRefusal) {
        var group = try self.group(cleaning.group)
        guard cleaning.cluster.isEmpty || cleaning.cluster == group.cluster else {
            throw .otherCluster(group: cleaning.group, cluster: group.cluster)
        }
        let ids = cleaning.brokerIDs.isEmpty ? group.brokers.keys.sorted() : cleaning.brokerIDs
        for id in ids where group.brokers[id] == nil { throw .unknownBroker(cleaning.group, id) }
        let living = Set(ids).intersection(cleaning.living)
        if let id = living.min(), !cleaning.cleansLiving {
            throw .cleanRefused("broker \(id) is alive, and living brokers were not to be cleaned")
        }
        try group.forget(Set(ids))
        self.groups[cleaning.group] = group.brokers.isEmpty ? nil : group
    }
}

extension RegisteredBroker {
    /// Whoever showed the code once must show it from then on; brokers of earlier versions have none.
    fileprivate mutating func check(
        _ code: String?, of id: Int64
    ) throws(ControllerRefusal) {
        guard let code else {
            guard !self.showsCheckCode else { throw .otherCheckCode(id) }
            return
        }
        guard code == self.registerCheckCode else { throw .otherCheckCode(id) }
        self.showsCheckCode = true
    }
}

extension GroupState {
    /// Only a founder whose election was taken back gives up its id: to the broker that had it
    /// before.
    fileprivate mutating func makeRoom(
        for claim: ControllerCommand.ApplyBrokerID, _ holder: RegisteredBroker
    ) throws(ControllerRefusal) {
        guard claim.isReturning else {
            throw .idNotAvailable(claim.brokerID, next: self.nextBrokerID)
        }
        guard let forgotten = self.forgotten, forgotten.brokerID == claim.brokerID,
            !forgotten.isReplaced
        else { throw .idGivenAway(claim.brokerID, address: holder.address) }
        self.brokers[claim.brokerID] = nil
    }

    /// Forgetting the last member of the SyncStateSet while others remain would leave a group that
    /// nobody may lead, so that is refused: elect another by force first.
    fileprivate mutating func forget(_ ids: Set<Int64>) throws(ControllerRefusal) {
        let remaining = self.brokers.keys.filter { !ids.contains($0) }
        let set = self.syncStateSet.filter { !ids.contains($0) }
        guard remaining.isEmpty || !set.isEmpty || self.syncStateSet.isEmpty else {
            throw .cleanRefused(
                "only the brokers to be cleaned hold everything that was acknowledged; elect "
                    + "another master by force before, and know that messages are lost by that")
        }
        for id in ids { self.brokers[id] = nil }
        if set != self.syncStateSet {
            self.syncStateSet = set
            self.syncStateSetEpoch += 1
            self.recovery = nil
        }
        if let master = self.masterBrokerID, ids.contains(master) { self.clearMaster() }
    }

    /// The epoch grows, so that everybody hears of it and the old master is refused everywhere.
    mutating func clearMaster() {
        self.masterBrokerID = nil
        self.masterIncarnation = 0
        self.masterEpoch = Epoch(self.masterEpoch.value + 1)
    }
}
