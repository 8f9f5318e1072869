import MessageFormat
import RoutingCore
import Testing

private let first = "10.0.0.1:10911"
private let second = "10.0.0.2:10911"

@Suite("Who registers, and what of it enters the routes")
struct RegistrationTests {
    @Test(arguments: [
        Story(
            "a broker registers all its topics", [.register(broker())],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story("nobody has the topic", [.register(broker())], topic: "X", route: "none"),
        Story(
            "two groups have the topic; the route is sorted by name",
            [.register(broker("broker-b", at: second)), .register(broker())],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw; broker-b(0=10.0.0.2:10911) 4/4 rw"),
        Story(
            "a changed topic comes alone, the others stay",
            [
                .register(broker()),
                .register(broker(topics: ["B"], queues: 8, version: version(1))),
            ],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "a changed topic comes alone and replaces what was known",
            [
                .register(broker()),
                .register(broker(topics: ["A"], queues: 8, version: version(1))),
            ],
            route: "broker-a(0=10.0.0.1:10911) 8/8 rw"),
        Story(
            "the same data version changes nothing",
            [.register(broker()), .register(broker(queues: 8))],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "an older counter is a different version, and wins: the broker lost its disk",
            [.register(broker(version: version(7))), .register(broker(queues: 8))],
            route: "broker-a(0=10.0.0.1:10911) 8/8 rw"),
        Story(
            "a topic that a full registration leaves out stays",
            [.register(broker()), .register(broker(topics: ["B", "C"], version: version(1)))],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "a topic that is missing here is taken even if the version is the known one",
            [.register(broker()), .register(broker(topics: ["C"], version: version(0)))],
            topic: "C", route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
    ])
    func topics(_ story: Story) throws { try story.run() }

    @Test(arguments: [
        Story(
            "a replica only adds its address",
            [
                .register(broker()),
                .register(broker(id: 1, at: second, queues: 8, version: version(5))),
            ],
            route: "broker-a(0=10.0.0.1:10911 1=10.0.0.2:10911) 4/4 rw"),
        Story(
            "a replica alone brings no topics",
            [.register(broker(id: 1, at: second))], route: "none"),
        Story(
            "a replica that became master leaves its old id",
            [
                .register(broker(version: version(3, state: 1))),
                .register(broker(id: 1, at: second, version: version(3, state: 1)), link: 2),
                .close(link: 1),
                .register(
                    broker(at: second, queues: 8, version: version(3, state: 2)), link: 2),
            ],
            route: "broker-a(0=10.0.0.2:10911) 8/8 rw"),
        Story(
            "a new master takes the id of the old one, who is still connected",
            [
                .register(broker(version: version(3, state: 1))),
                .register(broker(at: second, version: version(3, state: 2)), link: 2),
                .close(link: 1),
            ],
            route: "broker-a(0=10.0.0.2:10911) 4/4 rw"),
        Story(
            "a deposed master does not get its id back",
            [
                .register(broker(at: second, version: version(3, state: 2)), link: 2),
                .register(broker(queues: 8, version: version(9, state: 1)), link: 1),
                .close(link: 1),
            ],
            route: "broker-a(0=10.0.0.2:10911) 4/4 rw"),
        Story(
            "a broker that lost its disk keeps its id at its own address",
            [
                .register(broker(version: version(3, state: 2))),
                .register(broker(queues: 8, version: version(0, state: 0))),
            ],
            route: "broker-a(0=10.0.0.1:10911) 8/8 rw"),
        Story(
            "without elections the newest address has the id",
            [.register(broker()), .register(broker(at: second, queues: 8), link: 2)],
            route: "broker-a(0=10.0.0.2:10911) 8/8 rw"),
    ])
    func mastership(_ story: Story) throws { try story.run() }

    @Test(arguments: [
        Story(
            "the smallest replica brings the topics, for reading, where it may act as master",
            [.register(broker(id: 1, at: second, actingMaster: true))],
            route: "broker-a(1=10.0.0.2:10911) 4/4 r-"),
        Story(
            "a larger replica does not",
            [
                .register(broker(id: 1, at: second, topics: ["B", "C"], actingMaster: true)),
                .register(broker(id: 2, at: first, actingMaster: true)),
            ],
            route: "none"),
        Story(
            "the route can show the smallest replica as the master",
            [.register(broker(id: 1, at: second, actingMaster: true))],
            route: "broker-a(0=10.0.0.2:10911) 4/4 r-", presentsActingMaster: true),
        Story(
            "but not beside a master",
            [
                .register(broker(actingMaster: true)),
                .register(broker(id: 1, at: second, actingMaster: true)),
                .wipe("broker-a"),
            ],
            route: "broker-a(0=10.0.0.1:10911 1=10.0.0.2:10911) 4/4 r-",
            presentsActingMaster: true),
        Story(
            "and not in a group that does not ask for it",
            [
                .register(broker()),
                .register(broker(id: 1, at: second), link: 2),
                .wipe("broker-a"), .close(link: 1),
            ],
            route: "broker-a(1=10.0.0.2:10911) 4/4 r-", presentsActingMaster: true),
        Story(
            "when the master goes, its topics can no longer be written",
            [
                .register(broker(actingMaster: true)),
                .register(broker(id: 1, at: second, actingMaster: true), link: 2),
                .close(link: 1),
            ],
            route: "broker-a(1=10.0.0.2:10911) 4/4 r-"),
        Story(
            "when it comes back, they can",
            [
                .register(broker(actingMaster: true)),
                .register(broker(id: 1, at: second, actingMaster: true), link: 2),
                .close(link: 1), .register(broker(actingMaster: true), link: 3),
            ],
            route: "broker-a(0=10.0.0.1:10911 1=10.0.0.2:10911) 4/4 rw"),
    ])
    func actingMaster(_ story: Story) throws { try story.run() }

    @Test("a first contact with one changed topic is refused, a broker with one topic is not")
    func incrementalBeforeFull() throws {
        var table = RouteTable()
        let incremental = broker(topics: ["A"], version: version(1))
        try table.take(
            .refused(incremental, .incrementalBeforeFull(broker: "broker-a", topic: "A")))
        try table.take(.register(broker(topics: ["A"], version: version(0))))
        try table.take(.register(incremental))
        #expect(table.topics.names == ["A"])
    }

    @Test("a replica learns where its master is")
    func masterOfReplica() throws {
        var table = RouteTable()
        let replica = broker(id: 1, at: second)
        let alone = try table.register(replica, over: BrokerLink(2), at: .zero)
        #expect(alone == .accepted(isNew: true, master: nil))

        let master = try table.register(broker(), over: BrokerLink(1), at: .zero)
        #expect(master == .accepted(isNew: true, master: nil))

        let again = try table.register(replica, over: BrokerLink(2), at: .zero)
        guard case .accepted(isNew: false, let known?) = again else {
            Issue.record("no master in \(again)")
            return
        }
        #expect(known.address == first)
        #expect(known.replicationAddress == "ha-of-10.0.0.1:10911")
    }

    @Test("the outcome says when a newer broker holds the id")
    func outdated() throws {
        var table = RouteTable()
        try table.take(.register(broker(at: second, version: version(0, state: 2))))
        let outcome = try table.register(
            broker(version: version(0, state: 1)), over: BrokerLink(3), at: .zero)
        #expect(outcome == .outdated(holder: second))
    }

    @Test("a changed topic can be registered by itself, for brokers that are known")
    func singleTopic() throws {
        var table = RouteTable()
        try table.take(.register(broker()))
        let share = QueueShare(readQueues: 2, writeQueues: 2, permission: .readWrite)
        try table.registerTopic("C", shares: [(broker: "broker-a", share: share)])
        #expect(table.summary(of: "C") == "broker-a(0=10.0.0.1:10911) 2/2 rw")

        #expect(throws: RegistrationError.notRegistered(broker: "broker-x")) {
            try table.registerTopic("D", shares: [(broker: "broker-x", share: share)])
        }
        #expect(table.summary(of: "D") == "none")
        #expect(table.checkInvariants() == [])
    }
}
