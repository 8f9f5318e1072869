import DeliveryCore
import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore
package import ReplicationProtocol

/// What a broker has only while it is master of a group.
struct MasterSide: Sendable {
    let epoch: Epoch
    var replication: MasterReplication
    /// Replicas that were welcomed, by their links.
    var welcomed: [LinkID: Int64] = [:]
    /// Replicas that are being fed.
    var feeds: [LinkID: ReplicaFeed] = [:]
    var tail = FeedTail()
    /// Until this is confirmed, others may have seen more than this broker may show.
    var takeoverEnd: PhysicalOffset
    /// Since when too few replicas keep up.
    var strandedSince: Tick?
    var askedToLeaveAt: Tick?
    var told = Tick.zero
    var toldConfirmed = PhysicalOffset.zero

    /// In an order that does not differ between runs.
    var feeding: [LinkID] { self.feeds.keys.sorted() }
}

/// The first record of each epoch: without it nothing of an earlier epoch would ever be confirmed
/// when nobody sends.
///
/// Payload: broker id of the master (8), big-endian.
enum EpochBegin {
    static let kind: UInt16 = 103

    static func record(by brokerID: Int64) -> StateRecord {
        var payload: [UInt8] = []
        payload.append(bigEndian: brokerID)
        return StateRecord(kind: Self.kind, payload: payload)
    }
}

// The master's side of replication: welcome, feed, count what is kept, confirm.
extension BrokerEngine {
    mutating func becomeMaster(_ view: GroupView) {
        guard let group = self.group else { return }
        self.follower = nil
        let settings = group.settings
        let begunEnd = self.log.end
        self.log.begin(view.masterEpoch)
        if !self.hasWholeSnapshot { self.appendSnapshot() }
        let end = self.append(EpochBegin.record(by: settings.brokerID))
        self.history.note(view.masterEpoch, at: self.log.firstPlanned)
        self.master = MasterSide(
            epoch: view.masterEpoch,
            replication: MasterReplication(
                brokerID: settings.brokerID,
                set: SyncStateSet(members: view.syncStateSet, epoch: view.syncStateSetEpoch),
                policy: .init(
                    minInSync: settings.minInSyncReplicas, closedGrace: settings.closedGrace,
                    lagGrace: settings.lagGrace, proposalTimeout: settings.proposalTimeout),
                end: begunEnd, at: self.now.tick),
            takeoverEnd: end)
        self.changeRole(to: .master(view.masterEpoch))
        self.confirm()
    }

    /// The segment in which the log ends opens with a snapshot that is complete.
    private var hasWholeSnapshot: Bool {
        self.log.isAtSegmentStart || self.segments.active?.base == self.log.segmentBase
    }

    /// Nobody may read all that others have seen already.
    var isTakingOver: Bool {
        guard let master = self.master else { return false }
        return self.progress.confirmed < master.takeoverEnd
    }

    /// "Seen means kept": an index file, made anew after a crash, may name messages that are not
    /// confirmed yet.
    func checkShown() throws {
        guard self.group != nil, let sealed = self.segments.lastSealed,
            self.progress.confirmed < sealed.advanced(by: self.settings.log.segmentBytes)
        else { return }
        throw Refusal(.systemBusy, "this broker is taking over as master; ask again in a moment")
    }

    /// The controllers committed another SyncStateSet for this epoch.
    mutating func committed(_ view: GroupView) {
        guard
            self.master?.replication.committed(
                view.syncStateSet, epoch: view.syncStateSetEpoch, at: self.now.tick) == true
        else { return }
        self.confirm()
        self.releaseAnswers()
    }

    /// The controllers have answered, or not, what was asked for by `alterSyncStateSet`. The new
    /// set itself comes with a view.
    package mutating func syncStateSetAnswered(
        _ proposal: SyncStateSetProposal, _ outcome: ProposalOutcome, at now: Now
    ) {
        self.now = now
        guard let master = self.master, master.epoch == proposal.masterEpoch,
            master.replication.set.epoch == proposal.basedOn
        else { return }
        switch outcome {
        case .accepted: break
        case .refused: self.master?.replication.refused(proposal.members, at: now.tick)
        case .unknown: self.master?.replication.unanswered(proposal.members)
        }
    }

    /// Everything that all of the SyncStateSet keep is confirmed.
    mutating func confirm() {
        let kept = self.progress.kept
        if self.group == nil { return self.confirm(upTo: kept) }
        if let confirmable = self.master?.replication.confirmable(own: kept) {
            self.confirm(upTo: confirmable)
        }
    }

    /// Whether what is confirmed may be acknowledged.
    var mayAcknowledge: Bool { self.master?.replication.mayAcknowledge ?? (self.group == nil) }

