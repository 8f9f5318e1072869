import DeliveryCore
import MessageFormat
import Testing

private let now = Timestamp(milliseconds: 1000)

@Suite("Topics")
struct TopicTableTests {
    private var topics = TopicTable(settings: DeliverySettings())

    @Test("what changes a topic counts as a change, what does not does not")
    mutating func changesCount() {
        let config = TopicConfig(name: "T")
        var wider = config
        wider.writeQueues = 32
        #expect(self.topics.create(config, at: now) == true)
        #expect(self.topics.create(wider, at: now) == false, "it exists")
        #expect(self.topics.update(config, at: now) == false, "it is the same")
        #expect(self.topics.dataVersion.counter == 1)
        #expect(self.topics.update(wider, at: now) == true)
        #expect(self.topics.config("T") == wider)
        #expect(self.topics.delete("T", at: now) == true)
        #expect(self.topics.delete("T", at: now) == false)
        #expect(self.topics.dataVersion == DataVersion(timestamp: now, counter: 3))
        self.topics.checkInvariants()
    }

    @Test(
        "a topic that the log could not hold is not taken",
        arguments: [
            TopicConfig(name: ""), TopicConfig(name: "a/b"), TopicConfig(name: "a.b"),
            TopicConfig(name: "a\0"), TopicConfig(name: String(repeating: "x", count: 10_000)),
            TopicConfig(name: "T", readQueues: -1), TopicConfig(name: "T", writeQueues: 65_537),
            TopicConfig(name: "T", writeQueues: .max),
            TopicConfig(name: "T", filterType: String(repeating: "x", count: 65)),
            TopicConfig(name: "T", attributes: ["a": String(repeating: "x", count: 40_000)]),
        ])
    mutating func badTopics(config: TopicConfig) {
        #expect(self.topics.problem(with: config) != nil)
        #expect(self.topics.create(config, at: now) == false)
        #expect(self.topics.dataVersion.counter == 0)
        self.topics.checkInvariants()
    }

    @Test("the number of topics is bounded, those that exist may still change")
    mutating func topicsAreBounded() {
        var settings = DeliverySettings()
        settings.topicsMax = self.topics.count + 1
        self.topics = TopicTable(settings: settings)
        #expect(self.topics.create(TopicConfig(name: "T"), at: now) == true)
        #expect(self.topics.create(TopicConfig(name: "U"), at: now) == false)
        #expect(self.topics.update(TopicConfig(name: "T", readQueues: 1), at: now) == true)
        let decision = self.topics.decideAutoCreate(
            topic: "U", defaultTopic: "TBW102", clientQueues: 4)
        guard case .refused(.notAllowed) = decision else {
            Issue.record("\(decision)")
            return
        }
    }

    @Test(
        "a broker starts with its system topics",
        arguments: [
            ("TBW102", 8, 7), ("SELF_TEST_TOPIC", 1, 6), ("BenchmarkTest", 1024, 6), ("C", 16, 7),
            ("B", 1, 7), ("OFFSET_MOVED_EVENT", 1, 6), ("SCHEDULE_TOPIC_XXXX", 18, 6),
            ("C_REPLY_TOPIC", 1, 6), ("rmq_sys_REVIVE_LOG_C", 8, 6),
            ("rmq_sys_SYNC_BROKER_MEMBER_B", 1, 1), ("RMQ_SYS_TRANS_HALF_TOPIC", 1, 6),
            ("RMQ_SYS_TRANS_OP_HALF_TOPIC", 1, 6), ("rmq_sys_wheel_timer", 1, 6),
        ] as [(String, Int32, Int32)])
    func systemTopics(name: String, queues: Int32, permission: Int32) {
        let topics = TopicTable(settings: DeliverySettings(cluster: "C", brokerName: "B"))
        let config = topics.config(name)
        #expect(config?.readQueues == queues)
        #expect(config?.writeQueues == queues)
        #expect(config?.permission.rawValue == permission)
        #expect(topics.isSystem(name))
        #expect(!topics.isSystem("T"))
    }

    @Test("a broker named like its cluster has the cluster's topic")
    func sameName() {
        let topics = TopicTable(settings: DeliverySettings(cluster: "X", brokerName: "X"))
        #expect(topics.config("X")?.readQueues == 16)
    }
}

