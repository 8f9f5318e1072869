import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol

/// Holds every step of a run against the design's invariants, with a god's view: disks, engines and
/// the controllers' states lie open.
final class InvariantChecks {
    private struct Mastership: Hashable {
        let group: Int
        let epoch: Epoch
    }

    /// A broker's engine, to tell it from the one before.
    private struct Engine: Hashable {
        let broker: String
        let life: Int
        let number: Int
    }

    let world: World
    let controllers: ControllerChecks
    /// Set once, by the cluster: whose disks are looked at.
    var brokers: [BrokerHost] = []
    /// Set when somebody wants to know what is confirmed.
    var confirmedMessages: ConfirmedMessages?
    private var golden: [Int: GoldenLog] = [:]
    private var masters: [Mastership: Engine] = [:]
    private var mastered: Set<Engine> = []
    private var confirmed: [Engine: PhysicalOffset] = [:]
    let minInSyncReplicas = 2

    init(world: World) {
        self.world = world
        self.controllers = ControllerChecks(world: world)
    }

    // MARK: Every turn of a broker

    func turned(_ process: BrokerProcess) {
        let me = self.key(process)
        // Also when it has stepped down within this turn: it may have confirmed something before.
        guard self.mastered.contains(me), let report = process.engine?.groupReport else { return }
        let before = self.confirmed[me] ?? .zero
        guard report.confirmed != before else { return }
        guard report.confirmed > before else {
            return self.world.violated(
                .confirmNeverGoesBack,
                "\(process.name) confirmed \(before.bytes), now \(report.confirmed.bytes)")
        }
        self.confirmed[me] = report.confirmed
        self.confirmed(before.bytes..<report.confirmed.bytes, by: process)
    }

    /// A master has confirmed more: whoever may be elected next must have it on its disk.
    private func confirmed(_ range: Range<Int64>, by process: BrokerProcess) {
        let group = process.host.group
        let golden = self.goldenLog(of: group)
        let known = range.clamped(to: 0..<golden.end.bytes)
        if let at = golden.firstDifference(from: process.host.store, in: known), !known.isEmpty {
            return self.world.violated(
                .logsAreIdentical,
                "\(process.name) confirms other bytes at \(at.bytes) than were confirmed before")
        }
        if range.upperBound > golden.end.bytes {
            let fresh = golden.end.bytes..<range.upperBound
            golden.append(self.sound(fresh, for: process).copy(fresh))
            self.readConfirmed(golden, by: process)
        }
        self.checkMembers(of: group, hold: range)
    }

    private func readConfirmed(_ golden: GoldenLog, by process: BrokerProcess) {
        do {
            try self.confirmedMessages?.read(
                golden, of: process.host.group, logID: process.host.store.logID)
        } catch {
            self.world.violated(
                .nothingIsMadeUp, "\(process.name) confirms what cannot be read: \(error)")
        }
    }

    /// A disk of the SyncStateSet on which no fault has changed this range.
    private func sound(_ range: Range<Int64>, for process: BrokerProcess) -> VirtualLogStore {
        let stores = [process.host.store] + self.members(of: process.host.group).map(\.store)
        return stores.first { !$0.isDamaged(range) } ?? process.host.store
    }

    private func goldenLog(of group: Int) -> GoldenLog {
        if let golden = self.golden[group] { return golden }
        let golden = GoldenLog()
        self.golden[group] = golden
        return golden
    }

    /// Every member of the committed SyncStateSet has these confirmed bytes, durably.
    private func checkMembers(of group: Int, hold range: Range<Int64>) {
        guard let golden = self.golden[group] else { return }
        for host in self.members(of: group) {
            let start = max(range.lowerBound, host.store.segmentBases.first?.bytes ?? 0)
            guard start < range.upperBound else { continue }
            let part = start..<range.upperBound
            if let at = golden.firstDifference(from: host.store, in: part) {
                return self.world.violated(
                    .logsAreIdentical, "\(host.name), of the SyncStateSet, differs at \(at.bytes)")
            }
            guard host.store.isDurable(part) || host.store.isDamaged(part) else {
                return self.world.violated(
                    .ackedMeansDurable,
                    "\(host.name), of the SyncStateSet, could lose confirmed bytes before "
                        + "\(part.upperBound)")
            }
        }
    }

    func members(of group: Int) -> [BrokerHost] {
        let inGroup = self.brokers.filter { $0.group == group }
        guard let name = inGroup.first?.brokerName else { return [] }
        let set = self.controllers.syncStateSet(of: name)
        return inGroup.filter { host in host.identity.map { set.contains($0.brokerID) } ?? false }
    }

    // MARK: Events

