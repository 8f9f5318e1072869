import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// What a broker has only while it is a replica.
struct ReplicaSide: Sendable {
    enum Stage: Hashable, Sendable {
        /// The link is being opened, or hello was said.
        case greeting
        case following
    }

    let epoch: Epoch
    let masterAddress: String
    var link: LinkID?
    var stage = Stage.greeting
    var triedAt = Tick.zero
    var heardAt: Tick
    var saidAt = Tick.zero
    /// What the master said last; this broker may not keep all of it yet.
    var masterConfirmed = PhysicalOffset.zero
}

// A replica keeps one link to its master, and says on it what it keeps.
extension BrokerEngine {
    /// Tries again after this when the master cannot be reached.
    private static let retryPause = Duration.milliseconds(100)

    mutating func follow(_ view: GroupView) {
        self.follower = ReplicaSide(
            epoch: view.masterEpoch, masterAddress: view.masterReplicationAddress,
            heardAt: self.now.tick)
        self.changeRole(to: .replica(of: view.masterEpoch))
        self.connectToMaster()
    }

    private mutating func connectToMaster() {
        guard let link = self.group?.nextLink(), let follower = self.follower else { return }
        self.follower?.link = link
        self.follower?.stage = .greeting
        self.follower?.triedAt = self.now.tick
        self.follower?.heardAt = self.now.tick
        self.effects.append(.connectToMaster(address: follower.masterAddress, link))
    }

    /// Ends the link to a master, with the reason.
    mutating func leaveMaster(_ reason: GoodbyeReason, _ remark: String) {
        if let link = self.follower?.link { self.end(link, reason, remark) }
        self.follower = nil
    }

    /// Time has passed.
    mutating func tendMaster() {
        guard let follower = self.follower, let settings = self.group?.settings else { return }
        guard let link = follower.link else {
            if self.now.tick - follower.triedAt >= Self.retryPause { self.connectToMaster() }
            return
        }
        if self.now.tick - follower.heardAt > settings.silenceMax {
            self.end(link, .comingAgain, "nothing was heard for \(settings.silenceMax)")
            self.follower?.link = nil
        } else if follower.stage == .following,
            self.now.tick - follower.saidAt >= settings.keepAlive
        {
            self.acknowledge()
        }
    }

    /// Tells the master what is kept.
    mutating func acknowledge() {
        guard let follower = self.follower, let link = follower.link, follower.stage == .following
        else { return }
        self.follower?.saidAt = self.now.tick
        self.effects.append(
            .replicate(
                link,
                .ack(
                    epoch: follower.epoch, written: self.progress.written,
                    durable: min(self.progress.durable, self.progress.written))))
    }

    func hello(_ epoch: Epoch, _ settings: GroupSettings) -> ReplicaHello {
        ReplicaHello(
            clusterName: self.settings.clusterName, brokerName: self.settings.brokerName,
            brokerID: settings.brokerID, incarnation: settings.incarnation, epoch: epoch,
            logID: self.isLogEmpty ? 0 : self.log.logID, logStart: self.logStart,
            logEnd: self.log.end)
    }

    var isLogEmpty: Bool { self.history.starts.isEmpty && self.segments.oldest == nil }
}
