import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

/// What a leader keeps in mind as long as it leads.
struct LeaderDuty: Sendable {
    var term: Term?
    var since = Tick.zero
    /// Elections that are proposed and not decided yet, by group.
    var electing: [String: LogIndex] = [:]
    /// When the first broker of a group without any election was heard.
    var firstHeard: [String: Tick] = [:]
    /// What was said last of groups that wait for their brokers.
    var waits: [String: String] = [:]
    /// Brokers that know more than these controllers, as they were told to the log last.
    var ahead: [String: [Int64]] = [:]
    var watchedAt: Tick?
    var notedAt: Tick?
    var promotedAt: Tick?
    /// Controllers that have said anything to this leader.
    var heard: Set<NodeID> = []
    /// Since when no broker is heard, though some are registered.
    var deafSince: Tick?
    /// When brokers were allowed to be drained.
    var drained: [BrokerKey: Tick] = [:]

    init() {}

    init(term: Term, since: Tick) {
        self.term = term
        self.since = since
    }
}

extension ControllerEngine {
    /// What a leader does from time to time.
    mutating func attendToDuty() {
        guard self.raft.isLeaderReady else { return }
        if self.isDue(\.watchedAt, every: self.settings.watchInterval) {
            for name in self.state.groups.keys.sorted() { self.considerElection(of: name) }
        }
        self.leaveOfficeIfDeaf()
        if self.isDue(\.notedAt, every: self.settings.noteInterval) { self.noteConfirmed() }
        if self.isDue(\.promotedAt, every: self.settings.promotionInterval) {
            self.promoteLearners()
        }
    }

    private mutating func isDue(
        _ last: WritableKeyPath<LeaderDuty, Tick?>, every interval: Duration
    ) -> Bool {
        let now = self.now.tick
        if let last = self.duty[keyPath: last], now - last < interval { return false }
        self.duty[keyPath: last] = now
        return true
    }

    /// Elects when the master of a group is lost and somebody can follow.
    mutating func considerElection(of name: String) {
        guard self.raft.isLeaderReady, self.duty.electing[name] == nil,
            let group = self.state.groups[name]
        else { return }
        self.tellOfBrokersAhead(of: name, group)
        guard !self.forgetsFounder(of: name, group),
            let cause = self.causeOfElection(of: name, group)
        else { return }
        guard let (cause, candidates) = self.ballot(of: name, group, cause) else { return }
        let command = ControllerCommand.elect(
            .init(
                group: name, masterEpoch: group.masterEpoch, cause: cause,
                candidates: candidates, livingMaster: nil))
        guard case .success(let proposed) = self.raft.propose(command.encoded, at: self.now.tick)
        else { return }
        self.duty.electing[name] = proposed.index
        self.report(.electionProposed(group: name, because: self.reason(group, cause)))
    }

    /// What to propose. A proposal that changes nothing would be repeated with every heartbeat.
    private mutating func ballot(
        of name: String, _ group: GroupState, _ cause: ElectionCause
    ) -> (ElectionCause, [ElectionCandidate])? {
        guard self.liveness.isForgotten(name, group) else {
            return self.candidates(of: name, group, cause).map { (cause, $0) }
        }
        do throws(ControllerRefusal) {
            let ballot = try self.firstBallot(of: name, group)
            _ = try MasterElection.decide(
                group, cause: ballot.cause, candidates: ballot.candidates, livingMaster: nil)
            self.duty.waits[name] = nil
            return ballot
        } catch {
            let reason = error.description
            if self.duty.waits.updateValue(reason, forKey: name) != reason {
                self.report(.electionWaits(group: name, because: reason))
            }
            return nil
        }
    }

    /// Who may be elected in a group that these controllers know nothing of, or less: when they have
    /// lost their disks, its brokers know more.
    func firstBallot(
        of name: String, _ group: GroupState
    ) throws(ControllerRefusal) -> (cause: ElectionCause, candidates: [ElectionCandidate]) {
        if group.isFresh {
            let ahead = Self.list(self.liveness.brokersAhead(of: name, group))
            throw .nobodyElectable(
                "broker \(Self.list(group.syncStateSet)) alone was elected and may have "
                    + "acknowledged messages, and broker \(ahead) knows of an earlier life of the "
                    + "group; force the election of one of them: what the other one alone has is "
                    + "left behind")
        }
        switch self.liveness.recollection(of: name, group) {
        case .nothing where !group.isNew:
            throw .nobodyElectable(
                "the controllers have lost what they knew of the group, and no broker that is alive "
                    + "remembers it")
        case .nothing:
            return (.masterLost(isGone: false), self.liveness.candidates(of: name, group))
        case .complete(let cause, let candidates): return (cause, candidates)
        case .unvouched(let ids):
            throw .nobodyElectable(
                "the controllers know nothing of the group, and broker \(Self.list(ids)) has a log "
                    + "of it without the file syncStateSet, which says who else may have more")
        case .waiting(let missing, let newest, let replaced):
            throw .nobodyElectable(
                "the controllers have lost what they knew of the group; of the brokers "
                    + "\(Self.list(newest.members)), one of which has everything acknowledged, "
                    + "\(Self.list(missing)) must still be heard"
                    + (replaced.isEmpty
                        ? "" : "; another broker has the id \(Self.list(replaced)) now"))
        case .lost(let ids, let set, let unheard):
            throw .nobodyElectable(Self.loss(of: ids, set, unheard))
        }
    }

