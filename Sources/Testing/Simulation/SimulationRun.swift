import BrokerEngine
import MessageFormat

/// One run: a healthy start, faults, everything mended, everything read, everything checked.
package struct SimulationRun {
    package struct Settings: Sendable {
        package var cluster = ClusterPlan()
        package var faults = FaultPlan()
        package var sabotage: Sabotage?
        /// Nil: what the seed draws.
        package var workloads: [Workload]?

        package init() {}
    }

    package let seed: UInt64
    package let settings: Settings

    package init(seed: UInt64, settings: Settings = Settings()) {
        self.seed = seed
        self.settings = settings
    }

    private static let startTime = Duration.seconds(5)
    private static let settleTime = Duration.seconds(25)
    private static let workloadTime = Duration.seconds(15)

    package func run(print: ((String) -> Void)? = nil) -> SimulationResult {
        let world = World(seed: self.seed, print: print)
        let cluster = SimulatedCluster(
            world: world, plan: self.settings.cluster,
            workloads: self.settings.workloads ?? Workload.drawn(for: self.seed),
            sabotage: self.settings.sabotage)
        let nemesis = Nemesis(cluster, self.settings.faults)
        cluster.workloads.rottenGroups = { [weak nemesis] in nemesis?.rotten ?? [] }
        self.begin(cluster, nemesis)
        self.trouble(cluster, nemesis)
        self.settle(cluster, nemesis)
        if world.violation == nil { FinalChecks(cluster).run() }
        let result = SimulationResult(
            seed: self.seed, violation: world.violation, traceHash: world.trace.hash,
            events: world.trace.events, virtualTime: world.time, probes: world.probes,
            acknowledged: cluster.history.acknowledgedCount, seen: cluster.history.seen.count)
        cluster.end()
        return result
    }

    private func begin(_ cluster: SimulatedCluster, _ nemesis: Nemesis) {
        nemesis.applySabotage()
        cluster.operatorHost.start()
        cluster.startAll()
        for producer in cluster.producers { producer.start() }
        self.look(at: cluster)
        self.run(cluster, for: Self.startTime) {
            cluster.operatorHost.hasMadeTopics && cluster.isHealthy
        }
        self.expect(cluster, cluster.isHealthy, "no healthy start")
        if self.settings.faults.countMax == 0 { cluster.workloads.calm() }
    }

    private func trouble(_ cluster: SimulatedCluster, _ nemesis: Nemesis) {
        nemesis.begin()
        self.run(cluster, for: self.settings.faults.span + .milliseconds(500)) { false }
        nemesis.end()
    }

    private func settle(_ cluster: SimulatedCluster, _ nemesis: Nemesis) {
        self.run(cluster, for: .milliseconds(900)) { false }
        for producer in cluster.producers { producer.stopSending() }
        cluster.workloads.finish()
        self.run(cluster, for: Self.settleTime) {
            cluster.isHealthy && cluster.producers.allSatisfy { $0.pendingCount == 0 }
        }
        self.expect(cluster, cluster.isHealthy, "a group has no master or not all of its replicas")
        self.finishWorkloads(cluster)
        cluster.operatorHost.drain()
        self.run(cluster, for: Self.settleTime) { cluster.operatorHost.isDrained }
        self.expect(cluster, cluster.operatorHost.isDrained, "a queue cannot be read")
    }

    private func finishWorkloads(_ cluster: SimulatedCluster) {
        guard cluster.world.violation == nil else { return }
        cluster.workloads.calm()
        self.run(cluster, for: Self.workloadTime) { cluster.workloads.isDone }
        guard cluster.world.violation == nil else { return }
        cluster.workloads.checkDone()
    }

    private func run(_ cluster: SimulatedCluster, for time: Duration, until isDone: () -> Bool) {
        let world = cluster.world
        let deadline = world.time + time.wholeNanoseconds
        // Looking is dear beside an event: now and then is enough.
        while world.violation == nil, world.time < deadline, !isDone() {
            world.run(until: min(deadline, world.time + 10_000_000))
        }
    }

    private func expect(_ cluster: SimulatedCluster, _ isMet: Bool, _ problem: String) {
        guard !isMet else { return }
        cluster.world.violated(.recoversWhenHealed, "\(problem): \(cluster.standing)")
    }

    private func look(at cluster: SimulatedCluster) {
        cluster.world.after(.milliseconds(500)) { [weak cluster] in
            guard let cluster else { return }
            cluster.checks.checkEverything()
            self.look(at: cluster)
        }
    }
}

/// What became of a run.
package struct SimulationResult: Hashable, Sendable {
    package var seed: UInt64
    package var violation: Violation?
    package var traceHash: UInt64
    package var events: UInt64
    /// Nanoseconds.
    package var virtualTime: Int64
    package var probes: Probes
    package var acknowledged: Int
    package var seen: Int
}

extension SimulatedCluster {
    /// Who is what, for people.
    var standing: String {
        let brokers = self.brokers.map { host in
            let role = host.process?.engine.map { "\($0.role)" } ?? "down"
            let report = host.process?.engine?.groupReport
            return "\(host.name): \(role), log \(report?.logEnd.bytes ?? -1), confirmed "
                + "\(report?.confirmed.bytes ?? -1)"
        }
        let views = (0..<self.plan.groups).map { group -> String in
            let name = self.plan.brokerName(group)
            return
                "\(name): \(self.checks.controllers.newestView(of: name)?.description ?? "unknown")"
        }
        return (views + brokers).joined(separator: "; ")
    }
}

extension SimulationResult {
    /// One line for people.
    package var summary: String {
        let verdict = self.violation.map { "\($0)" } ?? "every invariant held"
        return "seed \(self.seed): \(verdict) (\(self.events) events, "
            + "\(self.virtualTime / 1_000_000) ms of virtual time, \(self.acknowledged) "
            + "acknowledged, \(self.seen) seen, trace \(String(self.traceHash, radix: 16)))"
    }
}
