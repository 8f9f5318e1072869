import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

/// Holds the controllers' Raft group and its state machine against their invariants.
final class ControllerChecks {
    /// What a group's members are told, as far as it is checked.
    struct View: Hashable {
        var masterEpoch: Epoch
        var masterBrokerID: Int64?
        var syncStateSet: [Int64]
        var syncStateSetEpoch: Int32

        func isOlder(than other: View) -> Bool {
            (self.masterEpoch.value, self.syncStateSetEpoch)
                < (other.masterEpoch.value, other.syncStateSetEpoch)
        }
    }

    private struct SetEpoch: Hashable {
        let group: String
        let epoch: Int32
    }

    private let world: World
    private var leaders: [Term: NodeID] = [:]
    private var states: [LogIndex: ControllerState] = [:]
    private var applied: [NodeID: LogIndex] = [:]
    private var newest: [String: View] = [:]
    /// The sets of the controllers that lost their disks.
    private var forgotten: [String: [Int64]] = [:]
    private var views: [SetEpoch: View] = [:]

    init(world: World) { self.world = world }

    func newestView(of group: String) -> View? { self.newest[group] }

    /// Who must hold what is confirmed. Controllers that have forgotten it change nothing about that
    /// until they elect again.
    func syncStateSet(of group: String) -> [Int64] {
        let known = self.newest[group]?.syncStateSet ?? []
        return known.isEmpty ? self.forgotten[group] ?? [] : known
    }

    func leads(_ node: NodeID, in term: Term) {
        guard let other = self.leaders.updateValue(node, forKey: term) else {
            return self.world.probes.hit("controller leader elected")
        }
        guard other != node else { return }
        self.world.violated(.oneLeaderPerTerm, "\(other) and \(node) in term \(term)")
    }

    func applied(_ state: ControllerState, upTo index: LogIndex, by node: NodeID) {
        guard self.applied[node] != index else { return }
        self.applied[node] = index
        if let other = self.states[index] {
            guard other == state else {
                return self.world.violated(
                    .statesArePrefixes, "\(node) has another state at index \(index) than before")
            }
            return
        }
        self.states[index] = state
        for name in state.groups.keys.sorted() {
            if let group = state.groups[name] { self.note(View(group), of: name) }
        }
    }

    /// A restarted controller begins with what its disk holds.
    func restarted(_ node: NodeID) { self.applied[node] = nil }

    /// All of them begin again with empty disks: their terms, indexes and set epochs do, too.
    func startedOver() {
        self.leaders.removeAll()
        self.states.removeAll()
        self.applied.removeAll()
        for group in self.newest.keys { self.forgotten[group] = self.syncStateSet(of: group) }
        self.newest.removeAll()
        self.views.removeAll()
    }

    private func note(_ view: View, of group: String) {
        let key = SetEpoch(group: group, epoch: view.syncStateSetEpoch)
        if let earlier = self.views[key], earlier.syncStateSet != view.syncStateSet {
            return self.world.violated(
                .compareAndSet,
                "the set \(view.syncStateSetEpoch) of \(group) is \(view.syncStateSet), it was "
                    + "\(earlier.syncStateSet)")
        }
        if self.views[key] == nil {
            self.views[key] = view
            self.checkElection(view, of: group)
        }
        guard self.newest[group].map({ $0.isOlder(than: view) }) ?? true else { return }
        self.newest[group] = view
        self.world.say("controllers: \(group) \(view)")
    }

    /// A new master's set is a part of the set before.
    private func checkElection(_ view: View, of group: String) {
        let before = SetEpoch(group: group, epoch: view.syncStateSetEpoch - 1)
        guard let earlier = self.views[before], earlier.masterEpoch < view.masterEpoch,
            !earlier.syncStateSet.isEmpty
        else { return }
        let strangers = Set(view.syncStateSet).subtracting(earlier.syncStateSet)
        guard !strangers.isEmpty else { return }
        self.world.violated(
            .compareAndSet,
            "the election of epoch \(view.masterEpoch.value) in \(group) brought \(strangers.sorted()) "
                + "into the SyncStateSet")
    }
}

extension ControllerChecks.View {
    fileprivate init(_ group: GroupState) {
        self.init(
            masterEpoch: group.masterEpoch, masterBrokerID: group.masterBrokerID,
            syncStateSet: group.syncStateSet, syncStateSetEpoch: group.syncStateSetEpoch)
    }
}

extension ControllerChecks.View: CustomStringConvertible {
    var description: String {
        let master = self.masterBrokerID.map(String.init) ?? "nobody"
        return "epoch \(self.masterEpoch.value) master \(master) set \(self.syncStateSet) "
            + "(\(self.syncStateSetEpoch))"
    }
}
