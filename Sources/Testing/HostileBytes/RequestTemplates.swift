import MessageFormat
package import RemotingProtocol

/// Requests as honest clients make them, for all that a server answers. Hostile ones differ from
/// them in a field or two, and so get past the first check.
package enum RequestTemplates {
    package static let all: [RemotingCommand] = Self.broker + Self.nameServer + Self.controller

    package static let broker: [RemotingCommand] = [
        Self.heartbeat, Self.send("hello"), Self.send("", "TAGS\u{1}a\u{2}KEYS\u{1}k1 k2\u{2}"),
        Self.batch, Self.send("later", "DELAY\u{1}3\u{2}UNIQ_KEY\u{1}U1\u{2}"),
        Self.send("later", "TIMER_DELAY_SEC\u{1}60\u{2}UNIQ_KEY\u{1}U2\u{2}"),
        Self.send(
            "half", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}PG\u{2}UNIQ_KEY\u{1}U3\u{2}", flag: "4"),
        Self.send("once", "APUS_SEQ_PRODUCER\u{1}p\u{2}APUS_SEQ\u{1}1\u{2}"),
        Self.named(.endTransaction, ["commitOrRollback": "8"]),
        Self.named(.pullMessage), Self.named(.litePullMessage),
        Self.named(.updateConsumerOffset), Self.named(.queryConsumerOffset),
        Self.named(.getMaxOffset), Self.named(.getMinOffset),
        Self.named(.searchOffsetByTimestamp), Self.named(.getEarliestMessageStoreTime),
        Self.named(.getConsumerListByGroup), Self.named(.unregisterClient),
        Self.named(.checkClientConfig, body: ["clientId": "c1", "group": "CG"]),
        Self.named(.lockBatchMQ, body: Self.lock.json),
        Self.named(.unlockBatchMQ, body: Self.lock.json), Self.named(.viewMessageByID),
        Self.named(.queryMessage), Self.named(.consumerSendMessageBack), Self.reply,
        Self.named(.recallMessage), Self.named(.popMessage), Self.named(.peekMessage),
        Self.named(.ackMessage), Self.named(.batchAckMessage, body: Self.acknowledgements),
        Self.named(.changeMessageInvisibleTime), Self.named(.notification),
        Self.named(.pollingInfo), Self.named(.queryAssignment, body: Self.assignment.json),
        Self.named(.setMessageRequestMode, body: Self.requestMode),
        Self.named(.getAllMessageRequestMode), Self.named(.updateAndCreateTopic),
        Self.named(.deleteTopicInBroker), Self.named(.getAllTopicConfig),
        Self.named(.getTopicConfig), Self.named(.getTopicStatsInfo),
        Self.named(.queryTopicConsumeByWho),
        Self.named(
            .updateAndCreateSubscriptionGroup, body: SubscriptionGroupConfig(name: "CG").json),
        Self.named(.deleteSubscriptionGroup), Self.named(.getSubscriptionGroupConfig),
        Self.named(.getConsumeStats), Self.named(.getConsumerConnectionList),
        Self.named(.getProducerConnectionList), Self.named(.getAllConsumerOffset),
        Self.named(.queryTopicsByConsumer), Self.named(.querySubscriptionByConsumer),
        Self.named(.getGroupHistory), Self.named(.invokeBrokerToResetOffset),
        Self.named(.cloneGroupOffset), Self.named(.invokeBrokerToGetConsumerStatus),
        Self.named(.getConsumerRunningInfo), Self.named(.consumeMessageDirectly),
        Self.named(.listDelayedMessages), Self.named(.listDeadLetters),
        Self.named(.replayDeadLetter), Self.named(.purgeDeadLetters),
        Self.named(.resumeCheckHalfMessage), Self.named(.getBrokerRuntimeInfo),
        Self.named(.getBrokerEpochCache), Self.named(.getBrokerHAStatus),
    ]

    package static let nameServer: [RemotingCommand] = [
        Self.named(.registerBroker, body: Self.registration), Self.named(.unregisterBroker),
        Self.named(.brokerHeartbeat), Self.named(.getRouteInfoByTopic),
        Self.named(.getBrokerClusterInfo), Self.named(.wipeWritePermissionOfBroker),
        Self.named(.addWritePermissionOfBroker), Self.named(.getAllTopicListFromNameServer),
        Self.named(.deleteTopicInNameServer),
        Self.named(.registerTopicInNameServer, body: ["queueDatas": []]),
        Self.named(.getTopicsByCluster), Self.named(.putKVConfig), Self.named(.getKVConfig),
        Self.named(.deleteKVConfig), Self.named(.getKVListByNamespace),
        Self.named(.getSystemTopicListFromNameServer), Self.named(.updateNameServerConfig),
        Self.named(.getNameServerConfig), Self.named(.queryDataVersion),
        Self.named(.getBrokerMemberGroup),
    ]

    package static let controller: [RemotingCommand] = [
        Self.named(.controllerGetNextBrokerID), Self.named(.controllerApplyBrokerID),
        Self.named(.controllerRegisterBroker), Self.named(.brokerHeartbeat),
        Self.named(.controllerElectMaster), Self.named(.controllerGetReplicaInfo),
        Self.named(.controllerGetMetadataInfo),
        Self.named(
            .controllerGetSyncStateData, body: SyncStateDataRequest(brokerNames: ["b"]).json),
        Self.named(
            .controllerAlterSyncStateSet, body: ["syncStateSet": [1], "syncStateSetEpoch": 1]),
        Self.named(.cleanBrokerData), Self.named(.updateControllerConfig),
        Self.named(.getControllerConfig), Self.named(.drainBroker),
    ]
}

