import DeliveryCore
import LogCore
package import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// What a broker has only while it is master of a group.
struct MasterSide: Sendable {
    let epoch: Epoch
    var replication: MasterReplication
    /// Replicas that were welcomed, by their links.
    var welcomed: [LinkID: WelcomedReplica] = [:]
    /// Replicas that are being fed.
    var feeds: [LinkID: ReplicaFeed] = [:]
    var tail = FeedTail()
    /// Until this is confirmed, others may have seen more than this broker may show.
    var takeoverEnd: PhysicalOffset
    /// Since when too few replicas keep up.
    var strandedSince: Tick?
    var askedToLeaveAt: Tick?
    /// Where a replica found the master's own log unreadable last.
    var unreadable: UnreadableStretch?
    /// Replicas for which a part of the log is being read that they have lost.
    var lending: Set<LinkID> = []
    var rollCall = RollCall()
    var controllersAskedAt: Tick?
    var told = Tick.zero
    var toldConfirmed = PhysicalOffset.zero

    /// In an order that does not differ between runs.
    var feeding: [LinkID] { self.feeds.keys.sorted() }
}

// A broker becomes master, and hears which SyncStateSet the controllers committed.
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
                    lagGrace: settings.lagGrace, arrivalGrace: settings.arrivalGrace,
                    proposalTimeout: settings.proposalTimeout),
                end: begunEnd, at: self.now.tick),
            takeoverEnd: end)
        self.delivery.becameMaster(at: self.now)
        self.inheritLocks()
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
        if self.isShown { return }
        throw Refusal(.systemBusy, "this broker is taking over as master; ask again in a moment")
    }

    var isShown: Bool {
        guard self.group != nil, let sealed = self.segments.lastSealed else { return true }
        return self.progress.confirmed >= sealed.advanced(by: self.settings.log.segmentBytes)
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
}
