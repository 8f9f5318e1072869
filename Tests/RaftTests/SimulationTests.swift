import MessageFormat
import Testing

@testable import Raft

/// Method: a group on a simulated network and simulated disks; faults, proposals, reads, snapshots
/// and changes of the group are drawn from the seed. At the end everything is healed, so that what
/// is still missing is lost, not late.
@Suite("a group keeps its promises under any faults")
struct SimulationTests {
    @Test("hundreds of seeds", arguments: 0..<8)
    func seeds(block: Int) {
        var probes = Probes()
        for seed in (block * 25)..<(block * 25 + 25) {
            probes.add(self.run(seed: UInt64(seed)))
        }
        // Faults that were never reached prove nothing.
        #expect(probes.elections > 40 && probes.commits > 2_000 && probes.reads > 150)
        #expect(probes.truncations > 1 && probes.restoredSnapshots > 10 && probes.crashes > 20)
        #expect(probes.losses > 5)
    }

    private func run(seed: UInt64) -> Probes {
        var random = SeededGenerator(state: seed &* 31 &+ 17)
        let faults = Faults.drawn(from: &random)
        let group = SimulatedGroup(
            Bool.random(using: &random) ? 3 : 5, spares: 1, seed: seed, faults: faults, Self.quick)
        group.checks.isMembershipFixed = faults.change == 0
        group.checks.areDisksLost = faults.loss > 0
        for number in 0..<1_000 {
            group.step()
            self.disturb(group, number)
            guard group.checks.problems.isEmpty else { break }
        }
        self.heal(group)
        group.run(3_000) { self.isConverged(group) }
        #expect(group.checks.problems == [], "replay with seed \(seed)")
        #expect(self.isConverged(group), "seed \(seed): the healed group does not converge")
        return group.probes
    }

    private static func quick(_ settings: inout RaftSettings) {
        settings.heartbeatInterval = .milliseconds(10)
        settings.electionTimeout = .milliseconds(60)...(.milliseconds(120))
        settings.candidateTimeout = .milliseconds(30)...(.milliseconds(60))
        settings.lostLeaderTimeout = .milliseconds(5)...(.milliseconds(20))
        settings.messageBytesMax = 128
        settings.messagesInFlightMax = 4
        settings.snapshotChunkBytes = 16
        settings.entriesKeptBehindSnapshot = 1
        settings.learnerLagMax = 4
    }

    private func disturb(_ group: SimulatedGroup, _ number: Int) {
        let name = group.names.randomElement(using: &group.random)!
        if group.random.happens(0.3) {
            group.propose([UInt8(truncatingIfNeeded: number), UInt8(number >> 8)])
        }
        if group.random.happens(0.2) { group.propose([UInt8(number >> 8)], to: name) }
        if group.random.happens(0.1) { group.read(at: name) }
        if group.random.happens(0.05) { group.compact(name) }
        if group.random.happens(group.faults.crash) {
            group.crash(name, tellingPeers: Bool.random(using: &group.random))
            if Bool.random(using: &group.random) { group.start(name) }
        }
        if group.random.happens(0.01) { group.start(name) }
        if group.random.happens(group.faults.loss) { self.emptyDisk(group, name) }
        if group.random.happens(group.faults.transfer) { group.transfer(to: nil) }
        if group.random.happens(group.faults.change) { self.change(group, name) }
        if group.random.happens(group.faults.partition) { self.partition(group, name) }
        if group.random.happens(0.01) { group.heal() }
    }

    /// Never so many that a majority has something to remember: that would be a real loss.
    private func emptyDisk(_ group: SimulatedGroup, _ name: NodeID) {
        let voters = group.settings.firstMembership.voters
        let others = group.unsettled.filter { $0 != name }.count
        guard group.faults.change == 0, voters.contains(name), others + 1 <= (voters.count - 1) / 2
        else { return }
        group.emptyDisk(name)
        if Bool.random(using: &group.random) { group.start(name) }
    }

    private func change(_ group: SimulatedGroup, _ name: NodeID) {
        guard let leader = group.leader, let node = group.node(leader) else { return }
        let membership = node.membership
        if membership.learners.contains(name) {
            _ = group.change(.promote(name))
        } else if !membership.contains(name) {
            _ = group.change(.addLearner(name))
        } else if membership.voters.count > 2 {
            _ = group.change(.remove(name))
        }
    }

    private func partition(_ group: SimulatedGroup, _ name: NodeID) {
        if Bool.random(using: &group.random) {
            group.isolate(name)
            // The others' connections with it may break long before its own with them.
            if Bool.random(using: &group.random) { group.tellOthers(ofLost: name) }
            return
        }
        let other = group.names.randomElement(using: &group.random)!
        group.blocked.insert([name, other])
    }

    private func heal(_ group: SimulatedGroup) {
        group.faults = .none
        group.heal()
        for name in group.names { group.start(name) }
    }

    /// A leader, a fresh entry applied by every member of its group.
    private func isConverged(_ group: SimulatedGroup) -> Bool {
        guard let leader = group.leader, let node = group.node(leader), node.isLeaderReady else {
            return false
        }
        if node.committed == node.lastIndex, group.time % 50 == 0 { group.propose([0xFF, 0xFF]) }
        return group.time % 50 == 40 && node.committed == node.lastIndex
            && node.membership.nodes.allSatisfy { group.node($0)?.applied == node.applied }
    }
}
