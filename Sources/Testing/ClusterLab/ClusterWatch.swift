package import Chaos
import Foundation
import MessageFormat
import RemotingProtocol
import Synchronization

/// Asks the controllers again and again how the cluster is, and notes every change.
///
/// It works on a thread of its own: those who break things block while they wait.
package final class ClusterWatch: Sendable {
    private static let pause: Duration = .milliseconds(40)

    fileprivate struct State {
        var view = ClusterView()
        var plan: ClusterPlan
        var elections: [HistoryEvent] = []
        var isStopped = false
    }

    private let access: ControlAccess
    private let state: Mutex<State>
    private let tell: @Sendable (String) -> Void
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter tell: hears of each new leader, master and in-sync set.
    package init(_ cluster: Cluster, tell: @escaping @Sendable (String) -> Void) {
        self.access = ControlAccess(cluster)
        self.state = Mutex(State(plan: cluster.plan))
        self.tell = tell
        let thread = Thread { self.run() }
        thread.start()
    }

    package var view: ClusterView { self.state.withLock { $0.view } }

    /// Writes every master that was seen so far, for the checker.
    package func writeElections(to path: String, of run: HistoryHeader) throws {
        let writer = try HistoryWriter(path: path, header: run)
        for event in self.state.withLock({ $0.elections }) { try writer.append(event.line) }
    }

    /// The cluster has grown.
    package func use(_ plan: ClusterPlan) { self.state.withLock { $0.plan = plan } }

    package func stop() {
        self.state.withLock { $0.isStopped = true }
        self.ended.wait()
    }

    /// Waits for a view that fits; nil if none comes in time.
    package func wait(
        atMost limit: Duration, for fits: (ClusterView) -> Bool
    ) throws -> ClusterView? {
        var found: ClusterView?
        _ = try ClusterLab.wait(atMost: limit, every: .milliseconds(10)) {
            let view = self.view
            if fits(view) { found = view }
            return found != nil
        }
        return found
    }

    private func run() {
        while !self.state.withLock({ $0.isStopped }) {
            let new = ClusterView(asking: self.access, last: self.view.leader)
            let news = self.state.withLock { $0.take(new, at: Recorder.now) }
            news.forEach(self.tell)
            rest(for: Self.pause)
        }
        self.ended.signal()
    }
}

extension ClusterWatch.State {
    /// Takes a newer view over; one of a leader that has been deposed meanwhile may be older.
    ///
    /// - Returns: what is new, in words.
    fileprivate mutating func take(_ new: ClusterView, at now: Tick) -> [String] {
        var news: [String] = []
        if new.leader != self.view.leader, let leader = new.leader {
            news.append("\(self.name(leader)) leads the controllers")
        }
        self.view.leader = new.leader
        for (group, replicas) in new.groups.sorted(by: { $0.key < $1.key }) {
            let old = self.view.groups[group]
            let order = (replicas.masterEpoch.value, replicas.syncStateSetEpoch)
            if let old, order < (old.masterEpoch.value, old.syncStateSetEpoch) { continue }
            self.view.groups[group] = replicas
            let epoch = replicas.masterEpoch.value
            guard let master = self.view.master(of: group) else {
                if old?.masterBrokerID != nil { news.append("\(group) has no master") }
                continue
            }
            if old?.masterEpoch != replicas.masterEpoch || old?.masterAddress != master {
                let place = MasterPlace(group: group, address: master)
                self.elections.append(
                    HistoryEvent(at: now, .elected(Election(place, epoch: epoch))))
                news.append("\(group): \(self.name(master)) is master, epoch \(epoch)")
            }
            if old.map({ $0.syncStateSetEpoch != replicas.syncStateSetEpoch }) ?? true {
                let names = self.view.inSync(group).map(self.name).sorted()
                news.append("\(group): in sync \(names.joined(separator: ", "))")
            }
        }
        return news
    }

    private func name(_ address: String) -> String { self.plan.node(at: address)?.name ?? address }
}
