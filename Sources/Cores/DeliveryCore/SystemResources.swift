package import MessageFormat

/// Topics and groups that every broker has from its start (`messages.md` §6).
package enum SystemResources {
    package static func topics(_ settings: DeliverySettings) -> [TopicConfig] {
        let template = settings.autoCreateTopic ? [Self.template(settings)] : []
        let trace = settings.hasTraceTopic ? [Self.topic(SystemTopic.trace, queues: 1)] : []
        return template + Self.routes(settings) + Self.stores(settings) + trace
    }

    package static let groups = [
        "TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY",
        "CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER", "CID_RMQ_SYS_TRANS",
    ]

    /// Groups with this prefix exist as soon as somebody names them.
    package static let groupPrefix = "CID_RMQ_SYS_"

    package static func isGroup(_ name: String) -> Bool {
        name.hasPrefix(Self.groupPrefix) || Self.groups.contains(name)
    }

    private static func template(_ settings: DeliverySettings) -> TopicConfig {
        Self.topic(
            SystemTopic.autoCreate, queues: settings.autoCreateQueues, [.readWrite, .inherit])
    }

    /// Topics that only serve to look up where the cluster and the broker are.
    private static func routes(_ settings: DeliverySettings) -> [TopicConfig] {
        [
            Self.topic(settings.cluster, queues: 16, [.readWrite, .inherit]),
            Self.topic(settings.brokerName, queues: 1, [.readWrite, .inherit]),
            Self.topic("rmq_sys_SYNC_BROKER_MEMBER_\(settings.brokerName)", queues: 1, .inherit),
        ]
    }

    private static func stores(_ settings: DeliverySettings) -> [TopicConfig] {
        [
            Self.topic(SystemTopic.selfTest, queues: 1),
            Self.topic("BenchmarkTest", queues: 1024),
            Self.topic(SystemTopic.offsetMoved, queues: 1),
            Self.topic(SystemTopic.schedule, queues: 18),
            Self.topic("\(settings.cluster)_REPLY_TOPIC", queues: 1),
            Self.topic("rmq_sys_REVIVE_LOG_\(settings.cluster)", queues: 8),
            Self.topic(SystemTopic.half, queues: 1),
            Self.topic(SystemTopic.operation, queues: 1),
            Self.topic("rmq_sys_wheel_timer", queues: 1),
        ]
    }

    private static func topic(
        _ name: String, queues: Int32, _ permission: TopicPermission = .readWrite
    ) -> TopicConfig {
        TopicConfig(
            name: name, readQueues: queues, writeQueues: queues, permission: permission)
    }
}