    /// Refuses at once what too few replicas would keep.
    func checkReplicas() throws {
        guard let master = self.master,
            !master.replication.mayTake(at: self.now.tick)
        else { return }
        let inStep = master.replication.inStep(at: self.now.tick)
        throw Refusal(
            .systemError,
            "in-sync replicas are not enough: \(inStep.count) of broker group "
                + "\(self.settings.brokerName) keep up, "
                + "\(self.group?.settings.minInSyncReplicas ?? 1) are needed "
                + "(IN_SYNC_REPLICAS_NOT_ENOUGH)")
    }

    /// Time has passed.
    mutating func tendReplicas() {
        self.tendStranded()
        guard let master = self.master, let settings = self.group?.settings else { return }
        if let members = self.master?.replication.proposal(
            confirmed: self.progress.confirmed, at: self.now.tick)
        {
            self.effects.append(
                .alterSyncStateSet(
                    SyncStateSetProposal(
                        masterEpoch: master.epoch, basedOn: master.replication.set.epoch,
                        members: members)))
        }
        let isNews = master.toldConfirmed < self.progress.confirmed
        guard isNews || self.now.tick - master.told >= settings.keepAlive else { return }
        self.master?.told = self.now.tick
        self.master?.toldConfirmed = self.progress.confirmed
        for link in master.feeding {
            self.effects.append(
                .replicate(
                    link, .confirmed(epoch: master.epoch, confirmed: self.progress.confirmed)))
        }
    }

    /// Whether too few replicas have kept up for longer than a moment.
    var isStranded: Bool {
        guard let since = self.master?.strandedSince, let settings = self.group?.settings else {
            return false
        }
        return self.now.tick - since >= settings.strandedGrace
    }

    /// The controllers see a master that lives. If it cannot reach its replicas, perhaps another
    /// one can; they know whether there is one.
    private mutating func tendStranded() {
        guard let master = self.master, let settings = self.group?.settings else { return }
        guard !master.replication.mayTake(at: self.now.tick) else {
            self.master?.strandedSince = nil
            return
        }
        self.master?.strandedSince = master.strandedSince ?? self.now.tick
        let isTimeToAsk =
            master.askedToLeaveAt.map { self.now.tick - $0 >= settings.strandedRetry } ?? true
        guard self.isStranded, isTimeToAsk, master.replication.mayAcknowledge else { return }
        self.master?.askedToLeaveAt = self.now.tick
        let inStep = master.replication.inStep(at: self.now.tick)
        self.effects.append(
            .askForAnotherMaster(
                because: "of the SyncStateSet \(master.replication.set.members) only \(inStep) "
                    + "can be reached from here"))
    }

    mutating func closeFeeds(_ remark: String) {
        guard let master = self.master else { return }
        for link in master.welcomed.keys.sorted() {
            self.end(link, .notMaster, remark)
        }
    }

    /// Says why, and closes.
    mutating func end(_ link: LinkID, _ reason: GoodbyeReason, _ remark: String) {
        let epoch = self.group?.epoch ?? Epoch(0)
        self.effects.append(.replicate(link, .goodbye(epoch: epoch, reason, remark: remark)))
        self.effects.append(.closeLink(link))
    }
}

// What replicas say.
extension BrokerEngine {
    /// As many as controllers allow in a group.
    private static let replicasMax = 64

    mutating func heard(hello: ReplicaHello, on link: LinkID) {
        guard let group = self.group else {
            return self.end(link, .notMaster, "this broker has no replicas: it has no controllers")
        }
        guard hello.clusterName == self.settings.clusterName,
            hello.brokerName == self.settings.brokerName
        else {
            return self.end(
                link, .wrongGroup,
                "this is \(self.settings.clusterName)/\(self.settings.brokerName), not "
                    + "\(hello.clusterName)/\(hello.brokerName)")
        }
        guard let master = self.master else {
            return self.end(link, .notMaster, "this broker is not the master")
        }
        // Whatever a replica says about epochs, only the controllers change this broker's role.
        guard hello.epoch == master.epoch else {
            return self.end(
                link, hello.epoch < master.epoch ? .staleEpoch : .notMaster,
                "this master has epoch \(master.epoch.value), not \(hello.epoch.value)")
        }
        guard hello.brokerID > 0, hello.brokerID != group.settings.brokerID else {
            return self.end(link, .unknownReplica, "broker id \(hello.brokerID) is not a replica's")
        }
        guard hello.logID == 0 || hello.logID == self.log.logID else {
            return self.end(link, .wrongLog, "the replica's log belongs to another group")
        }
        guard master.welcomed.count < Self.replicasMax else {
            return self.end(link, .unknownReplica, "this master has too many replicas already")
        }
        self.closeEarlierLink(of: hello.brokerID)
        self.master?.welcomed[link] = hello.brokerID
        self.effects.append(
            .replicate(
                link,
                .welcome(
                    MasterWelcome(
                        epoch: master.epoch, logID: self.log.logID,
                        segmentBytes: self.settings.log.segmentBytes, logStart: self.logStart,
                        logEnd: self.progress.submitted, confirmed: self.progress.confirmed,
                        history: self.history.starts))))
    }

