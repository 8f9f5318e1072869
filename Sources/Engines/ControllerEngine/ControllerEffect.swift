package import MessageFormat
package import Raft
package import RemotingProtocol

/// What a controller wants done, in order.
package enum ControllerEffect: Sendable {
    /// To be on stable storage before `persisted` is called with its token.
    case persist(RaftPersist)
    /// May be lost.
    case sendPeer(NodeID, RaftMessage)
    case answer(ConnectionID, RemotingCommand, as: SerializationType)
    /// A one-way command to a broker.
    case notify(ConnectionID, RemotingCommand)
    /// The group's members, this controller too: the ones to be connected with from now on.
    case peersChanged([ControllerPeer])
    case report(ControllerEvent)
    /// What is agreed on cannot be carried out here: this process must stop.
    case fail(String)
}

/// A change that operators want to read about.
package enum ControllerEvent: Hashable, Sendable {
    case roleChanged(RaftRole, term: Term, leader: NodeID?)
    case groupChanged(String, GroupView)
    case brokerAlive(group: String, brokerID: Int64, address: String)
    case brokerDead(group: String, brokerID: Int64, because: String)
    case electionProposed(group: String, because: String)
    /// A group without a master waits for somebody.
    case electionWaits(group: String, because: String)
    /// A broker knows of an election that these controllers never held.
    case epochConflict(group: String, brokerID: Int64, epoch: Epoch, newest: Epoch)
    /// No broker is heard here: somebody else shall lead.
    case officeLeft(to: NodeID)
    case refused(request: String, reason: String)
    case peerRefused(NodeID, reason: String)
}

extension ControllerEvent {
    /// Whether it waits for somebody to look at it.
    package var isWarning: Bool {
        switch self {
        case .roleChanged, .groupChanged, .brokerAlive: false
        case .brokerDead, .electionProposed, .electionWaits, .epochConflict, .officeLeft, .refused,
            .peerRefused:
            true
        }
    }
}

extension ControllerEvent: CustomStringConvertible {
    package var description: String {
        switch self {
        case .roleChanged(let role, let term, let leader):
            "\(role) in term \(term), the leader is \(leader?.value ?? "unknown")"
        case .groupChanged(let name, let view):
            "group \(name): master \(view.masterBrokerID.map(String.init) ?? "none") "
                + "in epoch \(view.masterEpoch.value), SyncStateSet \(view.syncStateSet) "
                + "in epoch \(view.syncStateSetEpoch)"
        case .brokerAlive(let group, let id, let address):
            "broker \(group)/\(id) at \(address) is alive"
        case .brokerDead(let group, let id, let reason):
            "broker \(group)/\(id) is dead: \(reason)"
        case .electionProposed(let group, let reason):
            "group \(group): an election, because \(reason)"
        case .electionWaits(let group, let reason):
            "group \(group): no election yet, because \(reason)"
        case .epochConflict(let group, let id, let epoch, let newest):
            "group \(group): broker \(id) knows of an election or a SyncStateSet of epoch "
                + "\(epoch.value) that these controllers, in epoch \(newest.value), never held; they "
                + "have lost their memory, or it belongs to another cluster. Its data is kept"
        case .officeLeft(let successor):
            "no broker is heard here, so \(successor) shall lead"
        case .refused(let request, let reason): "\(request) refused: \(reason)"
        case .peerRefused(let node, let reason): "message of \(node) ignored: \(reason)"
        }
    }
}
