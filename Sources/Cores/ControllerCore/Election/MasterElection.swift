package import MessageFormat

/// A broker that is alive, with what its newest heartbeat said.
package struct ElectionCandidate: Hashable, Sendable {
    package var brokerID: Int64
    package var incarnation: UInt64
    package var lastEpoch: Epoch
    package var maxOffset: PhysicalOffset
    /// Smaller is preferred.
    package var priority: Int32
    /// Whether its log is known to hold everything that it ever acknowledged: it has not been
    /// started again since, or it reaches as far as anything known to be confirmed.
    package var isIntact: Bool

    package init(
        brokerID: Int64, incarnation: UInt64, lastEpoch: Epoch, maxOffset: PhysicalOffset,
        priority: Int32, isIntact: Bool
    ) {
        self.brokerID = brokerID
        self.incarnation = incarnation
        self.lastEpoch = lastEpoch
        self.maxOffset = maxOffset
        self.priority = priority
        self.isIntact = isIntact
    }

    /// It was drained, or does not serve: any other safe choice is better.
    var isReluctant: Bool { self.priority == .max }
}

/// Why a master is to be elected, which decides who may win.
package enum ElectionCause: Hashable, Sendable {
    /// There is none that lives. `isGone`: its process is known to have ended, not only silent.
    case masterLost(isGone: Bool)
    /// The master asks to be relieved.
    case handover(from: Int64)
    /// An operator wants this broker.
    case designated(Int64)
    /// An operator accepts that acknowledged messages are lost; nil: the best of all.
    case forced(Int64?)
    /// The controllers have lost what they knew of the group, or know an older state of it: the candidates are all of the newest
    /// SyncStateSet that brokers remember, and no epoch up to this may be given out again.
    /// `keeping` are those of them that stay beside the winner, if they have kept their logs, `basis`
    /// what is left to go by should the winner lose its own.
    case recovered(above: Epoch, keeping: [Int64] = [], basis: RecoveryBasis? = nil)

    package var isRecovered: Bool { if case .recovered = self { true } else { false } }

    var basis: RecoveryBasis? {
        if case .recovered(_, _, let basis) = self { basis } else { nil }
    }
}

/// Decides who becomes master.
///
/// Safety lies in who may win (a member of the SyncStateSet that kept its log), not in how far a
/// report says that the log reaches: reports are a little old, members hold everything confirmed.
/// How far a log reaches only decides which of the safe choices truncates least, so it comes behind
/// whether a broker wants to serve. Without a known SyncStateSet the best log is the only proof.
package enum MasterElection {
    package enum Decision: Hashable, Sendable {
        case elect(ElectionCandidate, syncStateSet: [Int64], epoch: Epoch)
        /// Nobody can follow a master that is gone: it is not to be obeyed any longer either.
        case clear
    }

    package static func decide(
        _ group: GroupState, cause: ElectionCause, candidates: [ElectionCandidate],
        livingMaster: Int64?
    ) throws(ControllerRefusal) -> Decision {
        let registered = candidates.filter { group.brokers[$0.brokerID] != nil }
        let safe = registered.filter { group.maySafelyLead($0) }
        let stay = group.isNew ? [] : safe
        switch cause {
        case .masterLost(let isGone):
            if let master = livingMaster { throw .masterStillExists(master) }
            if let winner = safe.min(by: group.isBetter) {
                return try group.electing(winner, beside: stay, of: registered)
            }
            guard isGone, group.masterBrokerID != nil else { throw group.nobody(registered) }
            guard group.masterEpoch < ControllerLimits.epochMax else { throw .epochsExhausted }
            return .clear
        case .handover(let master):
            guard master == group.masterBrokerID else {
                throw .notMaster(claimed: master, master: group.masterBrokerID)
            }
            let others = safe.filter { $0.brokerID != master }
            guard let winner = others.min(by: group.isBetter) else {
                throw group.nobody(registered)
            }
            return try group.electing(winner, beside: stay, of: registered)
        case .designated(let id):
            if livingMaster == id { throw .masterStillExists(id) }
            guard let winner = safe.first(where: { $0.brokerID == id }) else {
                throw group.nobody(registered, but: id)
            }
            return try group.electing(winner, beside: stay, of: registered)
        case .recovered(let epoch, let keeping, _):
            if let master = livingMaster { throw .masterStillExists(master) }
            let whole = registered.filter(group.mayLeadRecovered)
            guard let winner = whole.min(by: group.hasBetterLog) else {
                throw group.nobody(registered)
            }
            // How far reports say that their logs reach differs by what came between them.
            let stay = registered.filter {
                keeping.contains($0.brokerID) && $0.lastEpoch == winner.lastEpoch
            }
            return try group.electing(
                winner, beside: stay, of: registered, above: epoch, keepsAbsent: false)
        case .forced(let id):
            return try Self.force(
                id, group, registered: registered, safe: safe, beside: stay,
                livingMaster: livingMaster)
        }
    }

    /// Takes a safe winner where there is one; loses messages only where nothing else is left.
    private static func force(
        _ id: Int64?, _ group: GroupState, registered: [ElectionCandidate],
        safe: [ElectionCandidate], beside stay: [ElectionCandidate], livingMaster: Int64?
    ) throws(ControllerRefusal) -> Decision {
        let wanted = { (candidate: ElectionCandidate) in id.map { $0 == candidate.brokerID } ?? true
        }
        if let master = livingMaster, id == nil || id == master {
            throw .masterStillExists(master)
        }
        if let winner = safe.filter(wanted).min(by: group.isBetter) {
            return try group.electing(winner, beside: stay, of: registered)
        }
        // With a master alive nothing is stuck, so nothing justifies a loss.
        if let master = livingMaster { throw .masterStillExists(master) }
        guard let winner = registered.filter(wanted).min(by: group.isBetter) else {
            throw id.map { .notAlive($0) } ?? group.nobody(registered)
        }
        return try group.electing(winner, beside: [], of: registered)
    }

}

