import MessageFormat

extension ControllerState {
    /// The master's wish for another SyncStateSet, checked in the order of RocketMQ's controllers.
    ///
    /// Unlike there it may be the set that stands: a master that lost an answer asks for it, so that
    /// whatever of its older wishes is still on its way comes too late.
    mutating func alter(
        _ wish: ControllerCommand.AlterSyncStateSet
    ) throws(ControllerRefusal) {
        var group = try self.group(wish.group)
        let wanted = Set(wish.syncStateSet).sorted()
        try group.check(wish, wanted)
        group.syncStateSet = wanted
        group.syncStateSetEpoch += 1
        if wanted.count > 1 { group.isFresh = false }
        group.recovery = nil
        self.groups[wish.group] = group
    }
}

extension GroupState {
    fileprivate func check(
        _ wish: ControllerCommand.AlterSyncStateSet, _ wanted: [Int64]
    ) throws(ControllerRefusal) {
        guard wish.masterBrokerID == self.masterBrokerID else {
            throw .notMaster(claimed: wish.masterBrokerID, master: self.masterBrokerID)
        }
        guard wish.masterEpoch == self.masterEpoch else {
            throw .staleMasterEpoch(claimed: wish.masterEpoch, current: self.masterEpoch)
        }
        guard wish.syncStateSetEpoch == self.syncStateSetEpoch else {
            throw .staleSyncStateSetEpoch(
                claimed: wish.syncStateSetEpoch, current: self.syncStateSetEpoch)
        }
        for id in wanted where self.brokers[id] == nil { throw .notRegistered(id) }
        // A member that died may stay: a master that needs two copies keeps the set at two.
        for id in wanted where wish.dead.contains(id) && !self.syncStateSet.contains(id) {
            throw .notAlive(id)
        }
        guard wanted.contains(wish.masterBrokerID) else {
            throw .masterMissing(wish.masterBrokerID)
        }
        guard self.syncStateSetEpoch < .max else { throw .epochsExhausted }
    }
}
