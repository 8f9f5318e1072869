/// What can be changed while a name server runs, under RocketMQ's names. Defaults are RocketMQ's.
package struct NameServerSettings: Hashable, Sendable {
    /// Routes carry the queues of ordered topics.
    package var orderMessageEnable = false
    /// A group without a master shows its smallest id as the master, for reading.
    package var supportActingMaster = false
    /// Brokers are told the queues of ordered topics.
    package var returnOrderTopicConfigToBroker = true

    package init() {}
}

extension NameServerSettings {
    /// What became of an attempt to change a setting.
    package enum Change: Hashable, Sendable { case changed, unknown, locked }

    /// Changes the setting of that name; any text but `true` is false, as everywhere on the wire.
    package mutating func set(_ key: String, to value: String) -> Change {
        if Self.lockedKeys.contains(key) { return .locked }
        guard let path = Self.paths[key] else { return .unknown }
        self[keyPath: path] = value.lowercased() == "true"
        return .changed
    }

    /// All settings with their values, sorted by name.
    package var pairs: [(key: String, value: String)] {
        Self.paths.sorted { $0.key < $1.key }.map { ($0.key, "\(self[keyPath: $0.value])") }
    }

    /// Where the name server keeps things is nobody's business on the network.
    private static let lockedKeys: Set<String> = [
        "configBlackList", "configStorePath", "kvConfigPath",
    ]

    private static var paths: [String: WritableKeyPath<Self, Bool>] {
        [
            "orderMessageEnable": \.orderMessageEnable,
            "supportActingMaster": \.supportActingMaster,
            "returnOrderTopicConfigToBroker": \.returnOrderTopicConfigToBroker,
        ]
    }
}
