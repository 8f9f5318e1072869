import ControllerCore
import MessageFormat
import RemotingProtocol

extension GroupState {
    /// What brokers are told.
    var view: GroupView {
        GroupView(
            masterBrokerID: self.masterBrokerID, masterAddress: self.master?.address ?? "",
            masterReplicationAddress: self.master?.replicationAddress ?? "",
            masterEpoch: self.masterEpoch, masterIncarnation: self.masterIncarnation,
            syncStateSet: self.syncStateSet, syncStateSetEpoch: self.syncStateSetEpoch,
            isFresh: self.isFresh)
    }

    /// The body of an election's answer.
    func electBody(named name: String) -> [UInt8] {
        let members = BrokerMemberGroup(
            cluster: self.cluster, brokerName: name,
            addresses: self.brokers.mapValues(\.address))
        return ElectMasterBody(
            members: members, syncStateSet: self.syncStateSet,
            syncStateSetEpoch: self.syncStateSetEpoch
        ).encoded
    }
}

extension BrokerReport {
    init(_ heartbeat: BrokerHeartbeat) {
        let role: Role =
            switch heartbeat.role {
            case .master: .master
            case .replica: .replica
            case .fenced: .fenced
            }
        self.init(
            incarnation: heartbeat.incarnation, masterEpoch: heartbeat.masterEpoch,
            lastEpoch: heartbeat.lastEpoch, maxOffset: heartbeat.maxOffset,
            confirmOffset: heartbeat.confirmOffset, priority: heartbeat.electionPriority,
            role: role,
            remembered: heartbeat.remembered.map {
                RememberedSet(
                    masterEpoch: $0.masterEpoch, syncStateSetEpoch: $0.syncStateSetEpoch,
                    members: $0.members)
            }, minInSync: heartbeat.minInSyncReplicas.map(Int.init))
    }
}
