package import MessageFormat

/// What a master decides about its replicas, for one epoch: what is confirmed, who is in step, and
/// which SyncStateSet to ask the controllers for.
package struct MasterReplication: Sendable {
    package struct Policy: Hashable, Sendable {
        package var minInSync: Int
        package var closedGrace: Duration
        package var lagGrace: Duration
        /// How long a member may take to come to a new master.
        package var arrivalGrace: Duration
        package var proposalTimeout: Duration

        package init(
            minInSync: Int, closedGrace: Duration, lagGrace: Duration, arrivalGrace: Duration,
            proposalTimeout: Duration
        ) {
            self.minInSync = minInSync
            self.closedGrace = closedGrace
            self.lagGrace = lagGrace
            self.arrivalGrace = arrivalGrace
            self.proposalTimeout = proposalTimeout
        }
    }

    package let brokerID: Int64
    package private(set) var set: SyncStateSet
    private let policy: Policy
    private let begunAt: Tick
    private let begunEnd: PhysicalOffset
    private var replicas: [Int64: ReplicaProgress] = [:]
    /// Replicas that the controllers did not let in, and when they said so.
    private var unwanted: [Int64: Tick] = [:]
    /// The proposal that waits for its answer.
    private var asked: (members: [Int64], at: Tick)?

    /// `end` is where the log ends when the epoch begins.
    package init(
        brokerID: Int64, set: SyncStateSet, policy: Policy, end: PhysicalOffset, at now: Tick
    ) {
        self.brokerID = brokerID
        self.set = set
        self.policy = policy
        self.begunAt = now
        self.begunEnd = end
        for member in set.members where member != brokerID {
            self.replicas[member] = ReplicaProgress(at: now, end: end)
        }
    }

    package mutating func connected(_ replica: Int64, end: PhysicalOffset, at now: Tick) {
        self.replicas[replica, default: ReplicaProgress(at: now, end: end)]
            .connected(at: now, end: end)
    }

    package mutating func disconnected(_ replica: Int64, at now: Tick) {
        self.replicas[replica]?.disconnected(at: now)
        if !self.set.required.contains(replica) { self.replicas[replica] = nil }
    }

    /// The replica keeps everything before `kept`; the log ends at `end`.
    package mutating func acknowledged(
        _ replica: Int64, kept: PhysicalOffset, end: PhysicalOffset, at now: Tick
    ) {
        self.replicas[replica]?.acknowledged(kept, masterEnd: end, at: now)
    }

    /// Everything before this may be confirmed, when the master itself keeps everything before
    /// `own`; nil while a member of the set has not spoken yet.
    package func confirmable(own: PhysicalOffset) -> PhysicalOffset? {
        var lowest = own
        for member in self.set.required where member != self.brokerID {
            guard let kept = self.replicas[member]?.kept else { return nil }
            lowest = min(lowest, kept)
        }
        return lowest
    }

    /// Who but the master may be elected without loss, as far as it knows.
    package var electable: [Int64] { self.set.required.filter { $0 != self.brokerID } }

    /// What is confirmed now may be acknowledged: enough members hold it.
    package var mayAcknowledge: Bool { self.set.members.count >= self.policy.minInSync }

    /// Members that keep up, the master included.
    package func inStep(at now: Tick) -> [Int64] {
        self.set.members.filter { self.isInStep($0, at: now) }
    }

    /// Members but the master that keep up, have spoken, and have been connected for `time`.
    package func proven(for time: Duration, at now: Tick) -> [Int64] {
        self.inStep(at: now).filter { member in
            guard let progress = self.replicas[member], progress.kept != nil,
                let since = progress.connectedSince
            else { return false }
            return now - since >= time
        }
    }

    /// Whether a message taken now has a chance to be acknowledged.
    package func mayTake(at now: Tick) -> Bool {
        self.mayAcknowledge && self.inStep(at: now).count >= self.policy.minInSync
    }

    /// How far a replica is known to have come.
    package func kept(by replica: Int64) -> PhysicalOffset? { self.replicas[replica]?.kept }

    private func isInStep(_ member: Int64, at now: Tick) -> Bool {
        member == self.brokerID
            || (self.replicas[member]?.isInStep(at: now, self.policy) ?? false)
    }
}

// The SyncStateSet follows what the replicas do; only the controllers change it.
extension MasterReplication {
    /// The set that should be asked for now, or nil.
    ///
    /// One proposal at a time, and who must go before who may come: a replica that the controllers
    /// do not want must not keep a dead member in. Fewer than `minInSync` never remain: then the set
    /// keeps its absent members, nothing more is acknowledged, and any of them may still be elected
    /// without loss.
    package mutating func proposal(confirmed: PhysicalOffset, at now: Tick) -> [Int64]? {
        if let asked {
            guard now - asked.at >= self.policy.proposalTimeout else { return nil }
            self.unanswered(asked.members)
        }
        // With nothing to change, the set is asked for as it is when an older proposal may still
        // come: it comes too late then.
        guard
            let members = self.withoutAbsent(at: now) ?? self.withJoining(confirmed, at: now)
                ?? (self.set.isUnsure ? self.set.members : nil)
        else { return nil }
        self.asked = (members, now)
        self.set.proposed(members)
        return members
    }

    private func withoutAbsent(at now: Tick) -> [Int64]? {
        let staying = self.inStep(at: now)
        return staying.count >= self.policy.minInSync && staying != self.set.members
            ? staying : nil
    }

    /// Who keeps up and holds everything confirmed comes in: one at a time, so that one that the
    /// controllers do not want keeps nobody out, and those in turn.
    private func withJoining(_ confirmed: PhysicalOffset, at now: Tick) -> [Int64]? {
        let joining = self.replicas.keys.filter { id in
            guard let progress = self.replicas[id], progress.isConnected,
                let kept = progress.kept, !self.set.members.contains(id)
            else { return false }
            return kept >= max(confirmed, self.begunEnd) && self.isInStep(id, at: now)
                && self.unwanted[id].map { now - $0 >= self.policy.proposalTimeout } ?? true
        }
        let next = joining.min { one, other in
            (self.unwanted[one] ?? .zero, one) < (self.unwanted[other] ?? .zero, other)
        }
        return next.map { (self.set.members + [$0]).sorted() }
    }

    /// The controllers refused it: it never takes effect. Who was to come in waits a while.
    package mutating func refused(_ members: [Int64], at now: Tick) {
        if self.asked?.members == members.sorted() { self.asked = nil }
        self.set.refused(members)
        self.unwanted = self.unwanted.filter { self.replicas[$0.key] != nil }
        for id in members where !self.set.members.contains(id) { self.unwanted[id] = now }
    }

    /// Nobody knows whether it takes effect; it is asked for again.
    package mutating func unanswered(_ members: [Int64]) {
        if self.asked?.members == members.sorted() { self.asked = nil }
        self.set.unanswered(members)
    }

    /// The controllers committed a set. Returns whether it is news.
    package mutating func committed(_ members: [Int64], epoch: Int32, at now: Tick) -> Bool {
        guard self.set.committed(members, epoch: epoch) else { return false }
        self.asked = nil
        for member in members where member != self.brokerID && self.replicas[member] == nil {
            self.replicas[member] = ReplicaProgress(at: now, end: self.begunEnd)
        }
        return true
    }
}