@Suite("Topics that a first send creates")
struct AutoCreateTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var topic = "T"
        var template = "TBW102"
        var queues: Int32 = 4
        var autoCreate = true
        var expected: AutoCreateDecision

        var testDescription: String {
            "\(self.topic) from \(self.template), \(self.queues) queues, on: \(self.autoCreate)"
        }
    }

    static let existing = TopicConfig(name: "E", readQueues: 3, writeQueues: 3)
    static let template = TopicConfig(
        name: "W", readQueues: 9, writeQueues: 2, permission: [.inherit, .write], systemFlag: 7,
        isOrdered: true, filterType: "MULTI_TAG", attributes: ["a": "b"])

    static let cases = [
        Case(topic: "E", expected: .exists(Self.existing)),
        Case(topic: "E", template: "none", queues: -1, expected: .exists(Self.existing)),
        Case(expected: .create(.init(name: "T", readQueues: 4, writeQueues: 4))),
        Case(queues: 99, expected: .create(.init(name: "T", readQueues: 8, writeQueues: 8))),
        Case(
            template: "W",
            expected: .create(
                .init(
                    name: "T", readQueues: 2, writeQueues: 2, permission: .write,
                    filterType: "MULTI_TAG"))),
        Case(queues: 0, expected: .refused(.noQueues(0))),
        Case(queues: .min, expected: .refused(.noQueues(.min))),
        Case(template: "none", expected: .refused(.noTemplate("none"))),
        Case(template: "", expected: .refused(.noTemplate(""))),
        Case(template: "E", expected: .refused(.notInheritable("E"))),
        Case(autoCreate: false, expected: .refused(.noTemplate("TBW102"))),
        Case(
            topic: "%RETRY%G",
            expected: .create(.init(name: "%RETRY%G", readQueues: 1, writeQueues: 1))),
        Case(
            topic: "%DLQ%G", template: "none", autoCreate: false,
            expected: .create(.init(name: "%DLQ%G", readQueues: 1, writeQueues: 1))),
    ]

    @Test(arguments: Self.cases)
    func decides(_ given: Case) {
        var topics = TopicTable(settings: DeliverySettings(autoCreateTopic: given.autoCreate))
        #expect(topics.create(Self.existing, at: now) == true)
        #expect(topics.create(Self.template, at: now) == true)
        let decision = topics.decideAutoCreate(
            topic: given.topic, defaultTopic: given.template, clientQueues: given.queues)
        #expect(decision == given.expected)
        if case .create(let config) = decision { #expect(topics.create(config, at: now) == true) }
    }

    @Test("a template that an earlier setting left behind is none")
    func templateLeftBehind() {
        var topics = TopicTable(settings: DeliverySettings(autoCreateTopic: false))
        let left = TopicConfig(name: "TBW102", permission: [.readWrite, .inherit])
        #expect(topics.create(left, at: now) == true)
        let decision = topics.decideAutoCreate(topic: "T", defaultTopic: "TBW102", clientQueues: 4)
        #expect(decision == .refused(.notInheritable("TBW102")))
    }

    @Test(
        "illegal names are refused, whatever the template",
        arguments: [
            "", "a b", "../etc", "T\u{0}", "ä", "%RETRY%" + String(repeating: "x", count: 255),
        ])
    func badNames(name: String) {
        let topics = TopicTable(settings: DeliverySettings())
        let decision = topics.decideAutoCreate(
            topic: name, defaultTopic: "TBW102", clientQueues: 4)
        guard case .refused(.notAllowed) = decision else {
            Issue.record("\(decision)")
            return
        }
    }

    @Test("derived topics know their group")
    func derived() {
        #expect(TopicTable.group(ofDerived: "%RETRY%G") == "G")
        #expect(TopicTable.group(ofDerived: "%DLQ%G") == "G")
        #expect(TopicTable.group(ofDerived: "G") == nil)
        let retry = TopicTable.retryTopic(of: "G", queues: 3, isUnit: true)
        #expect(retry.readQueues == 3 && retry.systemFlag == 2 && retry.name == "%RETRY%G")
    }
}

@Suite("Consumer groups that are known")
struct GroupTableTests {
    @Test(
        "who may come into being by being named",
        arguments: [
            ("G", true, true), ("G", false, false), ("CID_RMQ_SYS_X", false, true),
            ("a.b", true, false), ("", true, false),
            (String(repeating: "x", count: 256), true, false),
        ])
    func decides(name: String, autoCreate: Bool, created: Bool) {
        let groups = GroupTable(settings: DeliverySettings(autoCreateGroup: autoCreate))
        switch groups.decideAutoCreate(group: name) {
        case .exists: Issue.record("nobody made it")
        case .create(let config): #expect(created && config == SubscriptionGroupConfig(name: name))
        case .refused: #expect(!created)
        }
    }

    @Test("system groups exist from the start")
    func systemGroups() {
        let groups = GroupTable(settings: DeliverySettings(autoCreateGroup: false))
        #expect(groups.config("TOOLS_CONSUMER") != nil)
        #expect(groups.isSystem("CID_RMQ_SYS_TRANS"))
        #expect(!groups.isSystem("G"))
    }

    @Test("what changes a group counts as a change, what does not does not")
    func changesCount() {
        var settings = DeliverySettings()
        settings.groupsMax = SystemResources.groups.count + 1
        var groups = GroupTable(settings: settings)
        var config = SubscriptionGroupConfig(name: "G")
        #expect(groups.create(config, at: now) == true)
        #expect(groups.update(config, at: now) == false)
        #expect(
            groups.create(SubscriptionGroupConfig(name: "H"), at: now) == false, "the table is full"
        )
        config.retryTimesMax = 3
        #expect(groups.update(config, at: now) == true)
        #expect(groups.config("G")?.retryTimesMax == 3)
        #expect(groups.delete("G", at: now) == true)
        #expect(groups.delete("G", at: now) == false)
        #expect(groups.dataVersion == DataVersion(timestamp: now, counter: 3))
        groups.checkInvariants()
    }
}
