package import ControllerCore
package import Raft
package import RemotingProtocol

/// What one controller needs to know about itself and its group.
package struct ControllerSettings: Sendable {
    package var id: NodeID
    /// The name that operators see for the whole group.
    package var groupName: String
    /// Every controller of the configuration, this one too, and where it answers requests.
    package var peers: [ControllerPeer]
    package var raft: RaftSettings
    package var liveness = BrokerLiveness.Settings()

    /// A request that is not decided by then is answered as such.
    package var requestDeadline = Duration.seconds(3)
    /// From the first heartbeat of a group that never had a master to its first election: the
    /// others of the group shall have their say.
    package var firstElectionWait = Duration.milliseconds(300)
    /// How often groups are looked at without a cause.
    package var watchInterval = Duration.milliseconds(50)
    /// How often what is confirmed is written down, for the day on which all controllers stop.
    package var noteInterval = Duration.seconds(1)
    package var promotionInterval = Duration.milliseconds(500)
    /// A leader that hears no broker for so long lets another controller lead.
    package var deafnessMax = Duration.seconds(10)
    /// Entries of the log between two snapshots.
    package var snapshotInterval = 4_096
    /// Requests that wait for a decision.
    package var pendingMax = 4_096

    package init(
        id: NodeID, peers: [ControllerPeer], raft: RaftSettings, groupName: String = "apus"
    ) {
        self.id = id
        self.peers = peers
        self.raft = raft
        self.groupName = groupName
    }
}
