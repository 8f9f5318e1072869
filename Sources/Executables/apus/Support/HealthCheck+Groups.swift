import MessageFormat
import RemotingProtocol

// What a picture says of the broker groups. No advice here may cost acknowledged messages, unless it
// says so.
extension ClusterPicture {
    var groupChecks: [HealthCheck] {
        if self.isBlind {
            return [
                HealthCheck(
                    "broker groups",
                    problem: "no controller can be asked: masters and SyncStateSets are unknown",
                    try: "start the controllers; brokers that have a master go on without them"
                ).critical
            ] + self.plainGroupChecks
        }
        if let problem = self.groupsProblem {
            // That line is there already.
            guard self.hasLeader else { return [] }
            return [
                HealthCheck(
                    "broker groups", problem: "the controllers do not tell: \(problem)",
                    try: "ask again in a second, or name another controller with --controller")
            ]
        }
        guard let groups = self.groups?.groups else { return self.plainGroupChecks }
        let plain = self.plainGroupChecks(but: Set(groups.keys))
        guard !groups.isEmpty || !plain.isEmpty else {
            return [
                HealthCheck(
                    "broker groups", problem: "no broker has ever registered with the controllers",
                    try: "start one with these controllers in its controllerAddr"
                ).critical
            ]
        }
        return groups.sorted { $0.key < $1.key }.flatMap { name, group in
            [self.check(name, group)] + group.all.compactMap { self.check($0, name, group) }
                + self.routeChecks(name, group)
        } + plain
    }

    /// Without controllers the name servers are all there is to ask.
    private var plainGroupChecks: [HealthCheck] {
        guard let info = self.info else { return [] }
        guard info.brokers.isEmpty else { return self.plainGroupChecks(but: []) }
        return [
            HealthCheck(
                "brokers", problem: "none is registered",
                try: "start one with this name server in its namesrvAddr"
            ).critical
        ]
    }

    private func plainGroupChecks(but known: Set<String>) -> [HealthCheck] {
        let groups = self.info?.brokers.values.filter { !known.contains($0.brokerName) } ?? []
        return groups.sorted { $0.brokerName < $1.brokerName }.map {
            let hasMaster = $0.masterAddress != nil
            return HealthCheck(
                "broker group \($0.brokerName)", problem: hasMaster ? nil : "it has no master",
                try: hasMaster ? nil : "start its master again"
            ).critical
        }
    }
}

// A group.
extension ClusterPicture {
    private func check(_ name: String, _ group: GroupReplicas) -> HealthCheck {
        let what = "broker group \(name)"
        if let forgotten = group.recollecting { return forgotten.check(what, name).critical }
        if let check = self.drained(what, name, group) { return check.critical }
        guard let master = group.livingMaster else {
            return self.masterless(what, name, group).critical
        }
        let living = group.inSync.filter(\.isAlive).count
        if let role = master.report?.role, role != "master" {
            return HealthCheck(
                what,
                problem:
                    "broker \(master.brokerID) is to be its master and does not act as one yet",
                try: "ask again in a second; if it stays so, look into the log of the broker at "
                    + master.brokerAddress
            ).critical
        }
        if let min = self.minInSync(of: group), living < min {
            return HealthCheck(
                what,
                problem: "\(living) of its brokers hold what is acknowledged, minInSyncReplicas is "
                    + "\(min): it refuses messages",
                try: group.all.count < min
                    ? "start another broker with this brokerName, or be content with "
                        + "minInSyncReplicas=\(group.all.count)"
                    : "start those of its brokers that are down; those that run are in step soon"
            ).critical
        }
        if living < 2, group.all.count > 1 {
            return HealthCheck(
                what, problem: "only its master holds what is acknowledged",
                try: "start another of its brokers")
        }
        return HealthCheck(what)
    }

    /// What its master says.
    private func minInSync(of group: GroupReplicas) -> Int? {
        self.brokers.first { $0.address == group.livingMaster?.brokerAddress }?.minInSync
    }