    var logStart: PhysicalOffset { self.segments.oldest?.base ?? self.log.segmentBase }

    private mutating func closeEarlierLink(of brokerID: Int64) {
        guard let master = self.master else { return }
        for (link, id) in master.welcomed.sorted(by: { $0.key < $1.key }) where id == brokerID {
            self.end(link, .comingAgain, "the replica has connected again")
            self.lostReplica(link)
        }
    }

    mutating func heard(followFrom start: PhysicalOffset, on link: LinkID) {
        guard let brokerID = self.master?.welcomed[link], let settings = self.group?.settings,
            self.master?.feeds[link] == nil, start >= self.logStart,
            start <= self.progress.submitted
        else {
            return self.end(
                link, .protocolViolation, "there is no log to follow from \(start.bytes) on")
        }
        self.master?.feeds[link] = ReplicaFeed(
            brokerID: brokerID, from: start, bytesMax: settings.feedBytesMax)
        self.master?.replication.connected(
            brokerID, end: self.progress.submitted, at: self.now.tick)
        self.feed(link)
    }

    mutating func heardAck(
        epoch: Epoch, written: PhysicalOffset, durable: PhysicalOffset, on link: LinkID
    ) {
        guard let master = self.master, epoch == master.epoch, let feed = master.feeds[link],
            durable <= written, written <= feed.sent
        else {
            self.lostReplica(link)
            return self.end(link, .protocolViolation, "an ack of what was not sent")
        }
        self.master?.feeds[link]?.acknowledged(written: written)
        self.master?.replication.acknowledged(
            feed.brokerID, kept: self.progress.mode == .sync ? durable : written,
            end: self.progress.submitted, at: self.now.tick)
        self.confirm()
        self.feed(link)
    }

    mutating func lostReplica(_ link: LinkID) {
        guard let brokerID = self.master?.welcomed.removeValue(forKey: link) else { return }
        guard self.master?.feeds.removeValue(forKey: link) != nil else { return }
        self.master?.replication.disconnected(brokerID, at: self.now.tick)
    }
}

// What replicas get: the same bytes as the disk, at the same time.
extension BrokerEngine {
    /// These batches go to the writer now, and to every replica that keeps up.
    mutating func feedAll(_ planned: [PlannedBatch], after end: PhysicalOffset) {
        guard self.master != nil else { return }
        var previousEnd = end
        for batch in planned {
            self.master?.tail.append(
                FeedTail.Batch(
                    previousEnd: previousEnd, position: batch.position, end: batch.end,
                    bytes: batch.bytes))
            previousEnd = batch.end
        }
        for link in self.master?.feeding ?? [] { self.feed(link) }
    }

    /// More of the log can be read: for those that catch up.
    mutating func feedWritten() {
        guard self.master != nil else { return }
        self.master?.tail.written(upTo: self.progress.written)
        for link in self.master?.feeding ?? [] { self.feed(link) }
    }

    mutating func feed(_ link: LinkID) {
        guard let epoch = self.master?.epoch, let settings = self.group?.settings else { return }
        while let master = self.master,
            let step = self.master?.feeds[link]?.next(master.tail, readable: self.progress.written)
        {
            switch step {
            case .wait: return
            case .send(let batch):
                self.replicate(batch.bytes, at: batch.position, epoch: epoch, to: link)
            case .read(let position):
                self.effects.append(
                    .readLog(
                        link, from: position, end: self.progress.written,
                        bytesMax: settings.catchUpBytes))
            }
        }
    }

    private mutating func replicate(
        _ bytes: [UInt8], at position: PhysicalOffset, epoch: Epoch, to link: LinkID
    ) {
        self.effects.append(
            .replicate(
                link,
                .batches(
                    LogStretch(
                        epoch: epoch, confirmed: self.progress.confirmed, position: position,
                        bytes: bytes))))
    }

    /// A piece of the log for a replica that catches up.
    package mutating func logRead(
        _ link: LinkID, _ result: Result<LogRead, ReadFailure>, at now: Now
    ) {
        self.now = now
        guard let master = self.master, master.feeds[link] != nil else { return }
        switch result {
        case .success(let read):
            if !read.bytes.isEmpty {
                self.replicate(read.bytes, at: read.position, epoch: master.epoch, to: link)
            }
            self.master?.feeds[link]?.read(upTo: read.next)
            self.feed(link)
        case .failure(let failure):
            self.lostReplica(link)
            self.end(link, .protocolViolation, "the log cannot be read there: \(failure)")
        }
    }
}
