import ControllerCore
import MessageFormat
import RemotingProtocol

// Elections that are asked for, and forgetting brokers.
extension ControllerEngine {
    /// Code 1002.
    mutating func electMaster(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try ElectMaster(command)
        }
        guard let group = self.state.groups[sent.brokerName] else {
            throw .refused(.unknownGroup(sent.brokerName))
        }
        guard sent.clusterName.isEmpty || sent.clusterName == group.cluster else {
            throw .refused(.otherCluster(group: sent.brokerName, cluster: group.cluster))
        }
        let life = self.liveness.master(of: sent.brokerName, group, at: self.now.tick)
        let isAlive = if case .alive = life { true } else { false }
        let (cause, candidates) =
            self.liveness.isForgotten(sent.brokerName, group) && !isAlive
            ? try self.firstBallot(sent, group)
            : (
                try self.cause(sent, life),
                self.liveness.candidates(of: sent.brokerName, group)
            )
        let election = ControllerCommand.Elect(
            group: sent.brokerName, masterEpoch: group.masterEpoch, cause: cause,
            candidates: candidates, livingMaster: self.livingMaster(life, group))
        try self.propose(
            .elect(election), for: request,
            .elect(group: sent.brokerName, hasBroker: sent.brokerID != nil))
    }

    /// An operator who forces an election vouches for the brokers that live, or for the one named.
    private func firstBallot(
        _ sent: ElectMaster, _ group: GroupState
    ) throws(RequestFailure) -> (ElectionCause, [ElectionCandidate]) {
        guard !sent.handover else {
            throw .refused(.notMaster(claimed: sent.brokerID ?? 0, master: nil))
        }
        if sent.force {
            let living = self.liveness.candidates(of: sent.brokerName, group)
            let vouched = living.filter { self.mayBeForced($0.brokerID, by: sent, group) }.map {
                candidate in
                var candidate = candidate
                candidate.isIntact = true
                return candidate
            }
            return (self.liveness.recovery(of: sent.brokerName, group), vouched)
        }
        if sent.designateElect, sent.brokerID == nil { throw .missingBrokerID }
        do throws(ControllerRefusal) {
            let (cause, candidates) = try self.firstBallot(of: sent.brokerName, group)
            guard sent.designateElect, let id = sent.brokerID else { return (cause, candidates) }
            guard case .masterLost = cause else {
                throw .nobodyElectable("which broker has the most is found out at first")
            }
            return (.designated(id), candidates)
        } catch {
            throw .refused(error)
        }
    }

    /// A founder that was set aside has nothing of the group's earlier life: only by its name.
    private func mayBeForced(_ id: Int64, by sent: ElectMaster, _ group: GroupState) -> Bool {
        if let wanted = sent.brokerID { return id == wanted }
        return group.forgotten.map { $0.isReplaced || $0.brokerID != id } ?? true
    }

    private func cause(
        _ sent: ElectMaster, _ life: MasterLife
    ) throws(RequestFailure) -> ElectionCause {
        if sent.force { return .forced(sent.brokerID) }
        if sent.handover || sent.designateElect {
            guard let id = sent.brokerID else { throw .missingBrokerID }
            return sent.handover ? .handover(from: id) : .designated(id)
        }
        return .masterLost(isGone: life == .gone)
    }

    /// Whom nobody has heard of yet counts as alive: an operator can ask again.
    private func livingMaster(_ life: MasterLife, _ group: GroupState) -> Int64? {
        switch life {
        case .alive(let id): id
        case .unknown where self.isNewToOffice: group.masterBrokerID
        case .unknown, .dead, .gone: nil
        }
    }

    /// Code 1011.
    mutating func cleanBrokerData(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try CleanBrokerData(command)
        }
        guard sent.isCleanLivingBroker || !self.isNewToOffice(plus: Self.cleaningCaution) else {
            throw .refused(
                .cleanRefused(
                    "this controller leads since a moment and may not have heard every broker yet; "
                        + "ask again in some seconds"))
        }
        guard sent.isCleanLivingBroker || !self.isDeaf else {
            throw .refused(
                .cleanRefused(
                    "this controller hears no broker at all, so it cannot tell who is dead: start "
                        + "one of them; to forget a whole group, say that living brokers are to be "
                        + "cleaned, too"))
        }
        let living = self.liveness.lives(of: sent.brokerName).filter { $0.value.isAlive }
        try self.checkRest(of: sent, living: Set(living.keys))
        let cleaning = ControllerCommand.Clean(
            group: sent.brokerName, cluster: sent.clusterName, brokerIDs: sent.brokerIDs,
            living: living.keys.sorted(), cleansLiving: sent.isCleanLivingBroker)
        try self.propose(.clean(cleaning), for: request, .clean)
    }

    /// The members that are left may have lost their disks without anybody knowing. With the whole
    /// group forgotten nothing is pretended.
    private func checkRest(
        of sent: CleanBrokerData, living: Set<Int64>
    ) throws(RequestFailure) {
        guard let group = self.state.groups[sent.brokerName], !sent.brokerIDs.isEmpty else {
            return
        }
        let (set, ids) = (Set(group.syncStateSet), Set(sent.brokerIDs))
        let rest = set.subtracting(ids)
        guard !set.isDisjoint(with: ids), !rest.isEmpty, rest.isDisjoint(with: living) else {
            return
        }
        throw .refused(
            .cleanRefused(
                "of the brokers that hold everything that was acknowledged only dead ones would "
                    + "remain, \(Self.list(rest.sorted())): start one of them before"))
    }

    /// Beyond the timeout of heartbeats: connections of brokers take a moment.
    private static let cleaningCaution = Duration.seconds(2)

    /// The answer to a write that was applied.
    func answer(to kind: WriteKind, _ outcome: ControllerOutcome) -> Answer {
        switch outcome {
        case .accepted: self.success(of: kind)
        case .refused(let refusal): self.refusal(refusal, of: kind)
        }
    }

    private func success(of kind: WriteKind) -> Answer {
        switch kind {
        case .view(let name), .alter(let name):
            guard let view = self.state.groups[name]?.view else { return Answer() }
            var answer = Answer(view)
            answer.fields.append(
                HeaderField(name: "newSyncStateSetEpoch", value: "\(view.syncStateSetEpoch)"))
            answer.fields.append(HeaderField(name: "brokerName", value: name))
            answer.fields.append(
                HeaderField(name: "clusterName", value: self.state.groups[name]?.cluster ?? ""))
            return answer
        case .elect(let name, _):
            guard let group = self.state.groups[name] else { return Answer() }
            return Answer(fields: group.view.fields, body: group.electBody(named: name))
        case .claim(let cluster, let name):
            return Answer(fields: [
                HeaderField(name: "brokerName", value: name),
                HeaderField(name: "clusterName", value: cluster),
            ])
        case .clean, .done, .controllerRemoved: return Answer()
        }
    }

    /// A refusal shows the state that it is based on, so that whoever asked can catch up at once.
    private func refusal(_ refusal: ControllerRefusal, of kind: WriteKind) -> Answer {
        var answer = Answer(self.code(of: refusal, in: kind), refusal.description)
        switch kind {
        case .view(let name), .alter(let name):
            if let view = self.state.groups[name]?.view {
                answer.fields = view.fields
                answer.body = view.body
            }
        case .elect(let name, _):
            if let group = self.state.groups[name] {
                answer.fields = group.view.fields
                answer.body = group.electBody(named: name)
            }
        case .claim, .clean, .done, .controllerRemoved: break
        }
        return answer
    }

    /// One refusal has different codes in different requests.
    private func code(of refusal: ControllerRefusal, in kind: WriteKind) -> ResponseCode {
        switch (kind, refusal) {
        case (.alter, .unknownGroup): .controllerAlterSyncStateSetFailed
        case (.clean, _): .controllerInvalidCleanBrokerMetadata
        case (.elect(_, hasBroker: false), .nobodyElectable): .controllerMasterNotAvailable
        case (.claim, .otherCluster): .controllerBrokerIDInvalid
        default: refusal.code
        }
    }
}
