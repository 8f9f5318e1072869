import RemotingProtocol

/// Which request is answered by whom. A code that is not here is not supported.
enum RequestTable {
    typealias Handler =
        @Sendable (inout NameServerEngine, Request) throws(RequestFailure) -> Answer

    static let handlers: [RequestCode: Handler] = routes.merging(registrations) { $1 }
        .merging(topics) { $1 }
        .merging(settings) { $1 }

    private static let routes: [RequestCode: Handler] = [
        .getRouteInfoByTopic: reading { $0.getRoute },
        .getBrokerClusterInfo: reading { $0.getClusterInfo },
        .getBrokerMemberGroup: reading { $0.getMemberGroup },
    ]

    private static let registrations: [RequestCode: Handler] = [
        .registerBroker: { e, r throws(RequestFailure) in try e.registerBroker(r) },
        .unregisterBroker: { e, r throws(RequestFailure) in try e.unregisterBroker(r) },
        .queryDataVersion: { e, r throws(RequestFailure) in try e.queryDataVersion(r) },
        .brokerHeartbeat: { e, r throws(RequestFailure) in try e.brokerHeartbeat(r) },
        .registerTopicInNameServer: { e, r throws(RequestFailure) in try e.registerTopic(r) },
    ]

    private static let topics: [RequestCode: Handler] = [
        .getAllTopicListFromNameServer: reading { $0.getAllTopics },
        .getTopicsByCluster: reading { $0.getTopicsByCluster },
        .getSystemTopicListFromNameServer: reading { $0.getSystemTopics },
        .getUnitTopicList: reading { $0.getUnitTopics },
        .getHasUnitSubTopicList: reading { $0.getUnitSubscribedTopics },
        .getHasUnitSubUnunitTopicList: reading { $0.getUnitSubscribedPlainTopics },
        .deleteTopicInNameServer: { e, r throws(RequestFailure) in try e.deleteTopic(r) },
        .wipeWritePermissionOfBroker: { e, r throws(RequestFailure) in
            try e.wipeWritePermission(r)
        },
        .addWritePermissionOfBroker: { e, r throws(RequestFailure) in
            try e.addWritePermission(r)
        },
    ]

    private static let settings: [RequestCode: Handler] = [
        .putKVConfig: { e, r throws(RequestFailure) in try e.putKeyValue(r) },
        .getKVConfig: reading { $0.getKeyValue },
        .deleteKVConfig: { e, r throws(RequestFailure) in try e.deleteKeyValue(r) },
        .getKVListByNamespace: reading { $0.getKeyValues },
        .updateNameServerConfig: { e, r throws(RequestFailure) in try e.updateSettings(r) },
        .getNameServerConfig: reading { $0.getSettings },
    ]

    /// A handler that changes nothing.
    private static func reading(
        _ handler:
            @escaping @Sendable (NameServerEngine) -> (Request) throws(RequestFailure) -> Answer
    ) -> Handler {
        { (engine, request) throws(RequestFailure) in try handler(engine)(request) }
    }
}
