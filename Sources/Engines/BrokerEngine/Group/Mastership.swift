import LogCore
package import MessageFormat
package import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// What this broker knows of its group, whatever its role is.
struct GroupStanding: Sendable {
    let settings: GroupSettings
    /// The newest that the controllers said.
    var view: GroupView?
    /// The highest epoch that it was master in, or obeyed a master of.
    var epoch: Epoch
    /// The log has to change: this engine does nothing more.
    var isOver = false
    /// Where the log on disk is damaged first, below what is known to be confirmed.
    var damagedFrom: PhysicalOffset?
    private var links: UInt64 = 0

    init(_ settings: GroupSettings) {
        self.settings = settings
        self.epoch = settings.epochAtLeast
    }

    /// A name for a link that this broker opens; those of links that others open are smaller.
    mutating func nextLink() -> LinkID {
        self.links += 1
        return LinkID(value: 1 << 63 | (self.settings.incarnation & 0x7FFF_FFFF) << 32 | self.links)
    }
}

// "One master per epoch": only what the controllers have committed changes a broker's role.
extension BrokerEngine {
    package var role: BrokerRole {
        guard let group = self.group else { return .alone }
        if group.isOver { return .fenced }
        if let master = self.master { return .master(master.epoch) }
        if let follower = self.follower { return .replica(of: follower.epoch) }
        return .fenced
    }

    package var groupReport: GroupReport {
        GroupReport(
            role: self.role, masterEpoch: self.group?.epoch ?? Epoch(0),
            logEpoch: self.history.latest,
            logEnd: min(self.progress.kept, self.group?.damagedFrom ?? self.progress.kept),
            // A log that ends before what was confirmed has lost something: it says so.
            confirmed: max(
                self.progress.confirmed, self.group?.settings.confirmedAtLeast ?? .zero))
    }

    /// What a checkpoint may name as confirmed: a start from the middle of a segment's opening
    /// snapshot would go back to before it.
    package var confirmedToKeep: PhysicalOffset {
        let confirmed = self.groupReport.confirmed
        let base = self.log.segmentBase
        let isWhole =
            self.segments.active.map { $0.base == base && $0.snapshotEnd <= confirmed } ?? false
        return isWhole ? confirmed : min(confirmed, base)
    }

    /// The controllers say how the group stands: any of them, at any time, in any order.
    package mutating func groupView(_ view: GroupView, at now: Now) {
        self.now = now
        guard var group = self.group, !group.isOver, group.isNews(view) else { return }
        let isNewEpoch = view.masterEpoch > (group.view?.masterEpoch ?? Epoch(0))
        group.view = view
        self.group = group
        if isNewEpoch {
            self.enter(view)
        } else {
            self.committed(view)
        }
    }

    private mutating func enter(_ view: GroupView) {
        guard let group = self.group, view.masterEpoch > group.epoch else { return }
        if self.master != nil { return self.stepDown() }
        self.group?.epoch = view.masterEpoch
        self.leaveMaster(.staleEpoch, "the group has epoch \(view.masterEpoch.value) now")
        if group.isMaster(in: view) {
            self.becomeMaster(view)
        } else if view.masterBrokerID != nil, view.masterBrokerID != group.settings.brokerID {
            self.follow(view)
        } else {
            // No master, or an earlier start of this very broker: the controllers elect again.
            self.changeRole(to: .fenced)
        }
    }

    /// Another broker is master, or will be: what this one has not confirmed it never will.
    ///
    /// What it wrote last may have to be cut off, and its state holds more than its log: it starts
    /// anew from what is on disk.
    mutating func stepDown() {
        guard self.master != nil else { return }
        self.refuseAllPending(
            "mastership moved while the message was on its way to the replicas; whether it was "
                + "stored is open: send it again")
        self.closeFeeds("this broker is not the master any more")
        self.change(the: .restart)
    }

    /// Asks for another log on disk. The engine's last words.
    mutating func change(the log: LogChange) {
        self.master = nil
        self.follower = nil
        self.group?.isOver = true
        self.effects.append(.roleChanged(.fenced))
        self.effects.append(.changeLog(log))
    }

    mutating func changeRole(to role: BrokerRole) { self.effects.append(.roleChanged(role)) }

    /// Whether clients' requests are for this broker.
    ///
    /// Asked in each turn; inlined there, it copied the whole engine (6 % of a send that is alone).
    @inline(never)
    var mayServe: Bool { self.group == nil || self.master != nil }

    /// What a broker answers that is not the master: how it is, and who is connected to it, so that
    /// it knows the members of a group when it becomes master.
    func isServedByAll(_ command: ReceivedCommand) -> Bool {
        switch RequestCode(rawValue: command.code) {
        case .heartBeat, .unregisterClient, .checkClientConfig, .getConsumerListByGroup,
            .getConsumerConnectionList, .getProducerConnectionList, .getBrokerRuntimeInfo,
            .getBrokerConfig, .getBrokerEpochCache, .getBrokerHAStatus, .getGroupHistory,
            .getConsumerRunningInfo:
            true
        default: false
        }
    }

    /// A client came to a replica, which was its master when it last looked.
    ///
    /// RocketMQ's own clients look every 30 seconds: their requests are passed on to the master
    /// meanwhile, once. Ours look as soon as they are refused.
    ///
    /// While there is none they wait for it a little.
    mutating func relay(_ command: ReceivedCommand, from caller: Caller) throws {
        guard self.group != nil, caller.language != .other,
            command.string("apusRelayed") == nil
        else { throw self.notMaster }
        if let master = self.masterToRelayTo {
            self.effects.append(.relay(caller, command, to: master))
        } else if !self.awaitMaster(command, caller) {
            throw self.notMaster
        }
    }

    /// The master's address for clients, once this broker follows it.
    var masterToRelayTo: String? {
        guard let follower = self.follower, follower.stage == .following, follower.link != nil,
            let address = self.group?.view?.masterAddress, !address.isEmpty
        else { return nil }
        return address
    }

    /// What a client is told that came to the wrong broker. Clients look for the master then.
    var notMaster: Refusal {
        let address = self.group?.view?.masterAddress ?? ""
        let hint = address.isEmpty || self.master != nil ? "" : "; the master is at \(address)"
        return Refusal(
            .serviceNotAvailable,
            "broker \(self.settings.brokerName) is not the master of its group here\(hint)")
    }
}

extension GroupStanding {
    fileprivate func isNews(_ view: GroupView) -> Bool {
        guard let known = self.view else { return true }
        return (known.masterEpoch, known.syncStateSetEpoch)
            < (view.masterEpoch, view.syncStateSetEpoch)
    }

    fileprivate func isMaster(in view: GroupView) -> Bool {
        view.masterBrokerID == self.settings.brokerID
            && view.masterIncarnation == self.settings.incarnation
    }
}
