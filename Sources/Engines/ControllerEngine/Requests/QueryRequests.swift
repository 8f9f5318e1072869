import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

// Questions about groups and about the controllers themselves.
extension ControllerEngine {
    /// Code 1005, on every controller.
    var metadata: Answer {
        let metadata = ControllerMetadata(
            group: self.settings.groupName, leaderID: self.raft.leader?.value ?? "",
            leaderAddress: self.leaderAddress, isLeader: self.isLeader, peers: self.peers,
            mayHaveForgotten: self.raft.mayHaveForgotten)
        return Answer(fields: metadata.fields)
    }

    /// Code 1010, on every controller.
    var configuration: Answer {
        let text = PropertiesText(pairs: [
            ("controllerSelfId", self.settings.id.value),
            ("controllerPeers", self.peers.map { "\($0.id)-\($0.address)" }.joined(separator: ";")),
            ("group", self.settings.groupName),
            ("learners", self.raft.membership.learners.map(\.value).joined(separator: ";")),
            ("raftTerm", "\(self.raft.term)"),
            ("raftLastIndex", "\(self.raft.lastIndex)"),
            ("raftCommitted", "\(self.raft.committed)"),
            ("raftSnapshot", "\(self.raft.snapshotIndex)"),
        ])
        return Answer(body: text.encoded)
    }

    /// Code 1004.
    mutating func replicaInfo(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try GetReplicaInfo(command)
        }
        try self.ask(.replicaInfo(group: sent.brokerName), for: request)
    }

    /// Code 1006. Without names: all groups.
    mutating func syncStateData(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsedBody(as: SyncStateDataRequest.self)
        guard sent.brokerNames.count <= ControllerLimits.groupsMax else {
            throw .invalid("at most \(ControllerLimits.groupsMax) groups can be asked for")
        }
        try self.ask(.syncStateData(groups: sent.brokerNames), for: request)
    }

    mutating func answer(to question: Question) throws(RequestFailure) -> Answer {
        switch question {
        case .drain(let key): return try self.grantDrain(of: key)
        case .nextBrokerID(let cluster, let name): return try self.nextID(cluster, name)
        case .refusal(let command, let kind):
            var trial = self.state
            let outcome = trial.apply(command)
            guard outcome != .accepted else { throw .busy("the state has just changed: ask again") }
            return self.answer(to: kind, outcome)
        case .replicaInfo(let name):
            guard let group = self.state.groups[name] else {
                return Answer(
                    .controllerBrokerMetadataNotExist,
                    ControllerRefusal.unknownGroup(name).description)
            }
            return Answer(group.view)
        case .syncStateData(let names):
            let asked = names.isEmpty ? Set(self.state.groups.keys) : Set(names)
            let groups = self.state.groups.filter { asked.contains($0.key) }
            let data = SyncStateData(
                groups: Dictionary(
                    uniqueKeysWithValues: groups.map { ($0.key, self.replicas($0.key, $0.value)) }))
            return Answer(body: data.encoded)
        }
    }

    private func nextID(_ cluster: String, _ name: String) throws(RequestFailure) -> Answer {
        if let group = self.state.groups[name], !cluster.isEmpty, group.cluster != cluster {
            throw .refused(.otherCluster(group: name, cluster: group.cluster))
        }
        let answer = NextBrokerIDAnswer(
            clusterName: cluster, brokerName: name,
            nextBrokerID: self.state.nextBrokerID(of: name))
        return Answer(fields: answer.fields)
    }

    private func replicas(_ name: String, _ group: GroupState) -> GroupReplicas {
        let states = group.brokers.keys.sorted().map { self.replica($0, name, group) }
        return GroupReplicas(
            masterBrokerID: group.masterBrokerID, masterAddress: group.master?.address ?? "",
            masterEpoch: group.masterEpoch, syncStateSetEpoch: group.syncStateSetEpoch,
            inSync: states.filter { group.syncStateSet.contains($0.brokerID) },
            notInSync: states.filter { !group.syncStateSet.contains($0.brokerID) },
            recollecting: self.recollecting(name, group), conflicts: self.conflicts(name, group))
    }

    private func replica(_ id: Int64, _ name: String, _ group: GroupState) -> ReplicaState {
        let life = self.liveness.life(of: BrokerKey(group: name, brokerID: id))
        return ReplicaState(
            brokerName: name, brokerID: id, brokerAddress: group.brokers[id]?.address ?? "",
            isAlive: life?.isAlive ?? false,
            report: life.map {
                ReplicaState.Report(
                    role: $0.report.role.rawValue, lastEpoch: $0.report.lastEpoch,
                    maxOffset: $0.report.maxOffset, confirmOffset: $0.report.confirmOffset,
                    ageMilliseconds: (self.now.tick - $0.heardAt).wholeMilliseconds,
                    isDrained: $0.report.priority == .max)
            })
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
