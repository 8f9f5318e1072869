package import MessageFormat

/// What to do about a topic that a client named.
package enum AutoCreateDecision: Hashable, Sendable {
    case exists(TopicConfig)
    /// Create exactly this.
    case create(TopicConfig)
    case refused(AutoCreateRefusal)
}

/// Why a topic does not come into being by itself.
package enum AutoCreateRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case noTemplate(String)
    /// The template exists, but new topics may not be made from it.
    case notInheritable(String)
    /// The client asked for this many queues, or the template has this many.
    case noQueues(Int32)
    case notAllowed(String)

    package var description: String {
        switch self {
        case .noTemplate(let name): "the template topic \(name) does not exist"
        case .notInheritable(let name): "topics are not created from the topic \(name)"
        case .noQueues(let count): "a topic with \(count) queues would be of no use"
        case .notAllowed(let problem): problem
        }
    }
}

extension TopicTable {
    /// Whether and how a first send creates its topic (`requests.md` §2). Changes nothing.
    ///
    /// Retry and dead-letter topics have one queue whatever template the client names: the
    /// group's consumers expect them so.
    package func decideAutoCreate(
        topic: String, defaultTopic: String, clientQueues: Int32
    ) -> AutoCreateDecision {
        if let config = self.config(topic) { return .exists(config) }
        if let group = Self.group(ofDerived: topic) {
            return self.createIfAllowed(
                topic.hasPrefix(ResourceName.retryPrefix)
                    ? Self.retryTopic(of: group) : Self.deadLetterTopic(of: group))
        }
        switch self.instance(of: defaultTopic, named: topic, queues: clientQueues) {
        case .success(let config): return self.createIfAllowed(config)
        case .failure(let refusal): return .refused(refusal)
        }
    }

    /// `%RETRY%group`, as a heartbeat or a message that is sent back creates it.
    package static func retryTopic(
        of group: String, queues: Int32 = 1, isUnit: Bool = false
    ) -> TopicConfig {
        TopicConfig(
            name: ResourceName.retryPrefix + group, readQueues: queues, writeQueues: queues,
            systemFlag: isUnit ? 2 : 0)
    }

    /// `%DLQ%group`.
    package static func deadLetterTopic(of group: String) -> TopicConfig {
        TopicConfig(name: ResourceName.deadLetterPrefix + group, readQueues: 1, writeQueues: 1)
    }

    /// The group whose retry or dead-letter topic this is.
    package static func group(ofDerived topic: String) -> String? {
        for prefix in [ResourceName.retryPrefix, ResourceName.deadLetterPrefix]
        where topic.hasPrefix(prefix) {
            return String(topic.dropFirst(prefix.count))
        }
        return nil
    }

    private func instance(
        of template: String, named name: String, queues asked: Int32
    ) -> Result<TopicConfig, AutoCreateRefusal> {
        guard var config = self.config(template) else { return .failure(.noTemplate(template)) }
        let isSwitchedOff = template == SystemTopic.autoCreate && !self.settings.autoCreateTopic
        guard config.permission.contains(.inherit), !isSwitchedOff else {
            return .failure(.notInheritable(template))
        }
        let queues = min(asked, config.writeQueues)
        guard queues > 0 else { return .failure(.noQueues(queues)) }
        config.name = name
        config.readQueues = queues
        config.writeQueues = queues
        config.permission.remove(.inherit)
        config.systemFlag = 0
        config.isOrdered = false
        config.attributes = [:]
        return .success(config)
    }

    private func createIfAllowed(_ config: TopicConfig) -> AutoCreateDecision {
        self.problem(with: config).map { .refused(.notAllowed($0)) } ?? .create(config)
    }
}
