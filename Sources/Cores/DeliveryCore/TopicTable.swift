package import MessageFormat

/// The topics of one broker.
///
/// What the log must remember of a change, `DeliveryState` turns into records. System topics
/// follow from the settings, so the log knows only those that somebody changed.
package struct TopicTable: Sendable {
    /// Queues of one topic on one broker.
    package static let queuesMax = Int32(65_536)
    /// All texts of a topic's or group's attributes together.
    package static let attributeBytesMax = 1_024

    package let settings: DeliverySettings
    private let systemConfigs: [String: TopicConfig]
    private var configs: [String: TopicConfig]
    package internal(set) var dataVersion: DataVersion

    package init(settings: DeliverySettings, at now: Timestamp = Timestamp(milliseconds: 0)) {
        let system = SystemResources.topics(settings)
        self.settings = settings
        self.systemConfigs = Dictionary(
            system.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.configs = self.systemConfigs
        self.dataVersion = DataVersion(timestamp: now)
    }

    package func config(_ name: String) -> TopicConfig? { self.configs[name] }

    package var count: Int { self.configs.count }
    /// Sorted.
    package var names: [String] { self.configs.keys.sorted() }
    /// By name.
    package var all: [TopicConfig] { self.configs.values.sorted { $0.name < $1.name } }

    /// A topic that the broker itself needs: neither changed nor deleted by clients.
    package func isSystem(_ name: String) -> Bool {
        SystemTopic.isSystem(name) || self.systemConfigs[name] != nil
    }

    /// Adds a topic. Returns false if it exists or may not (`problem(with:)`).
    package mutating func create(_ config: TopicConfig, at now: Timestamp) -> Bool {
        guard self.configs[config.name] == nil else { return false }
        return self.update(config, at: now)
    }

    /// Adds or replaces a topic. Returns whether something changed.
    package mutating func update(_ config: TopicConfig, at now: Timestamp) -> Bool {
        guard self.configs[config.name] != config, self.problem(with: config) == nil else {
            return false
        }
        self.configs[config.name] = config
        self.dataVersion.advance(at: now)
        return true
    }

    /// Returns whether there was such a topic.
    package mutating func delete(_ name: String, at now: Timestamp) -> Bool {
        guard self.configs.removeValue(forKey: name) != nil else { return false }
        self.dataVersion.advance(at: now)
        return true
    }

    /// Why this table does not take a topic, or nil.
    package func problem(with config: TopicConfig) -> String? {
        if self.configs[config.name] == nil, self.configs.count >= self.settings.topicsMax {
            return "the broker has \(self.configs.count) topics, no more are allowed"
        }
        return Self.formProblem(with: config)
    }

    /// What is wrong with a topic whatever else there is, or nil.
    static func formProblem(with config: TopicConfig) -> String? {
        if let problem = ResourceName.problem(withTopic: config.name) { return problem }
        let queues = 0...Self.queuesMax
        guard queues.contains(config.readQueues), queues.contains(config.writeQueues) else {
            return "a topic has 0 to \(Self.queuesMax) queues, got \(config.readQueues) to read "
                + "and \(config.writeQueues) to write"
        }
        if config.filterType.utf8.count > 64 { return "the topic's filter type is too long" }
        return Self.problem(withAttributes: config.attributes)
    }

    static func problem(withAttributes attributes: [String: String]) -> String? {
        let bytes = attributes.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 4 }
        if bytes <= Self.attributeBytesMax { return nil }
        return "the attributes take \(bytes) bytes, at most \(Self.attributeBytesMax) are allowed"
    }
}

extension TopicTable {
    /// Topics whose state does not follow from the settings, by name.
    var remembered: [TopicConfig] { self.all.filter { self.systemConfigs[$0.name] != $0 } }

    /// System topics that were deleted, sorted.
    var deletedSystemNames: [String] {
        self.systemConfigs.keys.filter { self.configs[$0] == nil }.sorted()
    }

    /// What a record of the log says. Bounds that settings changed since do not undo it.
    mutating func restore(_ config: TopicConfig) { self.configs[config.name] = config }
    mutating func restoreDeletion(of name: String) { self.configs[name] = nil }

    package func checkInvariants() {
        for (name, config) in self.configs {
            precondition(name == config.name, "topics are found by their name")
            precondition(
                self.systemConfigs[name] != nil || Self.formProblem(with: config) == nil,
                "no topic has a form that the log cannot hold")
        }
    }
}

extension DataVersion {
    mutating func advance(at now: Timestamp) {
        self.counter &+= 1
        self.timestamp = now
    }
}
