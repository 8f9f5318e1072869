import DeliveryCore
import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore
package import ReplicationProtocol

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

// The replica's side: find what is shared, change the log if it must, then take what comes.
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

    private var isLogEmpty: Bool { self.history.starts.isEmpty && self.segments.oldest == nil }
}

// What the master says.
extension BrokerEngine {
    mutating func heard(welcome: MasterWelcome, on link: LinkID) {
        guard let follower = self.follower, welcome.epoch == follower.epoch,
            let theirs = EpochHistory(checking: welcome.history)
        else {
            return self.breakOff(link, .protocolViolation, "the welcome makes no sense")
        }
        self.follower?.masterConfirmed = welcome.confirmed
        if self.isLogEmpty {
            self.beginEmpty(welcome, on: link)
        } else if welcome.logID != self.log.logID
            || welcome.segmentBytes != self.settings.log.segmentBytes
        {
            self.breakOff(
                link, .wrongLog,
                "this directory holds another log than the master's; empty it, or start the "
                    + "broker with the directory of its own group")
        } else {
            self.continueLog(welcome, theirs, on: link)
        }
    }

    private mutating func beginEmpty(_ welcome: MasterWelcome, on link: LinkID) {
        guard welcome.logID == self.log.logID, welcome.logStart == self.log.end,
            welcome.segmentBytes == self.settings.log.segmentBytes
        else {
            return self.startOver(welcome, on: link)
        }
        self.take(from: self.log.end, on: link)
    }

    mutating func startOver(_ welcome: MasterWelcome, on link: LinkID) {
        self.end(link, .comingAgain, "the replica starts over from \(welcome.logStart.bytes)")
        self.change(
            the: .startOver(
                logID: welcome.logID, segmentBytes: welcome.segmentBytes, start: welcome.logStart))
    }

    private mutating func continueLog(
        _ welcome: MasterWelcome, _ theirs: EpochHistory, on link: LinkID
    ) {
        if self.isDamaged { return self.replaceDamage(welcome, theirs, on: link) }
        let end = self.log.end
        let shared = self.history.sharedEnd(end: end, with: theirs, otherEnd: welcome.logEnd)
        guard let shared, shared >= self.progress.confirmed else {
            // Nothing in common is no harm when nothing here was confirmed, or when the master has
            // deleted what this broker has.
            let isHarmless = shared == nil && self.progress.confirmed <= self.logStart
            return isHarmless || end < welcome.logStart
                ? self.startOver(welcome, on: link) : self.refuseToForget(welcome, on: link)
        }
        guard shared >= welcome.logStart else { return self.startOver(welcome, on: link) }
        guard shared == end else {
            self.end(link, .comingAgain, "the replica cuts its log off at \(shared.bytes)")
            return self.change(the: .truncate(to: shared))
        }
        self.take(from: end, on: link)
    }

    /// What is known to be confirmed is never cut off, whoever asks.
    private mutating func refuseToForget(_ welcome: MasterWelcome, on link: LinkID) {
        self.breakOff(
            link, .wrongLog,
            "the master's log, which ends at \(welcome.logEnd.bytes), lacks messages that are "
                + "confirmed up to \(self.progress.confirmed.bytes) here; if it was elected by "
                + "force, empty this broker's directory")
    }

    private mutating func take(from end: PhysicalOffset, on link: LinkID) {
        self.follower?.stage = .following
        self.effects.append(.replicate(link, .follow(from: end)))
        self.acknowledge()
        self.confirmAsTold()
    }

    mutating func heard(_ stretch: LogStretch, on link: LinkID) {
        guard let follower = self.follower, follower.stage == .following,
            stretch.epoch == follower.epoch
        else {
            return self.breakOff(link, .protocolViolation, "bytes of another epoch, or too early")
        }
        do {
            try self.adopt(stretch)
        } catch {
            return self.breakOff(link, .protocolViolation, "\(error)")
        }
        self.heard(confirmed: stretch.confirmed)
    }

    mutating func heard(confirmed: PhysicalOffset) {
        let known = self.follower?.masterConfirmed ?? .zero
        self.follower?.masterConfirmed = max(known, confirmed)
        self.confirmAsTold()
    }

    /// The confirm offset follows the master's, as far as the log here goes.
    mutating func confirmAsTold() {
        guard let follower = self.follower, follower.stage == .following else { return }
        self.confirm(upTo: follower.masterConfirmed)
    }

    /// Ends the link to the master; tried again after a while.
    mutating func breakOff(_ link: LinkID, _ reason: GoodbyeReason, _ remark: String) {
        self.end(link, reason, remark)
        self.effects.append(.warn(remark))
        self.follower?.link = nil
        self.follower?.triedAt = self.now.tick + .milliseconds(900)
    }
}

// Links, whoever opened them.
extension BrokerEngine {
    /// A link is open: one that was asked for by `connectToMaster`, or one that a replica opened.
    package mutating func linkOpened(_ link: LinkID, isOutgoing: Bool, at now: Now) {
        self.now = now
        guard let group = self.group, !group.isOver else {
            self.effects.append(.closeLink(link))
            return
        }
        guard isOutgoing else { return }  // a replica speaks first
        guard let follower = self.follower, follower.link == link else {
            self.effects.append(.closeLink(link))
            return
        }
        self.follower?.heardAt = now.tick
        self.effects.append(
            .replicate(link, .hello(self.hello(follower.epoch, group.settings))))
    }

    package mutating func linkReceived(_ link: LinkID, _ message: ReplicationMessage, at now: Now) {
        self.now = now
        guard let group = self.group, !group.isOver else { return }
        if let follower = self.follower, follower.link == link {
            self.follower?.heardAt = now.tick
            self.heardFromMaster(message, on: link)
        } else {
            self.heardFromReplica(message, on: link)
        }
    }

    private mutating func heardFromMaster(_ message: ReplicationMessage, on link: LinkID) {
        switch message {
        case .welcome(let welcome): self.heard(welcome: welcome, on: link)
        case .batches(let stretch): self.heard(stretch, on: link)
        case .confirmed(let epoch, let confirmed):
            guard epoch == self.follower?.epoch else { return }
            self.heard(confirmed: confirmed)
        case .goodbye(_, let reason, let remark):
            self.effects.append(.closeLink(link))
            self.effects.append(.warn("the master ended the replication: \(reason), \(remark)"))
            self.follower?.link = nil
        case .hello, .follow, .ack:
            self.breakOff(link, .protocolViolation, "a master does not say that")
        }
    }

    private mutating func heardFromReplica(_ message: ReplicationMessage, on link: LinkID) {
        switch message {
        case .hello(let hello): self.heard(hello: hello, on: link)
        case .follow(let start): self.heard(followFrom: start, on: link)
        case .ack(let epoch, let written, let durable):
            self.heardAck(epoch: epoch, written: written, durable: durable, on: link)
        case .goodbye:
            self.lostReplica(link)
            self.effects.append(.closeLink(link))
        case .welcome, .batches, .confirmed:
            self.lostReplica(link)
            self.end(link, .protocolViolation, "a replica does not say that")
        }
    }

    package mutating func linkClosed(_ link: LinkID, at now: Now) {
        self.now = now
        if self.follower?.link == link {
            self.follower?.link = nil
            self.follower?.triedAt = now.tick
        } else {
            self.lostReplica(link)
        }
    }
}
