package import MessageFormat

/// Which brokers live: one controller's memory of heartbeats and connections.
///
/// Every controller hears every broker, so that a new leader knows at once what the old one knew.
/// Only brokers that are registered get in, which bounds it.
package struct BrokerLiveness: Sendable {
    package struct Settings: Hashable, Sendable {
        package var timeout = Duration.milliseconds(1_200)
        package var timeoutMin = Duration.milliseconds(300)
        package var timeoutMax = Duration.seconds(30)
        /// More time than that between two calls of `advance` means that this process was stopped:
        /// the silence may be ours.
        package var stallMax = Duration.milliseconds(300)
        /// Of a group whose master this process never heard, somebody may tell that the state is older
        /// than what brokers remember: a winner that lacks others of the set gives them so long.
        package var strangeMasterWait = Duration.seconds(5)
        /// A master that does not act as one for so long is replaced.
        package var idleMasterMax = Duration.seconds(5)

        package init() {}

        func timeout(asked milliseconds: Int64?) -> Duration {
            guard let milliseconds, milliseconds > 0 else { return self.timeout }
            let bounded = min(milliseconds, 3_600_000)
            return min(max(.milliseconds(bounded), self.timeoutMin), self.timeoutMax)
        }
    }

    package let settings: Settings
    private var groups: [String: [Int64: BrokerLife]] = [:]
    /// The highest confirm offset that a group's own brokers reported.
    private var floors: [String: ConfirmedFloor] = [:]
    private var lastAdvance: Tick

    package init(settings: Settings = Settings(), at now: Tick) {
        self.settings = settings
        self.lastAdvance = now
    }

    package func life(of key: BrokerKey) -> BrokerLife? {
        self.groups[key.group]?[key.brokerID]
    }

    package func lives(of group: String) -> [Int64: BrokerLife] { self.groups[group] ?? [:] }

    package func isAlive(_ key: BrokerKey) -> Bool { self.life(of: key)?.isAlive ?? false }

    /// Connections of the group's brokers that are open, ascending.
    package func connections(of group: String) -> [UInt64] {
        self.lives(of: group).values.filter { $0.end != .connectionClosed }.map(\.connection)
            .sorted()
    }
}

// Inputs.
extension BrokerLiveness {
    /// A registered broker has sent a heartbeat. `group` is what is committed about its group.
    package mutating func heard(
        _ key: BrokerKey, _ report: BrokerReport, of group: GroupState,
        over connection: UInt64, timeoutMilliseconds: Int64?, at now: Tick
    ) {
        let timeout = self.settings.timeout(asked: timeoutMilliseconds)
        if self.groups[key.group]?[key.brokerID] == nil {
            self.groups[key.group, default: [:]][key.brokerID] = BrokerLife(
                report, over: connection, timeout: timeout, at: now)
        } else {
            self.groups[key.group]?[key.brokerID]?.heard(
                report, over: connection, timeout: timeout, at: now)
        }
        self.noteConfirmed(key, report, of: group)
        self.noteIdleness(key, report, of: group, at: now)
    }

    /// A connection is closed: brokers whose newest heartbeat came over it are dead.
    package mutating func closed(_ connection: UInt64) -> [BrokerKey] {
        self.end(.connectionClosed) { $0.connection == connection && $0.end != .connectionClosed }
    }

    /// Time has passed: silent brokers are dead. After a stop of this process the waiting starts
    /// again.
    package mutating func advance(to now: Tick) -> [BrokerKey] {
        let isStalled = now - self.lastAdvance > self.settings.stallMax
        self.lastAdvance = now
        if isStalled { self.forgiveSilence(at: now) }
        return self.end(.silent) { $0.isAlive && now - $0.heardAt > $0.timeout }
    }

    /// The group as it is committed now: brokers that were cleaned are forgotten.
    package mutating func retain(_ group: GroupState?, named name: String) {
        guard let group else {
            self.groups[name] = nil
            self.floors[name] = nil
            return
        }
        for id in self.groups[name, default: [:]].keys.sorted() where group.brokers[id] == nil {
            self.groups[name]?[id] = nil
        }
    }

    /// The id belongs to another broker now.
    package mutating func forget(_ key: BrokerKey) {
        self.groups[key.group]?[key.brokerID] = nil
    }

    private mutating func forgiveSilence(at now: Tick) {
        for (name, group) in self.groups {
            for id in group.keys where group[id]?.isAlive == true {
                self.groups[name]?[id]?.heardAt = now
            }
        }
    }

    private mutating func end(
        _ end: BrokerLife.End, where isEnded: (BrokerLife) -> Bool
    ) -> [BrokerKey] {
        var ended: [BrokerKey] = []
        for (name, group) in self.groups {
            for (id, life) in group where isEnded(life) {
                self.groups[name]?[id]?.end = end
                ended.append(BrokerKey(group: name, brokerID: id))
            }
        }
        return ended.sorted()
    }
}

