import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

// Groups whose brokers know more than these controllers.
extension ControllerEngine {
    /// An empty broker came first to controllers that had lost their disks, and was elected: nothing
    /// can have been acknowledged since, so those that know of an earlier life have precedence.
    mutating func forgetsFounder(of name: String, _ group: GroupState) -> Bool {
        guard !self.liveness.brokersAhead(of: name, group).isEmpty,
            let founder = self.liveness.harmlessFounder(of: name, group)
        else { return false }
        let command = ControllerCommand.forgetFounder(
            .init(group: name, masterEpoch: group.masterEpoch, brokerID: founder))
        if case .success(let proposed) = self.raft.propose(command.encoded, at: self.now.tick) {
            self.duty.electing[name] = proposed.index
        }
        return true
    }

    mutating func tellOfBrokersAhead(of name: String, _ group: GroupState) {
        let ahead = self.liveness.brokersAhead(of: name, group)
        let known = self.duty.ahead.updateValue(ahead, forKey: name) ?? []
        for id in ahead where !known.contains(id) {
            guard let life = self.liveness.lives(of: name)[id] else { continue }
            self.report(
                .epochConflict(
                    group: name, brokerID: id, epoch: life.report.newestEpoch,
                    newest: group.masterEpoch))
        }
    }
}

// What tools are told of them.
extension ControllerEngine {
    func recollecting(_ name: String, _ group: GroupState) -> ForgottenGroup? {
        guard !self.goesOn(name, group), self.liveness.isForgotten(name, group) else { return nil }
        switch self.liveness.recollection(of: name, group) {
        case .nothing where group.isNew: return nil
        // The election is under way, or none of them has kept its log.
        case .nothing, .complete: return ForgottenGroup(waitingFor: [], members: [])
        case .unvouched(let ids):
            return ForgottenGroup(waitingFor: [], members: [], unvouched: ids)
        case .waiting(let missing, let newest, let replaced):
            return ForgottenGroup(
                waitingFor: missing, members: newest.members, replaced: replaced,
                masterEpoch: newest.masterEpoch, syncStateSetEpoch: newest.syncStateSetEpoch)
        case .lost(let ids, let set, let unheard):
            return ForgottenGroup(
                waitingFor: unheard, members: set.members, lost: ids,
                masterEpoch: set.masterEpoch, syncStateSetEpoch: set.syncStateSetEpoch)
        }
    }

    func conflicts(_ name: String, _ group: GroupState) -> [EpochConflict] {
        guard self.goesOn(name, group) else { return [] }
        let isHarmless = self.liveness.harmlessFounder(of: name, group) != nil
        return self.liveness.brokersAhead(of: name, group).map { id in
            let life = self.liveness.lives(of: name)[id]
            return EpochConflict(
                brokerID: id, brokerAddress: group.brokers[id]?.address ?? "",
                epoch: life?.report.newestEpoch ?? Epoch(0), groupEpoch: group.masterEpoch,
                masterHasMore: !isHarmless)
        }
    }

    /// Whether the group has a master that is not to be replaced by what others say: it lives, or it
    /// alone may have acknowledged something.
    private func goesOn(_ name: String, _ group: GroupState) -> Bool {
        if case .alive = self.liveness.master(of: name, group, at: self.now.tick) { return true }
        return group.isFresh
    }
}
