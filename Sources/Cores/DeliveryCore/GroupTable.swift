package import MessageFormat

/// What to do about a consumer group that a client named.
package enum GroupDecision: Hashable, Sendable {
    case exists(SubscriptionGroupConfig)
    /// Create exactly this.
    case create(SubscriptionGroupConfig)
    case refused(String)
}

/// The consumer groups that one broker knows, online or not.
package struct GroupTable: Sendable {
    package let settings: DeliverySettings
    private let systemConfigs: [String: SubscriptionGroupConfig]
    private var configs: [String: SubscriptionGroupConfig]
    package internal(set) var dataVersion: DataVersion

    package init(settings: DeliverySettings, at now: Timestamp = Timestamp(milliseconds: 0)) {
        self.settings = settings
        self.systemConfigs = Dictionary(
            uniqueKeysWithValues: SystemResources.groups.map {
                ($0, SubscriptionGroupConfig(name: $0))
            })
        self.configs = self.systemConfigs
        self.dataVersion = DataVersion(timestamp: now)
    }

    package func config(_ name: String) -> SubscriptionGroupConfig? { self.configs[name] }

    package var count: Int { self.configs.count }
    /// Sorted.
    package var names: [String] { self.configs.keys.sorted() }
    /// By name.
    package var all: [SubscriptionGroupConfig] { self.configs.values.sorted { $0.name < $1.name } }

    package func isSystem(_ name: String) -> Bool { SystemResources.isGroup(name) }

    /// Whether a group that a client named exists or comes into being. Changes nothing.
    package func decideAutoCreate(group name: String) -> GroupDecision {
        if let config = self.configs[name] { return .exists(config) }
        guard self.settings.autoCreateGroup || SystemResources.isGroup(name) else {
            return .refused("the group \(name) does not exist and is not created by itself")
        }
        let config = SubscriptionGroupConfig(name: name)
        return self.problem(with: config).map { .refused($0) } ?? .create(config)
    }

    /// Adds a group. Returns false if it exists or may not (`problem(with:)`).
    package mutating func create(_ config: SubscriptionGroupConfig, at now: Timestamp) -> Bool {
        guard self.configs[config.name] == nil else { return false }
        return self.update(config, at: now)
    }

    /// Adds or replaces a group. Returns whether something changed.
    package mutating func update(_ config: SubscriptionGroupConfig, at now: Timestamp) -> Bool {
        guard self.configs[config.name] != config, self.problem(with: config) == nil else {
            return false
        }
        self.configs[config.name] = config
        self.dataVersion.advance(at: now)
        return true
    }

    /// Returns whether there was such a group.
    package mutating func delete(_ name: String, at now: Timestamp) -> Bool {
        guard self.configs.removeValue(forKey: name) != nil else { return false }
        self.dataVersion.advance(at: now)
        return true
    }

    /// Why this table does not take a group, or nil.
    package func problem(with config: SubscriptionGroupConfig) -> String? {
        if self.configs[config.name] == nil, self.configs.count >= self.settings.groupsMax {
            return "the broker has \(self.configs.count) groups, no more are allowed"
        }
        return Self.formProblem(with: config)
    }

    /// What is wrong with a group whatever else there is, or nil.
    static func formProblem(with config: SubscriptionGroupConfig) -> String? {
        ResourceName.problem(withGroup: config.name)
            ?? TopicTable.problem(withAttributes: config.attributes)
    }
}

extension GroupTable {
    /// Groups whose state does not follow from the settings, by name.
    var remembered: [SubscriptionGroupConfig] {
        self.all.filter { self.systemConfigs[$0.name] != $0 }
    }

    /// System groups that were deleted, sorted.
    var deletedSystemNames: [String] {
        self.systemConfigs.keys.filter { self.configs[$0] == nil }.sorted()
    }

    /// What a record of the log says. Bounds that settings changed since do not undo it.
    mutating func restore(_ config: SubscriptionGroupConfig) { self.configs[config.name] = config }
    mutating func restoreDeletion(of name: String) { self.configs[name] = nil }

    package func checkInvariants() {
        for (name, config) in self.configs {
            precondition(name == config.name, "groups are found by their name")
            precondition(Self.formProblem(with: config) == nil, "every group fits the log")
        }
    }
}