// What reports say about the group.
extension BrokerLiveness {
    /// Believes the elected master, and members of its set that obey it; nobody can have confirmed
    /// more than he has.
    private mutating func noteConfirmed(
        _ key: BrokerKey, _ report: BrokerReport, of group: GroupState
    ) {
        let isCurrent = report.masterEpoch == group.masterEpoch && group.masterEpoch > Epoch(0)
        guard isCurrent, group.syncStateSet.contains(key.brokerID) else { return }
        let confirmed = min(report.confirmOffset, report.maxOffset)
        self.floors[key.group, default: ConfirmedFloor(group)].raise(to: confirmed, group)

        guard group.isMaster(key.brokerID, report), report.role == .master else { return }
        for id in self.lives(of: key.group).keys where id != key.brokerID {
            self.groups[key.group]?[id]?.masterReported(max(confirmed, group.confirmed))
        }
    }

    private mutating func noteIdleness(
        _ key: BrokerKey, _ report: BrokerReport, of group: GroupState, at now: Tick
    ) {
        let isIdle =
            group.isMaster(key.brokerID, report) && report.masterEpoch == group.masterEpoch
            && report.role != .master
        let known = self.groups[key.group]?[key.brokerID]?.idle
        let goesOn = known?.epoch == group.masterEpoch
        self.groups[key.group]?[key.brokerID]?.idle =
            isIdle ? (goesOn ? known : .init(epoch: group.masterEpoch, since: now)) : nil
    }

    /// Everything below is known to be acknowledged.
    package func confirmed(of name: String, _ group: GroupState) -> PhysicalOffset {
        max(group.confirmed, self.floors[name]?.offset(group) ?? .zero)
    }

    /// Every living broker of a group, as elections see it; ids ascending.
    package func candidates(of name: String, _ group: GroupState) -> [ElectionCandidate] {
        let floor = self.confirmed(of: name, group)
        return self.lives(of: name).sorted { $0.key < $1.key }.filter { $0.value.isAlive }.map {
            let report = $0.value.report
            return ElectionCandidate(
                $0.key, report,
                isIntact: ($0.value.isProven || report.maxOffset >= floor)
                    && !report.lacksConfirmed)
        }
    }

    /// Whether a winner that nothing is known of but its own word should wait for the other members:
    /// after everything was down, one of them may have kept more.
    package func shouldWait(
        _ winner: ElectionCandidate, in name: String, _ group: GroupState, at now: Tick
    ) -> Bool {
        let lives = self.lives(of: name)
        let isStrange = group.masterBrokerID.map { lives[$0] == nil } ?? false
        let wait = isStrange ? self.settings.strangeMasterWait : self.settings.timeout
        guard let life = lives[winner.brokerID], !life.isProven,
            life.report.incarnation == winner.incarnation, now - life.bornAt <= wait
        else { return false }
        return !group.syncStateSet.allSatisfy { lives[$0]?.isAlive ?? false }
    }

    private func isIdle(_ life: BrokerLife, in epoch: Epoch, at now: Tick) -> Bool {
        guard let idle = life.idle, idle.epoch == epoch else { return false }
        return now - idle.since > self.settings.idleMasterMax
    }

    package func master(of name: String, _ group: GroupState, at now: Tick) -> MasterLife {
        guard let id = group.masterBrokerID else { return .gone }
        guard let life = self.lives(of: name)[id] else {
            return group.isMasterReplaced ? .gone : .unknown
        }
        guard life.report.incarnation == group.masterIncarnation else {
            // A dead one may be an earlier start than the one that was elected.
            return life.isAlive || group.isMasterReplaced ? .gone : .unknown
        }
        guard life.isAlive else { return group.isMasterReplaced ? .gone : .dead }
        // It obeys an election that these controllers know nothing of.
        if group.knowsLess(than: life.report, of: id) { return .dead }
        if self.isIdle(life, in: group.masterEpoch, at: now) { return .dead }
        return .alive(id)
    }
}

/// How much of a group's log is known to be acknowledged, since messages were last given up.
private struct ConfirmedFloor: Hashable, Sendable {
    private var cleanSince: Epoch
    private var value = PhysicalOffset.zero

    init(_ group: GroupState) { self.cleanSince = group.cleanSince }

    func offset(_ group: GroupState) -> PhysicalOffset {
        self.cleanSince == group.cleanSince ? self.value : .zero
    }

    mutating func raise(to confirmed: PhysicalOffset, _ group: GroupState) {
        self.value = max(self.offset(group), confirmed)
        self.cleanSince = group.cleanSince
    }
}

/// What became of the elected master.
package enum MasterLife: Hashable, Sendable {
    case alive(Int64)
    /// This process has not heard of it yet.
    case unknown
    /// Silent or cut off: it may still run.
    case dead
    /// The process that was elected has ended, or there is no master.
    case gone
}

extension GroupState {
    func isMaster(_ id: Int64, _ report: BrokerReport) -> Bool {
        id == self.masterBrokerID && report.incarnation == self.masterIncarnation
    }
}
