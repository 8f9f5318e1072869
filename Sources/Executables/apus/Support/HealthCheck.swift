import MessageFormat
import RemotingProtocol

/// One thing that was looked at; with a problem, also what to do about it.
struct HealthCheck: Hashable, Sendable {
    var what: String
    var problem: String?
    var advice: String?

    init(_ what: String, problem: String? = nil, try advice: String? = nil) {
        self.what = what
        self.problem = problem
        self.advice = advice
    }

    var json: JSONValue {
        [
            "what": .string(self.what), "problem": self.problem.map { .string($0) } ?? .null,
            "try": self.advice.map { .string($0) } ?? .null,
        ]
    }

    var text: String {
        let first = "\(self.what): \(self.problem ?? "well")"
        return self.advice.map { "\(first)\n  try: \($0)" } ?? first
    }
}

// What a picture of a cluster says about its health.
extension ClusterPicture {
    var checks: [HealthCheck] {
        self.nameServerChecks + self.controllerChecks + self.groupChecks + self.brokerChecks
    }

    private var nameServerChecks: [HealthCheck] {
        self.nameServers.map { server in
            HealthCheck(
                "name server \(server.address)", problem: server.problem,
                try: server.problem.map { _ in
                    "start it; clients that know another name server go on meanwhile"
                })
        }
    }

    private var controllerChecks: [HealthCheck] {
        guard !self.controllers.isEmpty else { return [] }
        var checks = self.controllers.map { controller in
            HealthCheck(
                controller.id.isEmpty
                    ? "controller at \(controller.address)"
                    : "controller \(controller.id) at \(controller.address)",
                problem: controller.problem,
                try: controller.problem.map { _ in "start it again" })
        }
        if !self.hasLeader {
            checks.append(
                HealthCheck(
                    "controllers", problem: "nobody leads them: no master can be replaced",
                    try: self.adviceWithoutLeader))
        }
        return checks
    }

    private var hasLeader: Bool { self.controllers.contains { $0.role == "leader" } }

    private var adviceWithoutLeader: String {
        let up = self.controllers.filter { $0.role != nil }.count
        let missing = self.controllers.count / 2 + 1 - up
        // Without an answer of any of them nobody knows how many there are.
        if up == 0 { return "start them, or name one that runs with --controller" }
        return missing > 0
            ? "start \(missing) of those that are down: they need a majority"
            : "ask again in a second; an election takes that long"
    }

    private var groupChecks: [HealthCheck] {
        if let problem = self.groupsProblem {
            // That line is there already.
            guard self.hasLeader else { return [] }
            return [
                HealthCheck(
                    "broker groups", problem: "the controllers do not tell: \(problem)",
                    try: "name a controller that runs with --controller")
            ]
        }
        guard let groups = self.groups else { return self.plainGroupChecks }
        return groups.groups.sorted { $0.key < $1.key }.flatMap { name, group in
            [self.check(name, group)] + group.all.compactMap { self.check($0, name, group) }
                + self.routeChecks(name, group)
        }
    }

    /// Without controllers the name servers are all there is to ask.
    private var plainGroupChecks: [HealthCheck] {
        guard let info = self.info else { return [] }
        if info.brokers.isEmpty {
            return [
                HealthCheck(
                    "brokers", problem: "none is registered",
                    try: "start one with this name server in its namesrvAddr")
            ]
        }
        return info.brokers.values.sorted { $0.brokerName < $1.brokerName }.map {
            let hasMaster = $0.masterAddress != nil
            return HealthCheck(
                "broker group \($0.brokerName)", problem: hasMaster ? nil : "it has no master",
                try: hasMaster ? nil : "start its master again")
        }
    }

