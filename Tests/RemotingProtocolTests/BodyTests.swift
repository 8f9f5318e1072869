import MessageFormat
import RemotingProtocol
import Testing

/// A body in the exact bytes that existing clients and brokers write, and the value that it is.
private func check<T: JSONBody & Equatable>(
    _ value: T, is text: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(String(decoding: value.encoded, as: UTF8.self) == text, sourceLocation: sourceLocation)
    #expect(try T(parsing: Array(text.utf8)) == value, sourceLocation: sourceLocation)
}

@Suite("JSON bodies")
struct BodyTests {
    private static let broker = BrokerData(
        cluster: "DefaultCluster", brokerName: "broker-a",
        addresses: [0: "10.0.0.1:10911", 1: "10.0.0.2:10911"])
    private static let brokerText =
        #"{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}"#
    private static let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)
    private static let queueText = #"{"brokerName":"broker-a","queueId":0,"topic":"T"}"#
    private static let version = DataVersion(
        timestamp: Timestamp(milliseconds: 1_700_000_000_000))
    private static let versionText =
        #"{"counter":0,"stateVersion":0,"timestamp":1700000000000}"#
    private static let topic = TopicConfig(name: "T", readQueues: 4, writeQueues: 4)
    private static let topicText =
        #"{"attributes":{},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}"#
    private static let groupText =
        #"{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"groupName":"CG","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}"#
    private static let subscription = SubscriptionData(
        topic: "T", expression: "TagA || TagB", version: 1_700_000_000_000)
    private static let subscriptionText =
        #"{"classFilterMode":false,"codeSet":[2598919,2598920],"expressionType":"TAG","subString":"TagA || TagB","subVersion":1700000000000,"tagsSet":["TagA","TagB"],"topic":"T"}"#

    @Test("small shapes")
    func smallShapes() throws {
        try check(Self.queue, is: Self.queueText)
        try check(Self.version, is: Self.versionText)
        try check(Self.topic, is: Self.topicText)
        try check(SubscriptionGroupConfig(name: "CG"), is: Self.groupText)
        try check(Self.subscription, is: Self.subscriptionText)
        try check(KVTable(table: ["k": "v"]), is: #"{"table":{"k":"v"}}"#)
        try check(
            TopicList(topics: ["T"], brokerAddress: "a:1"),
            is: #"{"brokerAddr":"a:1","topicList":["T"]}"#)
        try check(TopicList(topics: []), is: #"{"topicList":[]}"#)
        try check(GroupList(groups: ["CG"]), is: #"{"groupList":["CG"]}"#)
        try check(ConsumerIDList(clientIDs: ["c1", "c2"]), is: #"{"consumerIdList":["c1","c2"]}"#)
        try check(
            LockBatchBody(clientID: "c", group: "CG", queues: [Self.queue]),
            is:
                #"{"clientId":"c","consumerGroup":"CG","mqSet":[\#(Self.queueText)],"onlyThisBroker":false}"#
        )
        try check(
            LockBatchResult(queues: [Self.queue]), is: #"{"lockOKMQSet":[\#(Self.queueText)]}"#)
    }

    @Test("every setting of a topic and of a group comes through")
    func everySetting() throws {
        let topic = TopicConfig(
            name: "T", readQueues: 1, writeQueues: 2, permission: .read, systemFlag: 3,
            isOrdered: true, filterType: "MULTI_TAG", attributes: ["message.type": "FIFO"])
        #expect(try TopicConfig(json: topic.json) == topic)
        var group = SubscriptionGroupConfig(name: "CG")
        group.consumeEnable = false
        group.consumeFromMinEnable = false
        group.consumeBroadcastEnable = false
        group.consumeMessageOrderly = true
        group.retryQueues = 2
        group.retryTimesMax = 3
        group.brokerID = 4
        group.whichBrokerWhenConsumeSlowly = 5
        group.notifyConsumerIDsChangedEnable = false
        group.systemFlag = 6
        group.consumeTimeoutMinutes = 7
        group.attributes = ["a": "b"]
        #expect(try SubscriptionGroupConfig(json: group.json) == group)
    }

    @Test("routes")
    func routes() throws {
        let route = TopicRouteData(
            brokers: [Self.broker],
            queues: [
                QueueData(
                    brokerName: "broker-a", readQueues: 4, writeQueues: 4, permission: .readWrite)
            ])
        let queues =
            #"[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]"#
        try check(
            route,
            is:
                #"{"brokerDatas":[\#(Self.brokerText)],"filterServerTable":{},"queueDatas":\#(queues)}"#
        )
        var ordered = route
        ordered.orderTopicConf = "broker-a:4;broker-b:4"
        try check(
            ordered,
            is:
                #"{"brokerDatas":[\#(Self.brokerText)],"filterServerTable":{},"orderTopicConf":"broker-a:4;broker-b:4","queueDatas":\#(queues)}"#
        )
    }

    @Test("routes with bare broker ids, as old name servers write them")
    func bareBrokerIDs() throws {
        let text = Self.brokerText.replacing(#""0":"#, with: "0:").replacing(
            #""1":"#, with: " 1 : ")
        #expect(try BrokerData(parsing: Array(text.utf8)) == Self.broker)
    }

    @Test("cluster info and the members of a broker group")
    func clusters() throws {
        try check(
            ClusterInfo(
                brokers: ["broker-a": Self.broker], clusters: ["DefaultCluster": ["broker-a"]]),
            is:
                #"{"brokerAddrTable":{"broker-a":\#(Self.brokerText)},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}"#
        )
        try check(
            BrokerMemberGroup(
                cluster: "DefaultCluster", brokerName: "broker-a",
                addresses: Self.broker.addresses),
            is:
                #"{"brokerMemberGroup":{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster"}}"#
        )
    }

    @Test("registration and the tables of topics and groups")
    func tables() throws {
        let table =
            #"{"dataVersion":\#(Self.versionText),"topicConfigTable":{"T":\#(Self.topicText)},"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}"#
        try check(TopicConfigTable(topics: [Self.topic], dataVersion: Self.version), is: table)
        try check(
            RegisterBrokerBody(topics: [Self.topic], dataVersion: Self.version),
            is: #"{"filterServerList":[],"topicConfigSerializeWrapper":\#(table)}"#)
        try check(
            SubscriptionGroupTable(
                groups: [SubscriptionGroupConfig(name: "CG")], dataVersion: Self.version),
            is:
                #"{"dataVersion":\#(Self.versionText),"forbiddenTable":{},"subscriptionGroupTable":{"CG":\#(Self.groupText)}}"#
        )
    }

    @Test("a registration may be the bare table, and lack versions and names")
    func lenientRegistration() throws {
        let text = #"{"topicConfigTable":{"T":{"readQueueNums":4,"writeQueueNums":4,"perm":6}}}"#
        let body = try RegisterBrokerBody(parsing: Array(text.utf8))
        #expect(body.topics == [Self.topic])
        #expect(body.dataVersion == DataVersion(timestamp: Timestamp(milliseconds: 0)))
    }

    @Test("heartbeats")
    func heartbeats() throws {
        let heartbeat = HeartbeatData(
            clientID: "10.0.0.1@123#456", producers: ["PG"],
            consumers: [ConsumerData(group: "CG", subscriptions: [Self.subscription])])
        try check(
            heartbeat,
            is:
                #"{"clientID":"10.0.0.1@123#456","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"CLUSTERING","subscriptionDataSet":[\#(Self.subscriptionText)],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"}],"withoutSub":false}"#
        )
    }

    @Test("the C++ client's heartbeat: positions for names, texts for numbers, sets left out")
    func cppHeartbeat() throws {
        let text = """
            {"clientID":"c","consumerDataSet":[{"consumeFromWhere":4,"consumeType":0,
            "groupName":"CG","messageModel":0,"subscriptionDataSet":[{"topic":"T","subString":"",
            "subVersion":"1700000000000"}]}]}

            """
        let heartbeat = try HeartbeatData(parsing: Array(text.utf8))
        let consumer = try #require(heartbeat.consumers.first)
        #expect(heartbeat.producers.isEmpty)
        #expect(consumer.consumeFromWhere == .firstOffset)
        #expect(consumer.consumeType == .actively)
        #expect(consumer.messageModel == .broadcasting)
        #expect(consumer.subscriptions.first?.expression == "*")
        #expect(consumer.subscriptions.first?.version == 1_700_000_000_000)
    }

    @Test("an enumeration's unknown name or position is its default")
    func unknownChoices() throws {
        for value in [#""NEVER_HEARD""#, "99", "-1", "true", "9223372036854775807"] {
            let consumer = try ConsumerData(
                parsing: Array(#"{"groupName":"g","consumeType":\#(value)}"#.utf8))
            #expect(consumer.consumeType == .passively)
        }
    }

    @Test("tables whose keys are queues, in each form of the key")
    func queueTables() throws {
        let stats = TopicStatsTable(queues: [
            Self.queue: .init(minOffset: 0, maxOffset: 5, lastUpdateTimestamp: 9)
        ])
        let value = #"{"lastUpdateTimestamp":9,"maxOffset":5,"minOffset":0}"#
        try check(
            stats, is: #"{"offsetTable":{\#(Self.queueText):\#(value)},"topicPutTps":0.0}"#)
        let quoted = Self.queueText.replacing("\"", with: "\\\"")
        let text = #"{"offsetTable":{"\#(quoted)":\#(value)},"topicPutTps":0}"#
        #expect(try TopicStatsTable(parsing: Array(text.utf8)) == stats)

        try check(
            ConsumeStats(queues: [
                Self.queue: .init(
                    brokerOffset: 10, consumerOffset: 8, pullOffset: 9, lastTimestamp: 1)
            ]),
            is:
                #"{"consumeTps":0.0,"offsetTable":{\#(Self.queueText):{"brokerOffset":10,"consumerOffset":8,"lastTimestamp":1,"pullOffset":9}}}"#
        )
        try check(
            ResetOffsetBody(offsets: [Self.queue: 3]),
            is: #"{"offsetTable":{\#(Self.queueText):3}}"#)
        try check(
            ConsumerOffsetTable(offsets: ["T@CG": [0: 5, 1: 7]], dataVersion: Self.version),
            is: #"{"dataVersion":\#(Self.versionText),"offsetTable":{"T@CG":{0:5,1:7}}}"#)
    }

    @Test("connections of producers and consumers")
    func connections() throws {
        let connection = ClientConnection(
            clientID: "c", address: "10.0.0.1:5000", language: .java, version: 479)
        let text =
            #"{"clientAddr":"10.0.0.1:5000","clientId":"c","language":"JAVA","version":479}"#
        try check(ConnectionList(connections: [connection]), is: #"{"connectionSet":[\#(text)]}"#)
        try check(
            ConnectionList(
                connections: [connection],
                consumers: .init(
                    consumeType: .passively, messageModel: .clustering,
                    consumeFromWhere: .firstOffset, subscriptions: [Self.subscription])),
            is:
                #"{"connectionSet":[\#(text)],"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionTable":{"T":\#(Self.subscriptionText)}}"#
        )
    }

    @Test(
        "bodies of the wrong shape are refused, not trapped on",
        arguments: [
            "", "1", "[]", "{}", #"{"brokerDatas":1}"#, #"{"clientID":1,"consumerDataSet":{}}"#,
            #"{"offsetTable":{"x":1}}"#, #"{"offsetTable":{{"topic":1}:[]}}"#,
            #"{"brokerAddrs":{"x":"y"},"brokerName":"b"}"#, #"{"topicConfigTable":[1]}"#,
            #"{"topicConfigTable":{"T":1}}"#, #"{"mqSet":[{"queueId":"x","topic":"T"}]}"#,
            #"{"clientId":"c","consumerGroup":"g","mqSet":[1]}"#, #"{"clientId":{}}"#,
            #"{"table":{"k":{}}}"#,
            #"{"topicList":[[]]}"#, #"{"connectionSet":[{}]}"#, #"{"brokerMemberGroup":[]}"#,
            #"{"topicName":"T","perm":"x"}"#, #"{"groupName":"g","retryMaxTimes":99999999999}"#,
        ])
    func wrongShapes(text: String) {
        let bytes = Array(text.utf8)
        _ = try? TopicRouteData(parsing: bytes)
        _ = try? ClusterInfo(parsing: bytes)
        _ = try? RegisterBrokerBody(parsing: bytes)
        _ = try? ConsumeStats(parsing: bytes)
        _ = try? ConsumerOffsetTable(parsing: bytes)
        _ = try? KVTable(parsing: bytes)
        _ = try? TopicList(parsing: bytes)
        _ = try? ConnectionList(parsing: bytes)
        _ = try? ClientConnection(parsing: bytes)
        #expect(throws: BodyError.self) { try HeartbeatData(parsing: bytes) }
        #expect(throws: BodyError.self) { try LockBatchBody(parsing: bytes) }
        #expect(throws: BodyError.self) { try BrokerMemberGroup(parsing: bytes) }
        #expect(throws: BodyError.self) { try BrokerData(parsing: bytes) }
        #expect(throws: BodyError.self) { try TopicConfig(parsing: bytes) }
        #expect(throws: BodyError.self) { try SubscriptionGroupConfig(parsing: bytes) }
    }

    @Test("errors name the field")
    func errorsNameTheField() {
        #expect(throws: BodyError.missing(field: "clientID")) {
            try HeartbeatData(parsing: Array("{}".utf8))
        }
        #expect(throws: BodyError.wrongType(field: "topicList", expected: "an array")) {
            try TopicList(parsing: Array(#"{"topicList":3}"#.utf8))
        }
        #expect("\(BodyError.missing(field: "topic"))" == "the body lacks topic")
    }

    @Test("properties text: lines, comments, blanks, the last of two keys")
    func propertiesText() {
        let text = "# note\n! too\n\n brokerName = broker-a \r\nx=\nurl=a=b\nflag\nx=2\n"
        let properties = PropertiesText(parsing: text)
        #expect(properties["brokerName"] == "broker-a")
        #expect(properties["url"] == "a=b")
        #expect(properties["flag"] == "")
        #expect(properties["x"] == "2")
        #expect(properties["note"] == nil)
        #expect(properties.table.count == 4)
        #expect(PropertiesText(parsing: properties.encoded) == properties)
        #expect(PropertiesText(pairs: [("a", "1"), ("b", "2")]).text == "a=1\nb=2\n")
    }

    @Test("codes have the wire's names")
    func codes() {
        #expect(ResponseCode.flushDiskTimeout.name == "FLUSH_DISK_TIMEOUT")
        #expect(ResponseCode(rawValue: 10).name == "FLUSH_DISK_TIMEOUT")
        #expect(ResponseCode(rawValue: 4711).name == "CODE_4711")
        #expect(RequestCode.notifyConsumerIDsChanged.rawValue == 40)
        #expect(LanguageCode(name: "GO") == .go)
        #expect(LanguageCode(rawValue: 200).name == "OTHER")
        #expect(LanguageCode.cpp.name == "CPP")
    }
}

@Suite("Subscriptions")
struct SubscriptionTests {
    @Test("everything is asked for by a star, nothing and null", arguments: ["*", "", nil])
    func all(expression: String?) {
        let subscription = SubscriptionData(topic: "T", expression: expression)
        #expect(subscription.expression == "*")
        #expect(subscription.tags.isEmpty && subscription.codes.isEmpty)
        #expect(subscription.matches(tagHash: 0) && subscription.matches(tagHash: -5))
    }

    @Test(
        "tags are split at double bars and trimmed",
        arguments: [
            ("TagA || TagB", ["TagA", "TagB"]), ("TagA||TagB", ["TagA", "TagB"]),
            ("  TagA  ", ["TagA"]), ("A || || B ||", ["A", "B"]), ("A|B", ["A|B"]),
            ("A|||B", ["A", "|B"]), ("A || A", ["A"]), ("ä b || c", ["ä b", "c"]),
        ])
    func tags(expression: String, tags: [String]) {
        let subscription = SubscriptionData(topic: "T", expression: expression)
        #expect(subscription.tags == tags)
        #expect(subscription.codes == tags.map { TagHash.of($0) })
    }

    @Test("a message passes by the hash of its tag")
    func matching() {
        let subscription = SubscriptionData(topic: "T", expression: "TagA || TagB")
        #expect(subscription.matches(tagHash: 2_598_919))
        #expect(subscription.matches(tagHash: TagHash.of("TagB")))
        #expect(!subscription.matches(tagHash: TagHash.of("TagC")))
        #expect(!subscription.matches(tagHash: 0))
    }

    @Test("an SQL expression has no tags")
    func sql() {
        let subscription = SubscriptionData(
            topic: "T", expression: "a > 1 || b", expressionType: SubscriptionData.sqlExpression)
        #expect(subscription.tags.isEmpty)
        #expect(subscription.expression == "a > 1 || b")
    }
}
