import MessageFormat

extension ControllerState {
    /// Takes back the first election of a group: it had an earlier life, of which others know. Only
    /// while nobody can have acknowledged anything with the founder.
    mutating func forget(
        _ founder: ControllerCommand.ForgetFounder
    ) throws(ControllerRefusal) {
        var group = try self.group(founder.group)
        guard founder.masterEpoch == group.masterEpoch else {
            throw .staleMasterEpoch(claimed: founder.masterEpoch, current: group.masterEpoch)
        }
        guard group.isFresh, group.forgotten == nil, group.syncStateSet == [founder.brokerID]
        else { throw .notFounder(founder.brokerID) }
        guard group.masterEpoch < ControllerLimits.epochMax, group.syncStateSetEpoch < .max else {
            throw .epochsExhausted
        }
        group.clearMaster()
        group.syncStateSet = []
        group.syncStateSetEpoch += 1
        group.confirmed = .zero
        group.cleanSince = group.masterEpoch
        group.isFresh = false
        group.forgotten = ForgottenFounder(
            brokerID: founder.brokerID,
            checkCode: group.brokers[founder.brokerID]?.registerCheckCode ?? "")
        self.groups[founder.group] = group
    }
}