// The hot path's requests have letters for names.
extension RequestTemplates {
    private static func send(
        _ body: String, _ properties: String = "", flag: String = "0"
    ) -> RemotingCommand {
        .request(
            .sendMessageV2,
            fields: [
                "a": "PG", "b": "T", "c": "TBW102", "d": "4", "e": "0", "f": flag,
                "g": "1700000000000", "h": "0", "i": properties, "j": "0", "k": "false",
                "m": "false",
            ], body: Array(body.utf8))
    }

    private static var batch: RemotingCommand {
        var body: [UInt8] = []
        for text in ["one", "two"] {
            MessageBatch.append(
                to: &body, body: Array(text.utf8), properties: Array("KEYS\u{1}k\u{2}".utf8))
        }
        var command = Self.send("")
        command["m"] = "true"
        command.body = body
        return command
    }

    private static var reply: RemotingCommand {
        var command = Self.send("answer", "CORRELATION_ID\u{1}1\u{2}REPLY_TO_CLIENT\u{1}c1\u{2}")
        command.code = RequestCode.sendReplyMessageV2.rawValue
        command["b"] = "DefaultCluster_REPLY_TOPIC"
        return command
    }

    private static var heartbeat: RemotingCommand {
        let subscription = SubscriptionData(
            topic: "T", expression: "*", expressionType: "TAG", version: 1)
        let consumer = ConsumerData(
            group: "CG", consumeType: .passively, messageModel: .clustering,
            consumeFromWhere: .firstOffset, subscriptions: [subscription], unitMode: false)
        let data = HeartbeatData(clientID: "c1", producers: ["PG"], consumers: [consumer])
        return .request(.heartBeat, body: data.encoded)
    }
}

// All others share one table of fields: what a request does not know it does not read.
extension RequestTemplates {
    package static let fields: KeyValuePairs<String, String> = [
        "topic": "T", "group": "CG", "consumerGroup": "CG", "producerGroup": "PG",
        "clientID": "c1", "clientId": "c1", "queueId": "0", "queueOffset": "0", "offset": "0",
        "commitOffset": "1", "maxMsgNums": "4", "sysFlag": "6", "suspendTimeoutMillis": "1000",
        "subscription": "*", "subVersion": "0", "expressionType": "TAG", "timestamp": "0",
        "msgId": "7F00000100002A9F0000000000000030", "key": "k1", "maxNum": "4",
        "beginTimestamp": "0", "endTimestamp": "9000000000000", "delayLevel": "1",
        "originMsgId": "U1", "originTopic": "T", "maxReconsumeTimes": "3",
        "tranStateTableOffset": "0", "commitLogOffset": "48", "fromTransactionCheck": "false",
        "recallHandle": "djEgVCBicm9rZXItYSAxNzAwMDAwMDYwMDAxIFUy", "invisibleTime": "60000",
        "pollTime": "1000", "bornTime": "1700000000000", "initMode": "0", "order": "false",
        "exp": "*", "expType": "TAG", "attemptId": "a1",
        "extraInfo": "0 1700000000000 60000 0 0 broker-a 0 0", "defaultTopic": "TBW102",
        "readQueueNums": "4", "writeQueueNums": "4", "perm": "6", "topicFilterType": "SINGLE_TAG",
        "topicSysFlag": "0", "attributes": "", "groupName": "CG", "cleanOffset": "true",
        "srcGroup": "CG", "destGroup": "CG2", "isForce": "true", "limit": "10",
        "brokerName": "broker-a", "brokerAddr": "127.0.0.1:10911", "clusterName": "c",
        "haServerAddr": "127.0.0.1:10912", "brokerId": "1", "cluster": "c", "namespace": "n",
        "value": "v", "appliedBrokerId": "1", "registerCheckCode": "code", "incarnation": "1",
        "masterEpoch": "1", "epoch": "1", "maxOffset": "48", "confirmOffset": "48",
        "heartbeatTimeoutMills": "1200", "electionPriority": "1", "role": "replica",
        "masterBrokerId": "1", "syncStateSetEpoch": "1", "designateElect": "false",
        "handover": "false", "force": "false", "controllerLeaderId": "n0",
        "brokerControllerIdsToClean": "1", "isCleanLivingBroker": "false",
        "invokeTime": "1700000000000", "peers": "n0-127.0.0.1:9878",
    ]

    private static func named(
        _ code: RequestCode, _ more: [String: String] = [:], body: JSONValue? = nil
    ) -> RemotingCommand {
        var command = RemotingCommand.request(
            code, fields: Self.fields, body: body?.encoded ?? [])
        for (name, value) in more.sorted(by: { $0.key < $1.key }) { command[name] = value }
        return command
    }

    private static let lock = LockBatchBody(
        clientID: "c1", group: "CG",
        queues: [MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)])

    private static let assignment = QueryAssignmentBody(
        clientID: "c1", consumerGroup: "CG", topic: "T")

    private static let requestMode: JSONValue = [
        "topic": "T", "consumerGroup": "CG", "mode": "POP", "popShareQueueNum": 0,
    ]

    private static let acknowledgements: JSONValue = [
        "brokerName": "broker-a",
        "acks": [
            [
                "c": "CG", "t": "T", "r": "0", "so": 0, "q": 0, "rq": 0, "pt": 1_700_000_000_000,
                "it": 60_000, "b": "Aw==",
            ]
        ],
    ]

    private static let registration: JSONValue = [
        "filterServerList": [],
        "topicConfigSerializeWrapper": [
            "dataVersion": ["counter": 0, "stateVersion": 0, "timestamp": 1_700_000_000_000],
            "topicConfigTable": ["T": TopicConfig(name: "T").json],
        ],
    ]
}
