import MessageFormat
import RemotingProtocol

extension FuzzTarget {
    /// A body in JSON, read as each kind of body there is.
    static let jsonBody = FuzzTarget(name: "json-body", seeds: Self.bodySeeds) { bytes in
        guard let value = try? JSONValue(parsing: bytes) else { return }
        guard let again = try? JSONValue(parsing: value.encoded) else {
            return demand(false, "our own JSON can be read")
        }
        demand(again.encoded == value.encoded, "written, read and written again it is the same")
        for type in Self.bodyTypes { Self.read(value, as: type) }
    }

    private static let bodyTypes: [any JSONBody.Type] = [
        BatchAcknowledgement.self, BrokerData.self, BrokerMemberGroup.self, ClientConnection.self,
        ClusterInfo.self, ConnectionList.self, ConsumeStats.self, ConsumerData.self,
        ConsumerIDList.self, ConsumerOffsetTable.self, DataVersion.self, DeadLetterList.self,
        DelayedMessageList.self, ElectMasterBody.self, ForgottenGroup.self, GroupHistoryList.self,
        GroupList.self, HeartbeatData.self, KVTable.self, LockBatchBody.self,
        LockBatchResult.self, MessageQueue.self, QueryAssignmentBody.self, QueueAssignments.self,
        QueueData.self, RegisterBrokerBody.self, RequestModeBody.self, RequestModeList.self,
        ResetOffsetBody.self, SubscriptionData.self, SubscriptionGroupConfig.self,
        SubscriptionGroupTable.self, SyncStateData.self, SyncStateDataRequest.self,
        TopicConfig.self, TopicConfigTable.self, TopicList.self, TopicRouteData.self,
        TopicStatsTable.self,
    ]

    private static func read<Body: JSONBody>(_ value: JSONValue, as type: Body.Type) {
        guard let body = try? Body(json: value) else { return }
        let encoded = body.encoded
        guard let again = try? Body(parsing: encoded) else {
            return demand(false, "a \(type) that was read can be written and read")
        }
        demand(again.encoded.count == encoded.count, "a \(type) stays as long as it is")
    }

    private static func bodySeeds() -> [[UInt8]] {
        RequestTemplates.all.map(\.body).filter { $0.first == UInt8(ascii: "{") }
            + [
                TopicRouteData(
                    brokers: [
                        BrokerData(cluster: "c", brokerName: "b", addresses: [0: "127.0.0.1:1"])
                    ], queues: []
                ).encoded,
                Array(#"{"offsetTable":{{"brokerName":"b","queueId":1,"topic":"T"}:7}}"#.utf8),
                Array(#"{"a":[1,-2.5e3,true,null,"\u00e9\ud83d\ude00\n"],0:{"x":{}}}"#.utf8),
            ]
    }
}