    func roleChanged(to role: BrokerRole, of process: BrokerProcess) {
        guard case .master(let epoch) = role else { return }
        let me = self.key(process)
        self.mastered.insert(me)
        let mastership = Mastership(group: process.host.group, epoch: epoch)
        if let other = self.masters.updateValue(me, forKey: mastership), other != me {
            self.world.violated(
                .oneMasterPerEpoch, "\(other.broker) and \(me.broker) in epoch \(epoch.value)")
        }
        self.world.probes.hit("master elected")
        // Who hears late of an election that is history cannot confirm anything.
        let newest = self.controllers.newestView(of: process.host.brokerName)?.masterEpoch
        guard newest == epoch else { return self.world.probes.hit("mastership taken too late") }
        self.checkNewMaster(process)
    }

    /// Nothing that was confirmed is lost by an election.
    private func checkNewMaster(_ process: BrokerProcess) {
        guard let golden = self.golden[process.host.group], golden.end > .zero else { return }
        self.world.probes.hit("failover")
        let start = process.host.store.segmentBases.first?.bytes ?? 0
        guard start < golden.end.bytes,
            let at = golden.firstDifference(
                from: process.host.store, in: start..<golden.end.bytes, countingMissing: true)
        else { return }
        self.world.violated(
            .nothingAckedIsLost,
            "\(process.name) became master, but at \(at.bytes) its log is not what was confirmed "
                + "up to \(golden.end.bytes)")
    }

    /// A send is acknowledged right now.
    func answered(_ response: SendResponse, by process: BrokerProcess) {
        guard response.code == .success, let golden = self.golden[process.host.group] else {
            return self.checkRefusal(response, by: process)
        }
        let first = response.messageIDs.text.prefix { $0 != "," }
        guard let id = OffsetMessageID(first),
            id.physicalOffset.bytes + 4 <= golden.end.bytes
        else {
            return self.world.violated(
                .ackedMeansDurable, "\(process.name) acknowledges \(first) before it is confirmed")
        }
        let start = Int(id.physicalOffset.bytes)
        let size = golden.bytes[start..<(start + 4)].reduce(0) { $0 << 8 | Int64($1) }
        let range = Int64(start)..<(Int64(start) + max(4, size))
        guard range.upperBound <= golden.end.bytes else {
            return self.world.violated(
                .ackedMeansDurable, "\(process.name) acknowledges \(first), which is not confirmed")
        }
        let copies = self.brokers.count { host in
            host.group == process.host.group && host.store.isDurable(range)
                && golden.firstDifference(from: host.store, in: range) == nil
        }
        guard copies >= self.minInSyncReplicas else {
            return self.world.violated(
                .ackedMeansDurable,
                "\(process.name) acknowledges \(first) with \(copies) durable copies")
        }
    }

    private func checkRefusal(_ response: SendResponse, by process: BrokerProcess) {
        guard response.code == .success else {
            return self.world.probes.hit("answered: \(response.code.name)")
        }
        self.world.violated(
            .ackedMeansDurable, "\(process.name) acknowledges before anything is confirmed")
    }

    /// A broker cuts its log off.
    func truncates(_ process: BrokerProcess, to end: PhysicalOffset, knowing report: GroupReport) {
        guard end < report.confirmed, !process.host.store.isDamaged else { return }
        self.world.violated(
            .nothingAckedIsLost,
            "\(process.name) cuts off what it knows to be confirmed: \(end.bytes) < "
                + "\(report.confirmed.bytes)")
    }

    func unreadable(_ entry: IndexEntry, of process: BrokerProcess) {
        let start = entry.position.bytes
        guard !process.host.store.isDamaged(start..<(start + Int64(entry.size))) else { return }
        self.world.violated(
            .nothingIsMadeUp, "\(process.name) cannot read its message at \(start)")
    }

    func lost(_ remark: String, by process: BrokerProcess) {
        guard !process.host.store.isDamaged else { return }
        self.world.violated(
            .nothingIsMadeUp, "\(process.name) misses a message of an undamaged log: \(remark)")
    }

    func unexplainedRecoveryFailure(of host: BrokerHost, _ reason: String) {
        guard !host.store.isDamaged else { return }
        self.world.violated(
            .recoversWhenHealed, "\(host.name) cannot recover an undamaged log: \(reason)")
    }

    // MARK: From time to time, and at the end

    func checkEverything() {
        for (group, golden) in self.golden.sorted(by: { $0.key < $1.key }) where golden.end > .zero
        {
            self.checkMembers(of: group, hold: 0..<golden.end.bytes)
        }
    }

    func goldenEnd(of group: Int) -> PhysicalOffset { self.golden[group]?.end ?? .zero }

    private func key(_ process: BrokerProcess) -> Engine {
        Engine(
            broker: process.name, life: process.machine.life, number: process.engineNumber)
    }
}
