import ControllerCore
import ControllerEngine
import MessageFormat
import MetricsFormat
import Monitoring
import NIOCore
import Raft
import Synchronization

/// The controller as its monitor asks it.
final class ControllerMonitor: MonitorSource {
    private let door: ControllerDoor
    private let labels: [MetricLabel]
    private let isServing = Atomic(false)

    init(door: ControllerDoor, id: String) {
        self.door = door
        self.labels = [MetricLabel("node_type", "controller"), MetricLabel("node_id", id)]
    }

    /// Its ports are open.
    func served() { self.isServing.store(true, ordering: .releasing) }

    func turned() async { _ = await self.door.ask { _ in } }

    func readiness() async -> Readiness {
        guard self.isServing.load(ordering: .acquiring) else {
            return .notReady("it reads its log")
        }
        return await self.door.ask { $0.readiness } ?? .notReady("it has stopped")
    }

    func metrics() async -> MetricPage {
        let page = await self.door.ask { $0.figures }?.page
        return (page ?? MetricPage()).labelled(self.labels)
    }
}

extension ControllerWorker {
    var readiness: Readiness {
        if self.hasFailed { return .notReady("its disk or its log cannot be used") }
        guard let leader = self.engine.raft.leader else {
            return .notReady(
                "it knows no leader; of \(self.engine.raft.membership.voters.count) controllers "
                    + "\(self.engine.raft.membership.quorum.size) must be up")
        }
        return .ready(self.engine.isLeader ? "it leads" : "it follows \(leader)")
    }

    var figures: ControllerFigures {
        let engine = self.engine
        return ControllerFigures(
            role: engine.raft.role, term: engine.raft.term.value,
            hasLeader: engine.raft.leader != nil,
            committed: engine.raft.committed.value, applied: engine.raft.applied.value,
            last: engine.raft.lastIndex.value, snapshot: engine.raft.snapshotIndex.value,
            voters: engine.raft.membership.voters.count, connections: self.connectionCount,
            requests: self.requests, elections: self.elections,
            groups: engine.state.groups.sorted { $0.key < $1.key }.prefix(1_000).map {
                name, group in
                ControllerFigures.Group(
                    name: name, masterEpoch: group.masterEpoch.value,
                    hasMaster: group.masterBrokerID.map {
                        engine.liveness.isAlive(BrokerKey(group: name, brokerID: $0))
                    } ?? false,
                    brokers: group.brokers.count,
                    living: engine.liveness.lives(of: name).values.count(where: \.isAlive),
                    inSync: group.syncStateSet.count)
            })
    }
}

/// What a controller knows and did.
struct ControllerFigures: Sendable {
    struct Group: Sendable {
        var name: String
        var masterEpoch: UInt32
        var hasMaster: Bool
        var brokers: Int
        var living: Int
        var inSync: Int
    }

    var role: RaftRole
    var term: UInt64
    var hasLeader: Bool
    var committed: UInt64
    var applied: UInt64
    var last: UInt64
    var snapshot: UInt64
    var voters: Int
    var connections: Int
    var requests: Int64
    var elections: Int64
    var groups: [Group]

    var page: MetricPage {
        var page = MetricPage()
        self.raft(&page)
        page.gauge(
            "apus_connections", "Connections of brokers and tools that are open.",
            MetricSample(self.connections))
        page.counter(
            "apus_requests_total", "Requests since the start.", MetricSample(self.requests))
        page.counter(
            "apus_controller_elections_total",
            "Elections of masters that this controller proposed since the start.",
            MetricSample(self.elections))
        self.brokers(&page)
        return page
    }

    private func raft(_ page: inout MetricPage) {
        page.gauge(
            "apus_controller_leader", "1 while this controller leads.",
            MetricSample(self.role == .leader ? 1 : 0))
        page.gauge(
            "apus_controller_has_leader", "1 while it knows a leader, itself or another.",
            MetricSample(self.hasLeader ? 1 : 0))
        page.gauge("apus_controller_term", "Its term.", MetricSample(self.term))
        page.gauge(
            "apus_controller_commit_index", "The last entry of its log that is agreed on.",
            MetricSample(self.committed))
        page.gauge(
            "apus_controller_applied_index", "The last entry that its state has.",
            MetricSample(self.applied))
        page.gauge(
            "apus_controller_last_index", "The last entry of its log.", MetricSample(self.last))
        page.gauge(
            "apus_controller_snapshot_index", "The last entry in its newest snapshot.",
            MetricSample(self.snapshot))
        page.gauge(
            "apus_controller_voters", "Controllers that have a vote.", MetricSample(self.voters))
    }

    /// What is agreed on is the same everywhere; who lives each controller sees for itself.
    private func brokers(_ page: inout MetricPage) {
        func add(_ name: String, _ help: String, _ value: (Group) -> Int) {
            page.add(
                .gauge, name, help,
                self.groups.map { MetricSample(value($0), MetricLabel("broker_set", $0.name)) })
        }
        add("apus_group_master_epoch", "The group's epoch.") { Int($0.masterEpoch) }
        add("apus_group_has_master", "1 while the group's master is alive.") {
            $0.hasMaster ? 1 : 0
        }
        add("apus_group_brokers", "Brokers that are registered.") { $0.brokers }
        add("apus_group_living_brokers", "Brokers that this controller hears.") { $0.living }
        add("apus_group_sync_state_set", "Members of the SyncStateSet.") { $0.inSync }
    }
}