    /// A drained broker refuses messages while it is master.
    private func drained(
        _ what: String, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck? {
        let living = group.all.filter(\.isAlive)
        if !living.isEmpty, living.allSatisfy(\.isDrained) {
            let best = living.first(where: group.isInSync) ?? living[0]
            let others = living.count < group.all.count ? ", or start those that are down" : ""
            return HealthCheck(
                what, problem: "every broker of it that lives is drained: it takes no messages",
                try: "`apus broker drain \(name) --id \(best.brokerID) --undo` lets that one lead "
                    + "again" + others)
        }
        guard let master = group.livingMaster, master.isDrained else { return nil }
        return HealthCheck(
            what,
            problem: "its master, broker \(master.brokerID), is drained and nobody has taken over",
            try: "ask again in a second; if it stays so: "
                + "`apus broker drain \(name) --id \(master.brokerID) --undo`")
    }

    private func masterless(
        _ what: String, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck {
        if group.masterEpoch.value == 0 { return self.masterlessFromTheFirst(what, name, group) }
        if group.inSync.contains(where: \.isAlive) {
            return HealthCheck(
                what, problem: "it has no living master, its brokers send and take nothing",
                try: "ask again in a second; if it stays so: "
                    + "`apus broker elect \(name)` says who may be elected")
        }
        if group.inSync.contains(where: self.runs) {
            return HealthCheck(
                what, problem: "the leading controller hears none of its brokers, which run",
                try: "is every controller in their controllerAddr? " + self.transferAdvice)
        }
        let members = group.inSync.map { String($0.brokerID) }.joined(separator: " or ")
        return HealthCheck(
            what, problem: "nobody that holds all acknowledged messages is alive",
            try: "start broker \(members) again, with the directory that it had. Only if they are "
                + "gone for good: `apus broker elect \(name) --force --yes`, which loses what they "
                + "alone held")
    }

    private func masterlessFromTheFirst(
        _ what: String, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck {
        let isHeard = group.all.contains(where: \.isAlive)
        return HealthCheck(
            what,
            problem: isHeard
                ? "it has no master, and the controllers know of none before"
                : "it never had a master",
            try: isHeard
                ? "ask again in a second; if it stays so, start the others of its brokers: "
                    + "`apus broker elect \(name)` says who is waited for"
                : "start one of its brokers")
    }

    private var transferAdvice: String {
        let follower = self.controllers.first { $0.role == "follower" && $0.problem == nil }
        return follower.map { "`apus controller transfer --to \($0.id)` lets another one lead" }
            ?? "Can the brokers reach it?"
    }

    /// Whether a broker answers us, whatever the controllers hear. Another one may have its address.
    private func runs(_ broker: ReplicaState) -> Bool {
        self.brokers.contains {
            $0.address == broker.brokerAddress && $0.problem == nil
                && ($0.groupID ?? broker.brokerID) == broker.brokerID
        }
    }
}

// A broker of a group.
extension ClusterPicture {
    /// Nil for a broker that is well, or that another line speaks of.
    private func check(
        _ broker: ReplicaState, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck? {
        let what = "broker \(name) \(broker.brokerID) at \(broker.brokerAddress)"
        if let conflict = group.conflicts.first(where: { $0.brokerID == broker.brokerID }) {
            return conflict.check(what)
        }
        if !broker.isAlive { return self.dead(what, broker, name, group) }
        if group.livingMaster != nil, !group.isInSync(broker) {
            let lag = group.lag(of: broker).map { ", \($0) bytes behind" } ?? ""
            return HealthCheck(
                what, problem: "it is not in step with its master\(lag)",
                try: "wait while the number falls (`apus cluster watch`); if it does not, look "
                    + "into its log")
        }
        return nil
    }

    private func dead(
        _ what: String, _ broker: ReplicaState, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck {
        let clean = "`apus broker clean \(name) --id \(broker.brokerID) --yes`"
        if let heir = group.heir(of: broker) {
            return HealthCheck(
                what, problem: "broker \(heir.brokerID) has its address now",
                try: group.isDispensable(broker)
                    ? "if its directory is gone for good: \(clean)"
                    : "keep its directory, which may hold what no living broker has: start it "
                        + "with that at another port")
        }
        if self.runs(broker) {
            return HealthCheck(
                what, problem: "it runs, but the leading controller hears nothing from it",
                try: "is every controller in its controllerAddr, and reachable from there?")
        }
        return HealthCheck(
            what, problem: "the controllers hear nothing from it",
            try: group.isDispensable(broker)
                ? "start it again; if it is gone for good: \(clean)"
                : "start it again, with the directory that it had: it may hold what no living "
                    + "broker has")
    }
}

extension GroupReplicas {
    /// Who lives at the address of a dead one.
    fileprivate func heir(of broker: ReplicaState) -> ReplicaState? {
        guard !broker.brokerAddress.isEmpty else { return nil }
        return self.all.first { $0.isAlive && $0.brokerAddress == broker.brokerAddress }
    }

    /// Whether somebody who lives holds everything that it can have acknowledged.
    fileprivate func isDispensable(_ broker: ReplicaState) -> Bool {
        self.recollecting == nil && self.masterEpoch.value > 0
            && self.inSync.contains { $0.isAlive && $0.brokerID != broker.brokerID }
    }
}

extension ForgottenGroup {
    fileprivate func check(_ what: String, _ name: String) -> HealthCheck {
        let force = "`apus broker elect \(name) --force --yes`"
        guard !self.members.isEmpty else {
            return HealthCheck(
                what,
                problem:
                    "the controllers know nothing of it, and broker \(Self.list(self.unvouched)) "
                    + "has a log of it but does not know who else may have more",
                try: "start all brokers that it ever had, with their directories. Only if they "
                    + "all run, or are gone for good: \(force), which loses what missing ones "
                    + "alone held")
        }
        guard self.lost.isEmpty else { return self.checkLost(what, force) }
        var advice: [String] = []
        for id in self.replaced {
            advice.append(
                "another broker has the id \(id) now: stop that one, `apus broker clean \(name) "
                    + "--id \(id) --yes`, then the earlier one joins by itself")
        }
        let missing = self.waitingFor.filter { !self.replaced.contains($0) }
        if !missing.isEmpty {
            advice.append(
                "start broker \(Self.list(missing)) again, with the directory that it had; clean "
                    + "and empty nothing")
        }
        if !self.waitingFor.isEmpty {
            advice.append(
                "Only if they are gone for good: \(force), which loses what they alone held")
        }
        return HealthCheck(
            what,
            problem: "the controllers have lost what they knew of it: of the brokers "
                + "\(Self.list(self.members)) one has everything acknowledged, "
                + (self.waitingFor.isEmpty
                    ? "and all are heard" : "and \(Self.list(self.waitingFor)) is waited for"),
            try: advice.isEmpty ? "ask again in a second" : advice.joined(separator: ". "))
    }

    private func checkLost(_ what: String, _ force: String) -> HealthCheck {
        let lost = Self.list(self.lost)
        let start =
            self.waitingFor.isEmpty
            ? ""
            : "start broker \(Self.list(self.waitingFor)) again, with the directory that it had; "
        return HealthCheck(
            what,
            problem:
                "of the brokers \(Self.list(self.members)) one had everything acknowledged, but "
                + "broker \(lost) has lost a part of its log, and nobody can tell whether the "
                + "others have it",
            try: start
                + "clean and empty nothing. If an undamaged copy of a lost directory exists, "
                + "start the broker with that; else \(force) goes on with the best log there is, "
                + "and loses what broker \(lost) alone held")
    }

    private static func list(_ ids: [Int64]) -> String {
        ids.map(String.init).joined(separator: ", ")
    }
}

extension EpochConflict {
    fileprivate func check(_ what: String) -> HealthCheck {
        HealthCheck(
            what,
            problem: "it knows epoch \(self.epoch.value) of its group, the controllers none above "
                + "\(self.groupEpoch.value): they have lost something, or it belongs to another "
                + "cluster",
            try: "keep its directory, and do not clean it: it may hold acknowledged messages that "
                + "nobody else has. docs/operations.md says how to choose between it and the master"
        )
    }
}
