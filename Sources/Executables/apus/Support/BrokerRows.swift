import MessageFormat
import RemotingProtocol

extension GroupReplicas {
    /// Every broker of the group, by id.
    var all: [ReplicaState] {
        (self.inSync + self.notInSync).sorted { $0.brokerID < $1.brokerID }
    }

    /// The master, if it is alive.
    var livingMaster: ReplicaState? {
        self.all.first { $0.brokerID == self.masterBrokerID && $0.isAlive }
    }

    func isInSync(_ broker: ReplicaState) -> Bool {
        self.inSync.contains { $0.brokerID == broker.brokerID }
    }

    /// Bytes of the master's log that a broker lacks, as far as both have said; reports are up to
    /// a heartbeat old.
    func lag(of broker: ReplicaState) -> Int64? {
        guard broker.isAlive, let master = self.livingMaster?.report, let report = broker.report
        else { return nil }
        return max(0, master.maxOffset.bytes - report.maxOffset.bytes)
    }

    /// What a broker is, in one word.
    func role(of broker: ReplicaState) -> String {
        guard broker.isAlive else { return "dead" }
        if broker.brokerID == self.masterBrokerID { return "master" }
        return broker.report?.role == "fenced" ? "fenced" : "replica"
    }
}

extension ReplicaState {
    /// What it says now, not what it said before it died.
    fileprivate var livingReport: Report? { self.isAlive ? self.report : nil }
}

/// The brokers of all groups as a table and as JSON.
enum BrokerRows {
    static func table(_ data: SyncStateData) -> String {
        var table = Table(
            "GROUP", "EPOCH", "ID", "ADDRESS", "ROLE", "IN SYNC", "END", "LAG", "NOTE")
        for (name, group) in data.groups.sorted(by: { $0.key < $1.key }) {
            for broker in group.all {
                table.add(
                    name, "\(group.masterEpoch.value)", "\(broker.brokerID)",
                    broker.brokerAddress.isEmpty ? "-" : broker.brokerAddress,
                    group.role(of: broker), Self.inSync(broker, of: group),
                    broker.livingReport.map { "\($0.maxOffset.bytes)" } ?? "-",
                    group.lag(of: broker).map(String.init) ?? "-", Self.note(broker, of: group))
            }
        }
        return table.text
    }

    /// A dead member of the SyncStateSet may have kept its log or not.
    private static func inSync(_ broker: ReplicaState, of group: GroupReplicas) -> String {
        guard group.isInSync(broker) else { return "no" }
        return broker.isAlive ? "yes" : "unknown"
    }

    private static func note(_ broker: ReplicaState, of group: GroupReplicas) -> String {
        if let conflict = group.conflicts.first(where: { $0.brokerID == broker.brokerID }) {
            return
                "knows epoch \(conflict.epoch.value), which the controllers do not: keep its data"
        }
        guard !broker.isAlive else { return broker.isDrained ? "drained" : "" }
        let member = group.isInSync(broker) ? "in the SyncStateSet, " : ""
        guard let report = broker.report else { return member + "not heard by this leader" }
        return member + "last seen \(TimeText.age(milliseconds: report.ageMilliseconds)) ago, "
            + "with \(report.maxOffset.bytes) bytes"
    }

    static func json(_ data: SyncStateData) -> JSONValue {
        [
            "groups": .array(
                data.groups.sorted { $0.key < $1.key }.map { Self.json($0.key, $0.value) })
        ]
    }

    static func json(_ name: String, _ group: GroupReplicas) -> JSONValue {
        [
            "group": .string(name),
            "masterBrokerId": group.masterBrokerID.map { .integer($0) } ?? .null,
            "masterAddress": .string(group.masterAddress),
            "masterEpoch": .integer(Int64(group.masterEpoch.value)),
            "syncStateSet": .array(group.inSync.map { .integer($0.brokerID) }),
            "syncStateSetEpoch": .integer(Int64(group.syncStateSetEpoch)),
            "recollecting": group.recollecting?.json ?? .null,
            "conflicts": .array(group.conflicts.map(\.json)),
            "brokers": .array(
                group.all.map { broker in
                    [
                        "id": .integer(broker.brokerID), "address": .string(broker.brokerAddress),
                        "role": .string(group.role(of: broker)),
                        "isAlive": .bool(broker.isAlive),
                        "isInSync": .bool(group.isInSync(broker)),
                        "isDrained": .bool(broker.isDrained),
                        "logEpoch": Self.number(broker.report.map { Int64($0.lastEpoch.value) }),
                        "logEnd": Self.number(broker.report?.maxOffset.bytes),
                        "confirmed": Self.number(broker.report?.confirmOffset.bytes),
                        "lag": Self.number(group.lag(of: broker)),
                        "heartbeatAgeMillis": Self.number(broker.report?.ageMilliseconds),
                    ]
                }),
        ]
    }

    private static func number(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
}