    private static func loss(
        of ids: [Int64], _ set: RememberedSet, _ unheard: [Int64]
    ) -> String {
        let start = unheard.isEmpty ? "" : "start broker \(Self.list(unheard)), then "
        return
            "of the brokers \(Self.list(set.members)), one of which had everything acknowledged, "
            + "\(Self.list(ids)) lost a part of the log, and the others may lack it, too; "
            + start + "force the election of the best: what it lacks is left behind"
    }

    static func list(_ ids: [Int64]) -> String {
        ids.map(String.init).joined(separator: ",")
    }

    /// With whom an election succeeds, nil if with nobody. A master that lives and does nothing is
    /// elected again only if nobody else can be.
    private func candidates(
        of name: String, _ group: GroupState, _ cause: ElectionCause
    ) -> [ElectionCandidate]? {
        let all = self.liveness.candidates(of: name, group)
        let others = all.filter {
            $0.brokerID != group.masterBrokerID || $0.incarnation != group.masterIncarnation
        }
        return [others, all].first { candidates in
            let decision = try? MasterElection.decide(
                group, cause: cause, candidates: candidates, livingMaster: nil)
            guard case .elect(let winner, _, _)? = decision else { return decision != nil }
            return !self.liveness.shouldWait(winner, in: name, group, at: self.now.tick)
        }
    }

    private func reason(_ group: GroupState, _ cause: ElectionCause) -> String {
        if cause.isRecovered {
            return group.recovery == nil || group.masterBrokerID != nil
                ? "its brokers remember more than these controllers"
                : "the master that was found after the controllers' loss has lost its log"
        }
        guard group.masterEpoch > Epoch(0) else { return "it never had a master" }
        guard let master = group.masterBrokerID else { return "it has no master" }
        return cause == .masterLost(isGone: true)
            ? "its master, broker \(master), was started again or removed"
            : "its master, broker \(master), is dead"
    }

    private mutating func causeOfElection(
        of name: String, _ group: GroupState
    ) -> ElectionCause? {
        guard group.masterEpoch > Epoch(0) else { return self.causeOfFirstElection(of: name) }
        switch self.liveness.master(of: name, group, at: self.now.tick) {
        case .alive: return nil
        case .unknown where self.isNewToOffice: return nil
        case .unknown, .dead: return self.knows(group, name) ? .masterLost(isGone: false) : nil
        case .gone: return self.knows(group, name) ? .masterLost(isGone: true) : nil
        }
    }

    /// Others of the group may be about to come, with a longer log.
    private mutating func causeOfFirstElection(of name: String) -> ElectionCause? {
        guard self.liveness.lives(of: name).values.contains(where: \.isAlive) else {
            self.duty.firstHeard[name] = nil
            return nil
        }
        let since = self.duty.firstHeard[name] ?? self.now.tick
        self.duty.firstHeard[name] = since
        return self.now.tick - since >= self.settings.firstElectionWait
            ? .masterLost(isGone: false) : nil
    }

    /// Doublings of the time that a deaf leader stays.
    private static let deafTermsMax = 6

    /// A new leader may not have heard everybody yet: silence means nothing so early.
    var isNewToOffice: Bool { self.isNewToOffice(plus: .zero) }

    func isNewToOffice(plus caution: Duration) -> Bool {
        self.now.tick - self.duty.since <= self.settings.liveness.timeout + caution
    }

    private func knows(_ group: GroupState, _ name: String) -> Bool {
        guard self.isNewToOffice else { return true }
        let lives = self.liveness.lives(of: name)
        return group.syncStateSet.allSatisfy { $0 == group.masterBrokerID || lives[$0] != nil }
    }

    /// Whether brokers are registered and none of them is heard.
    var isDeaf: Bool {
        let names = self.state.groups.keys
        return !names.isEmpty
            && !names.contains { name in
                self.liveness.lives(of: name).values.contains(where: \.isAlive)
            }
    }

    /// A leader that hears no broker cannot see a master die. Another controller may hear them; when
    /// none does, the leadership goes round ever more slowly.
    private mutating func leaveOfficeIfDeaf() {
        guard self.isDeaf else {
            self.duty.deafSince = nil
            self.deafTerms = 0
            return
        }
        let since = self.duty.deafSince ?? self.now.tick
        self.duty.deafSince = since
        let patience = self.settings.deafnessMax * (1 << self.deafTerms)
        guard self.now.tick - since > patience else { return }
        self.duty.deafSince = nil
        self.deafTerms = min(self.deafTerms + 1, Self.deafTermsMax)
        if case .success(let successor) = self.raft.transferLeadership(to: nil, at: self.now.tick) {
            self.report(.officeLeft(to: successor))
        }
    }

    private mutating func noteConfirmed() {
        for (name, group) in self.state.groups.sorted(by: { $0.key < $1.key }) {
            let confirmed = self.liveness.confirmed(of: name, group)
            guard confirmed > group.confirmed else { continue }
            let command = ControllerCommand.noteConfirmed(
                .init(group: name, masterEpoch: group.masterEpoch, confirmed: confirmed))
            _ = self.raft.propose(command.encoded, at: self.now.tick)
        }
    }

    /// A new controller gets its vote once it has caught up; Raft refuses until then. In a log of
    /// few entries nobody lags, not even one that does not exist: its vote would only be missing.
    private mutating func promoteLearners() {
        for learner in self.raft.membership.learners where self.duty.heard.contains(learner) {
            if case .success = self.raft.propose(.promote(learner), at: self.now.tick) { return }
        }
    }
}
