import Chaos
import MessageFormat
import RemotingProtocol

/// One look at the cluster, as `apus cluster watch` shows it.
struct ClusterFrame: Sendable {
    /// Whose address is asked for the count of messages, and what it answered.
    struct Counters: Hashable, Sendable {
        var logEnd: Int64
        var messages: Int64?
    }

    var takenAt: Timestamp
    var tick: ContinuousClock.Instant
    var controllers: [ControllerState] = []
    var groups: [String: GroupReplicas] = [:]
    var counters: [String: Counters] = [:]
    var problem: String?

    static func take(_ access: ControllerAccess) async -> Self {
        var frame = Self(takenAt: Recorder.wallNow, tick: ContinuousClock().now)
        do throws(AccessError) {
            frame.controllers = try await access.states()
            frame.groups = try await access.groups().groups
        } catch {
            frame.problem = error.plainText
        }
        for (name, group) in frame.groups {
            guard let master = group.livingMaster else { continue }
            frame.counters[name] = Counters(
                logEnd: master.report?.maxOffset.bytes ?? 0,
                messages: await Self.messages(of: master.brokerAddress, access.access))
        }
        return frame
    }

    /// How many messages a broker has taken since its start.
    private static func messages(of address: String, _ access: ClusterAccess) async -> Int64? {
        guard let answer = try? await access.call(.request(.getBrokerRuntimeInfo), to: address),
            let table = try? KVTable(bodyOf: answer)
        else { return nil }
        return table.table["putMessageTimesTotal"].flatMap { Int64($0) }
    }
}

// What a frame looks like beside the one before it.
extension ClusterFrame {
    func text(after before: ClusterFrame?) -> String {
        var lines = [self.headline]
        if let problem = self.problem { lines.append("! \(problem)") }
        var table = Table(
            "GROUP", "MASTER", "EPOCH", "SYNC STATE SET", "BROKERS (BYTES BEHIND)", "MESSAGES/s",
            "KB/s")
        for (name, group) in self.groups.sorted(by: { $0.key < $1.key }) {
            let rates = self.rates(of: name, group, after: before)
            table.add(
                name, self.master(of: group), "\(group.masterEpoch.value)",
                "{" + group.inSync.map { "\($0.brokerID)" }.joined(separator: ",") + "}",
                self.brokers(of: group), rates.map { Self.number($0.messages) } ?? "-",
                rates.map { Self.number($0.bytes.map { $0 / 1_000 }) } ?? "-")
        }
        if !self.groups.isEmpty { lines.append(table.text) }
        return lines.joined(separator: "\n")
    }

    private var headline: String {
        let members = self.controllers.map { "\($0.id) \($0.role ?? "down")" }
        let term = self.controllers.first { $0.role == "leader" }?.term ?? "?"
        return "\(TimeText.text(self.takenAt))  controllers: "
            + (members.isEmpty ? "unknown" : members.joined(separator: ", ") + ", term \(term)")
    }

    private func master(of group: GroupReplicas) -> String {
        guard let id = group.masterBrokerID else { return "none" }
        return group.livingMaster == nil ? "\(id) (dead)" : "\(id) \(group.masterAddress)"
    }

    private func brokers(of group: GroupReplicas) -> String {
        group.all.map { broker in
            let lag = group.lag(of: broker).map(String.init) ?? "?"
            return broker.isAlive ? "\(broker.brokerID):\(lag)" : "\(broker.brokerID):dead"
        }.joined(separator: " ")
    }

    private typealias Rates = (messages: Double?, bytes: Double?)

    /// Nil without an earlier frame of the same master.
    private func rates(
        of name: String, _ group: GroupReplicas, after before: ClusterFrame?
    ) -> Rates? {
        guard let before, before.groups[name]?.masterEpoch == group.masterEpoch,
            let now = self.counters[name], let then = before.counters[name]
        else { return nil }
        let (seconds, attoseconds) = before.tick.duration(to: self.tick).components
        let elapsed = Double(seconds) + Double(attoseconds) / 1e18
        guard elapsed > 0 else { return nil }
        let messages = now.messages.flatMap { now in
            then.messages.map { Double(max(0, now - $0)) / elapsed }
        }
        return (messages, Double(max(0, now.logEnd - then.logEnd)) / elapsed)
    }

    private static func number(_ value: Double?) -> String {
        value.map { String(Int64($0.rounded())) } ?? "-"
    }

    func json(after before: ClusterFrame?) -> JSONValue {
        let groups = self.groups.sorted { $0.key < $1.key }.map { name, group -> JSONValue in
            let rates = self.rates(of: name, group, after: before)
            var members = BrokerRows.json(name, group).members ?? []
            members.append(
                JSONMember("messagesPerSecond", rates?.messages.map { .double($0) } ?? .null))
            members.append(
                JSONMember("bytesPerSecond", rates?.bytes.map { .double($0) } ?? .null))
            return .object(members)
        }
        return [
            "time": .string(TimeText.text(self.takenAt)),
            "controllers": .array(self.controllers.map(\.json)), "groups": .array(groups),
            "problem": self.problem.map { .string($0) } ?? .null,
        ]
    }
}
