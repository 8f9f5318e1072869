import MessageFormat

/// What a group's brokers know of it when the controllers know nothing, or less: it is new, or the
/// controllers have lost their disks or were restored from an older copy.
///
/// The newest SyncStateSet that anybody remembers contains somebody who holds everything
/// acknowledged: a set only grows by a master that has written the growth down before, and an
/// election only takes members away. So when all of it are heard, the best log among them is
/// complete.
package enum Recollection: Hashable, Sendable {
    /// Nobody was ever in a group with a master.
    case nothing
    /// These come with a log of such a group and without a memory of it.
    case unvouched([Int64])
    /// `replaced`: those missing whose ids other brokers have.
    case waiting(for: [Int64], of: RememberedSet, replaced: [Int64])
    /// So many have lost a part of their logs that the others may lack what was acknowledged.
    case lost([Int64], of: RememberedSet, unheard: [Int64])
    /// Everybody who counts is alive.
    case complete(ElectionCause, [ElectionCandidate])
}

extension BrokerLiveness {
    package func recollection(of name: String, _ group: GroupState) -> Recollection {
        let lives = self.lives(of: name).filter {
            group.brokers[$0.key] != nil
                && $0.value.report.newestEpoch <= ControllerLimits.foreignEpochMax
        }
        let memories = lives.reduce(into: [:]) {
            $0[$1.key] = group.memory(of: $1.key, $1.value.report)
        }
        guard var newest = memories.values.max(by: { $0.order < $1.order }),
            group.isUnknown || group.isFresh || newest.order > group.order
        else { return self.recollectionOfOlder(name, group, lives) }
        let sets = memories.values.filter { $0.order == newest.order }.map { Set($0.members) }
        newest.members = Set(sets.joined()).sorted()
        // A broker with an empty directory may have been given the id of one that is to come.
        let missing = newest.members.filter {
            memories[$0] == nil || lives[$0]?.isAlive != true
        }
        guard missing.isEmpty else {
            return .waiting(
                for: missing, of: newest,
                replaced: missing.filter { lives[$0]?.isAlive == true })
        }
        // Whose log ends before what it knows to be confirmed says itself that it lost something.
        let keeping = Self.committed(sets).filter {
            lives[$0].map { !$0.report.lacksConfirmed } ?? false
        }
        let basis = RecoveryBasis(newest.members.compactMap { lives[$0]?.report })
        return .complete(
            self.recovery(of: name, group, keeping: keeping, basis: basis),
            Self.recovering(newest, lives.mapValues(\.report)))
    }

    /// Nobody remembers more than these controllers know.
    private func recollectionOfOlder(
        _ name: String, _ group: GroupState, _ lives: [Int64: BrokerLife]
    ) -> Recollection {
        let recollection = Self.unvouched(lives, group)
        guard recollection == .nothing, let basis = group.recovery,
            self.lacksWinner(name, group)
        else { return recollection }
        return self.secondRecollection(of: name, group, basis)
    }

    private static func unvouched(
        _ lives: [Int64: BrokerLife], _ group: GroupState
    ) -> Recollection {
        let strangers = lives.filter { id, life in
            life.isAlive
                && (group.isUnknown
                    ? life.report.hasBeenLed && id != group.forgotten?.brokerID
                    : group.knowsLess(than: life.report, of: id))
        }
        return strangers.isEmpty ? .nothing : .unvouched(strangers.keys.sorted())
    }

    /// An election in a group that the controllers have forgotten.
    package func recovery(
        of name: String, _ group: GroupState, keeping: [Int64] = [], basis: RecoveryBasis? = nil
    ) -> ElectionCause {
        let seen = self.lives(of: name).values.map(\.report.newestEpoch)
            .filter { $0 <= ControllerLimits.foreignEpochMax }
        let highest = seen.reduce(group.masterEpoch) { max($0, $1) }
        return .recovered(
            above: Epoch(highest.value + ControllerLimits.recoveryEpochGap), keeping: keeping,
            basis: basis)
    }

    /// Only the master remembers more than was committed: whom it wanted to add. So what two
    /// brokers remember was committed, and its members hold everything that was acknowledged since,
    /// if they have kept their logs.
    private static func committed(_ sets: [Set<Int64>]) -> [Int64] {
        guard sets.count > 1, let first = sets.first else { return [] }
        return sets.dropFirst().reduce(first) { $0.intersection($1) }.sorted()
    }

    /// Reports are a little old. The master that serves in the newest epoch has everything whatever
    /// came between them, so while it is there nobody else will do.
    private static func recovering(
        _ newest: RememberedSet, _ reports: [Int64: BrokerReport]
    ) -> [ElectionCandidate] {
        let reports = reports.filter { newest.members.contains($0.key) }
        let confirmed = reports.values.map(\.confirmOffset).max() ?? .zero
        let whole = reports.filter { $0.value.maxOffset >= confirmed }
        let serving = whole.filter {
            $0.value.role == .master && $0.value.masterEpoch == newest.masterEpoch
                && $0.value.lastEpoch == newest.masterEpoch
        }
        let electable = serving.count == 1 ? serving : whole
        return reports.sorted { $0.key < $1.key }.map {
            ElectionCandidate($0.key, $0.value, isIntact: electable[$0.key] != nil)
        }
    }
}

extension ElectionCandidate {
    init(_ id: Int64, _ report: BrokerReport, isIntact: Bool) {
        self.init(
            brokerID: id, incarnation: report.incarnation, lastEpoch: report.lastEpoch,
            maxOffset: report.maxOffset,
            // Who does not serve now is not the first choice.
            priority: report.role == .fenced ? .max : report.priority, isIntact: isIntact)
    }
}

extension RememberedSet {
    var order: (UInt32, Int32) { (self.masterEpoch.value, self.syncStateSetEpoch) }
}

extension BrokerReport {
    /// A broker that was always alone writes epoch 1.
    fileprivate var hasBeenLed: Bool {
        self.masterEpoch > Epoch(0) || self.lastEpoch > Epoch(1)
    }
}
