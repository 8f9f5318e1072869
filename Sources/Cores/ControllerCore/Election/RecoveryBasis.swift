package import MessageFormat

/// What is left to go by when the winner of an election after the controllers' own loss loses its log.
///
/// That winner had everything, as the best of all of the newest SyncStateSet S that was remembered.
/// Who stays beside it need not have: S may have shrunk, and all who knew may have crashed before
/// their disks named the smaller set. So the others may follow it once they have all that it had.
/// But that includes what it never confirmed, and nobody else may have. When it comes back without
/// its log, and is no master any more, the others need less: `soundMin` of S must be heard in the
/// present epoch, without a loss that they know of. The best log of those has everything
/// acknowledged, by these steps:
///
/// - Let L be the set of the newest acknowledgement. After S nobody came in: growth is written down
///   before it is asked for, and would be remembered. So L is a part of S, and all of L hold
///   everything acknowledged, also what was acknowledged with larger sets before.
/// - A master acknowledges with `min` members or more. `soundMin` is |S| - min + 1, so at least one
///   of those who are heard is in L. Fewer would not do: L may be just those who are missing.
/// - In the present epoch nobody leads, and those who report it have left every earlier master. So
///   nothing is acknowledged any more, and reports are exact: no log has grown since.
/// - Of two logs the one with the newer epoch, then the longer one, has all that was confirmed in
///   the other: an epoch begins on a log that has everything confirmed before.
///
/// Who says that it has lost a part is not waited for: what it held is in the rest of L, too. Losses
/// that nobody knows of are outside of this, as in every election; against them the winner must
/// reach everything that anybody ever reported as confirmed.
package struct RecoveryBasis: Hashable, Sendable {
    /// The highest confirm offset that was reported when the controllers recollected the group.
    package var confirmed: PhysicalOffset
    package var soundMin: Int32

    package init(confirmed: PhysicalOffset, soundMin: Int32) {
        self.confirmed = confirmed
        self.soundMin = soundMin
    }

    /// Of all members of a remembered set. Who does not say its minimum may have been alone.
    init(_ reports: [BrokerReport]) {
        let min = reports.map { $0.minInSync ?? 1 }.min() ?? 1
        self.confirmed = reports.map(\.confirmOffset).max() ?? .zero
        self.soundMin = Int32(clamping: max(1, reports.count - max(1, min) + 1))
    }
}

/// The members of a set whose first winner has lost its log, by what they say.
private struct Remainder {
    /// Alive, in the present epoch, and with everything that is known to be confirmed.
    var sound: [Int64] = []
    var lost: [Int64] = []
    /// They may be sound: nobody knows yet.
    var unheard: [Int64] = []

    init(
        of group: GroupState, _ lives: [Int64: BrokerLife], confirmed: PhysicalOffset
    ) {
        for id in group.syncStateSet {
            guard let life = lives[id] else {
                self.unheard.append(id)
                continue
            }
            if life.report.lacksConfirmed {
                self.lost.append(id)
            } else if !life.isAlive || life.report.masterEpoch != group.masterEpoch {
                self.unheard.append(id)
            } else if life.report.maxOffset < confirmed {
                self.lost.append(id)
            } else {
                self.sound.append(id)
            }
        }
    }
}

extension BrokerLiveness {
    /// Whether the winner of an election after the controllers' loss is gone, and nobody has all that
    /// it had.
    func lacksWinner(_ name: String, _ group: GroupState) -> Bool {
        guard group.recovery != nil, group.masterBrokerID == nil else { return false }
        let decision = try? MasterElection.decide(
            group, cause: .masterLost(isGone: true), candidates: self.candidates(of: name, group),
            livingMaster: nil)
        return decision == nil
    }

    /// Another election on what the last one went by; `RecoveryBasis` says why that is safe.
    func secondRecollection(
        of name: String, _ group: GroupState, _ basis: RecoveryBasis
    ) -> Recollection {
        let lives = self.lives(of: name)
        let members = lives.filter { group.syncStateSet.contains($0.key) }
        let confirmed = members.values.map(\.report.confirmOffset).reduce(basis.confirmed) {
            max($0, $1)
        }
        let rest = Remainder(of: group, lives, confirmed: confirmed)
        let set = RememberedSet(
            masterEpoch: group.masterEpoch, syncStateSetEpoch: group.syncStateSetEpoch,
            members: group.syncStateSet)
        guard rest.sound.count >= basis.soundMin else {
            return rest.sound.count + rest.unheard.count >= basis.soundMin
                ? .waiting(for: rest.unheard, of: set, replaced: [])
                : .lost(rest.lost, of: set, unheard: rest.unheard)
        }
        let cause = ElectionCause.recovered(
            above: group.masterEpoch, keeping: rest.sound,
            basis: RecoveryBasis(confirmed: confirmed, soundMin: basis.soundMin))
        let candidates = members.sorted { $0.key < $1.key }.map {
            ElectionCandidate($0.key, $0.value.report, isIntact: rest.sound.contains($0.key))
        }
        return .complete(cause, candidates)
    }
}

extension BrokerReport {
    /// Its log ends before what it knows to be confirmed: it says so itself.
    var lacksConfirmed: Bool { self.confirmOffset > self.maxOffset }
}
