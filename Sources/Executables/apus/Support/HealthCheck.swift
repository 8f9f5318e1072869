import MessageFormat
import RemotingProtocol

/// One thing that was looked at; with a problem, also what to do about it.
struct HealthCheck: Hashable, Sendable {
    var what: String
    var problem: String?
    var advice: String?
    /// What is worth knowing though nothing is wrong.
    var note: String?
    /// Messages are not taken because of it, or nobody could take over.
    var isCritical = false

    init(
        _ what: String, problem: String? = nil, try advice: String? = nil, note: String? = nil
    ) {
        self.what = what
        self.problem = problem
        self.advice = advice
        self.note = note
    }

    /// The same, of those that cannot wait for morning.
    var critical: Self {
        var check = self
        check.isCritical = check.problem != nil
        return check
    }

    var state: CheckState {
        if self.problem == nil { return .ok }
        return self.isCritical ? .critical : .warning
    }

    var json: JSONValue {
        [
            "what": .string(self.what), "state": .string(self.state.word),
            "problem": self.problem.map { .string($0) } ?? .null,
            "try": self.advice.map { .string($0) } ?? .null,
            "note": self.note.map { .string($0) } ?? .null,
        ]
    }

    var text: String {
        let first =
            "\(self.what): \(self.problem ?? "well")" + (self.note.map { ", \($0)" } ?? "")
        return self.advice.map { "\(first)\n  try: \($0)" } ?? first
    }
}

// What a picture of a cluster says about its health.
extension ClusterPicture {
    var checks: [HealthCheck] {
        self.nameServerChecks + self.controllerChecks + self.groupChecks + self.brokerChecks
    }

    private var nameServerChecks: [HealthCheck] {
        let isAnyUp = self.nameServers.contains { $0.problem == nil }
        return self.nameServers.map { server in
            let check = HealthCheck(
                "name server \(server.address)", problem: server.problem,
                try: server.problem.map { _ in
                    "start it; clients that know another name server go on meanwhile"
                })
            return isAnyUp ? check : check.critical
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
                try: controller.problem.map { _ in controller.advice ?? "start it again" })
        }
        if !self.hasLeader, !self.isBlind {
            checks.append(
                HealthCheck(
                    "controllers", problem: "nobody leads them: no master can be replaced",
                    try: self.adviceWithoutLeader
                ).critical)
        }
        return checks
    }

    var hasLeader: Bool { self.controllers.contains { $0.role == "leader" } }

    private var adviceWithoutLeader: String {
        let voters = self.controllers.filter(\.hasVote)
        let forgetful = voters.filter(\.mayHaveForgotten).map(\.id)
        let majority = voters.count / 2 + 1
        let up = voters.filter { $0.role != nil && !$0.mayHaveForgotten }.count
        let isAnyDown = voters.contains { $0.role == nil }
        guard up < majority, isAnyDown else {
            return "ask again in a second; an election takes that long"
        }
        guard !forgetful.isEmpty else {
            return "start \(majority - up) of those that are down: they need a majority"
        }
        return "start \(majority - up) more with the directories that they had: "
            + "\(forgetful.joined(separator: ", ")) began with an empty one and cannot say what "
            + "was agreed. Only if those directories are gone for good: stop all controllers, empty "
            + "the directories of all of them, start them all, and leave the brokers' directories "
            + "alone"
    }

    /// Whom name servers show as the master.
    func routeChecks(_ name: String, _ group: GroupReplicas) -> [HealthCheck] {
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
                try: broker.problem.map { _ in "is its process running? Look into its log" },
                note: self.isDrained(broker)
                    ? "drained: it leads again after a restart or `apus broker drain "
                        + "\(broker.name)\(broker.groupID.map { " --id \($0)" } ?? "") --undo`"
                    : nil)
        }
    }

    private func isDrained(_ broker: BrokerInfo) -> Bool {
        self.groups?.groups[broker.name]?.all.contains {
            $0.brokerAddress == broker.address && $0.isDrained
        } ?? false
    }
}
