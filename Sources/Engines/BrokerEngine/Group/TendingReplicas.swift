import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

// A master looks after its replicas as time passes.
extension BrokerEngine {
    /// Time has passed.
    mutating func tendReplicas() {
        self.tendStranded()
        self.leaveDamagedLog()
        self.dropSilent()
        self.tendInquiries()
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

    /// Whether another master would find enough replicas that the controllers believe. Before that
    /// a handover stops the sends until they do.
    ///
    /// Without any replica there is nobody to wait for.
    package var isReadyToHandOver: Bool {
        guard let master = self.master, let settings = self.group?.settings,
            !master.welcomed.isEmpty
        else { return true }
        return master.replication.proven(for: settings.proofTime, at: self.now.tick).count
            >= settings.minInSyncReplicas
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