extension GroupState {
    /// The newest epoch in the log, then the longest log, then priority, then the smallest id.
    fileprivate func isBetter(_ one: ElectionCandidate, _ other: ElectionCandidate) -> Bool {
        if !self.isNew, one.isReluctant != other.isReluctant { return other.isReluctant }
        return self.hasBetterLog(one, other)
    }

    fileprivate func hasBetterLog(_ one: ElectionCandidate, _ other: ElectionCandidate) -> Bool {
        if one.lastEpoch != other.lastEpoch { return one.lastEpoch > other.lastEpoch }
        if one.maxOffset != other.maxOffset { return one.maxOffset > other.maxOffset }
        if one.priority != other.priority { return one.priority < other.priority }
        return one.brokerID < other.brokerID
    }
}

extension GroupState {
    /// A log cannot have an epoch that controllers never gave out, unless they have no memory.
    private func isEpochPlausible(_ candidate: ElectionCandidate) -> Bool {
        candidate.lastEpoch
            <= (self.isNew ? ControllerLimits.foreignEpochMax : self.masterEpoch)
    }

    /// Of a group whose controllers know less than its brokers.
    fileprivate func mayLeadRecovered(_ candidate: ElectionCandidate) -> Bool {
        candidate.isIntact && candidate.lastEpoch <= ControllerLimits.foreignEpochMax
    }

    fileprivate func maySafelyLead(_ candidate: ElectionCandidate) -> Bool {
        guard self.isEpochPlausible(candidate) else { return false }
        return candidate.isIntact
            && (self.isNew || self.syncStateSet.contains(candidate.brokerID))
    }

    /// Every member that is alive and kept its log stays in the set: it holds everything that was
    /// confirmed. Outside an unclean election the winner is one of them.
    ///
    /// A winner that would be alone keeps the absent members beside it, because they hold
    /// everything confirmed, too: should it be lost as well, one of them can follow. The new master
    /// drops them when its own minimum allows it.
    fileprivate func electing(
        _ winner: ElectionCandidate, beside others: [ElectionCandidate],
        of candidates: [ElectionCandidate], above epoch: Epoch = Epoch(0),
        keepsAbsent: Bool = true
    ) throws(ControllerRefusal) -> MasterElection.Decision {
        let stay = others.map(\.brokerID)
        var set = Set(stay).union([winner.brokerID])
        if keepsAbsent, set.count == 1, stay == [winner.brokerID] {
            let present = candidates.map(\.brokerID)
            set.formUnion(Set(self.syncStateSet).subtracting(present))
        }
        let known = candidates.filter { self.isEpochPlausible($0) || $0 == winner }
            .map(\.lastEpoch)
        let highest = known.reduce(max(self.masterEpoch, epoch)) { max($0, $1) }
        guard highest < ControllerLimits.epochMax, self.syncStateSetEpoch < .max else {
            throw .epochsExhausted
        }
        return .elect(winner, syncStateSet: set.sorted(), epoch: Epoch(highest.value + 1))
    }

    /// Why none of the candidates will do; names the one that was asked for.
    fileprivate func nobody(
        _ candidates: [ElectionCandidate], but wanted: Int64? = nil
    ) -> ControllerRefusal {
        let looked = candidates.filter { wanted == nil || $0.brokerID == wanted }
        if looked.isEmpty {
            return .nobodyElectable(
                wanted.map { "broker \($0) is not alive" } ?? "no broker of the group is alive")
        }
        let set = self.syncStateSet.map(String.init).joined(separator: ",")
        let reasons = looked.map { "broker \($0.brokerID) \(self.objection(to: $0))" }
        return .nobodyElectable(
            reasons.joined(separator: ", ") + "; the SyncStateSet is {\(set)}")
    }

    private func objection(to candidate: ElectionCandidate) -> String {
        if !self.isEpochPlausible(candidate) {
            return "has an epoch \(candidate.lastEpoch.value) that was never given out"
        }
        if !self.isNew, !self.syncStateSet.contains(candidate.brokerID) {
            return "is not in the SyncStateSet"
        }
        return candidate.isIntact ? "is not another one" : "has lost a part of its log"
    }
}