    private func check(_ name: String, _ group: GroupReplicas) -> HealthCheck {
        let what = "broker group \(name)"
        if group.livingMaster == nil { return self.masterless(what, name, group) }
        let living = group.inSync.filter(\.isAlive).count
        if let master = group.livingMaster, let role = master.report?.role, role != "master" {
            return HealthCheck(
                what,
                problem:
                    "broker \(master.brokerID) is to be its master and does not act as one yet",
                try: "ask again in a second; if it stays so, look into the log of the broker at "
                    + master.brokerAddress)
        }
        if let min = self.minInSync(of: group), living < min {
            return HealthCheck(
                what,
                problem: "\(living) of its brokers hold what is acknowledged, minInSyncReplicas is "
                    + "\(min): it refuses messages",
                try: group.all.count < min
                    ? "start another broker with this brokerName, or set minInSyncReplicas lower"
                    : "start those of its brokers that are down; those that run are in step soon")
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

    /// Whether a broker answers us, whatever the controllers hear.
    private func runs(_ broker: ReplicaState) -> Bool {
        self.brokers.contains { $0.address == broker.brokerAddress && $0.problem == nil }
    }

    private func masterless(
        _ what: String, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck {
        let members = group.inSync.map { String($0.brokerID) }.joined(separator: " or ")
        if group.masterEpoch.value == 0 {
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
        if group.inSync.contains(where: \.isAlive) {
            return HealthCheck(
                what, problem: "it has no living master, its brokers send and take nothing",
                try: "ask again in a second; if it stays so: "
                    + "`apus broker elect \(name)` says who may be elected")
        }
        if group.inSync.contains(where: self.runs) {
            return HealthCheck(
                what, problem: "the leading controller hears none of its brokers, which run",
                try: "is every controller in their controllerAddr? `apus controller transfer` lets "
                    + "another one lead")
        }
        return HealthCheck(
            what, problem: "nobody that holds all acknowledged messages is alive",
            try: "start broker \(members) again. Only if they are gone for good: "
                + "`apus broker elect \(name) --force --yes`, which loses what they alone held")
    }

    /// Nil for a broker that is well, or that another line speaks of.
    private func check(
        _ broker: ReplicaState, _ name: String, _ group: GroupReplicas
    ) -> HealthCheck? {
        let what = "broker \(name) \(broker.brokerID) at \(broker.brokerAddress)"
        if !broker.isAlive, self.runs(broker) {
            return HealthCheck(
                what, problem: "it runs, but the leading controller hears nothing from it",
                try: "is every controller in its controllerAddr, and reachable from there?")
        }
        if !broker.isAlive {
            return HealthCheck(
                what, problem: "the controllers hear nothing from it",
                try: "start it again; if it is gone for good: "
                    + "`apus broker clean \(name) --id \(broker.brokerID) --yes`")
        }
        if group.livingMaster != nil, !group.isInSync(broker) {
            let lag = group.lag(of: broker).map { ", \($0) bytes behind" } ?? ""
            return HealthCheck(
                what, problem: "it is not in step with its master\(lag)",
                try: "wait while the number falls (`apus cluster watch`); if it does not, look "
                    + "into its log")
        }
        return nil
    }

    /// Whom name servers show as the master.
    private func routeChecks(_ name: String, _ group: GroupReplicas) -> [HealthCheck] {
        guard let master = group.livingMaster else { return [] }
        return self.nameServers.compactMap { server in
            guard let info = server.info else { return nil }
            let shown = info.brokers[name]?.masterAddress
            guard shown != master.brokerAddress else { return nil }
            return HealthCheck(
                "route to \(name) at name server \(server.address)",
                problem: "it shows \(shown ?? "nobody") as the master, which is "
                    + master.brokerAddress,
                try: "ask again in a second; if it stays so, is this name server in the broker's "
                    + "namesrvAddr?")
        }
    }

    private var brokerChecks: [HealthCheck] {
        self.brokers.map { broker in
            let id = broker.groupID.map { "\($0) " } ?? ""
            return HealthCheck(
                "broker \(broker.name) \(id)at \(broker.address)", problem: broker.problem,
                try: broker.problem.map { _ in "is its process running? Look into its log" })
        }
    }
}
