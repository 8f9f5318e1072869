import MessageFormat
import NameServerEngine
import RemotingProtocol
import RoutingCore
import Testing

@Suite("What brokers say about themselves")
struct RegistrationRequestTests {
    private let identity: KeyValuePairs = [
        "brokerName": "broker-a", "brokerAddr": "10.0.0.1:10911", "clusterName": "DefaultCluster",
        "brokerId": "0",
    ]
    private let broker = BrokerKey(name: "broker-a", id: 0)

    @Test("a broker's routes vanish when its registering connection closes, and are back with it")
    func comesAndGoes() throws {
        var world = World()
        let answer = try #require(try world.register(from: 5))
        #expect(answer.response == .success)
        #expect(answer.fields == [], "a master has no master")
        #expect(answer.body == [])

        world.close(4)
        #expect(try world.send(.getRouteInfoByTopic, ["topic": "TopicTest"])?.code == 0)
        world.close(5)
        #expect(try world.send(.getRouteInfoByTopic, ["topic": "TopicTest"])?.code == 17)
        try world.register(from: 6)
        #expect(try world.send(.getRouteInfoByTopic, ["topic": "TopicTest"])?.code == 0)

        #expect(
            world.events == [
                .brokerRegistered(self.broker, address: "10.0.0.1:10911", topics: 2),
                .brokerGone(
                    self.broker, address: "10.0.0.1:10911", because: .connectionClosed),
                .brokerRegistered(self.broker, address: "10.0.0.1:10911", topics: 2),
            ])
    }

    @Test("a silent broker is removed and its connection closed; heartbeats keep it")
    func silence() throws {
        var world = World()
        try world.register(from: 5)
        world.wait(until: 100)
        #expect(try world.send(.brokerHeartbeat, self.identity, oneWay: true) == nil)
        world.wait(until: 220)
        #expect(world.closed == [])
        world.wait(until: 221)
        #expect(world.closed == [5])
        #expect(
            world.events.last
                == .brokerGone(self.broker, address: "10.0.0.1:10911", because: .silent))
    }

    @Test("a broker signs off")
    func signsOff() throws {
        var world = World()
        try world.register()
        #expect(try world.send(.unregisterBroker, self.identity)?.response == .success)
        #expect(try world.send(.unregisterBroker, self.identity)?.response == .success)
        #expect(
            world.events.dropFirst() == [
                .brokerGone(self.broker, address: "10.0.0.1:10911", because: .signedOff)
            ])
    }

    @Test("a replica is told where its master is")
    func replica() throws {
        var world = World()
        try world.register()
        let answer = try #require(try world.register(id: 1, at: "10.0.0.2:10911", from: 2))
        #expect(answer["masterAddr"] == "10.0.0.1:10911")
        #expect(answer["haServerAddr"] == "ha:10.0.0.1:10911")
    }

    @Test("a broker without a body has no topics")
    func withoutBody() throws {
        var world = World()
        #expect(try world.register(body: "")?.response == .success)
        #expect(world.engine.routes.topics.count == 0)
        #expect(world.engine.routes.groups.count == 1)
    }

    @Test("one changed topic before all topics is refused, and the broker is told")
    func incrementalBeforeFull() throws {
        var world = World()
        let body =
            #"{"topicConfigSerializeWrapper":{"dataVersion":{"counter":3,"timestamp":1},"#
            + #""topicConfigTable":{"T":{"topicName":"T","perm":6}}}}"#
        let answer = try #require(try world.register(body: body))
        #expect(answer.response == .systemError)
        #expect(answer.remark?.hasPrefix("register broker failed") == true)
        #expect(world.engine.routes.groups.isEmpty)
    }

    @Test(
        "the body's checksum counts when it is sent",
        arguments: [nil: ResponseCode.success, "0": .success, "right": .success, "1": .systemError])
    func checksum(_ sent: String?, _ expected: ResponseCode) throws {
        let body = Array(World.registration.utf8)
        var fields = self.identity.map { HeaderField(name: $0.key, value: $0.value) }
        if let sent {
            let right = body.withUnsafeBytes { "\(Checksum.ofBody($0))" }
            fields.append(HeaderField(name: "bodyCrc32", value: sent == "right" ? right : sent))
        }
        var world = World()
        let answer = try world.send(
            RemotingCommand(
                code: RequestCode.registerBroker.rawValue, fields: fields, body: body))
        #expect(answer?.response == expected)
        #expect(answer?.remark == (expected == .success ? nil : "crc32 not match"))
        #expect(world.engine.routes.groups.isEmpty == (expected != .success))
    }

    @Test("a broker asks whether the name server knows its topics' version")
    func dataVersion() throws {
        var world = World()
        let version = #"{"counter":0,"stateVersion":0,"timestamp":1700000000000}"#
        let unknown = try #require(
            try world.send(.queryDataVersion, self.identity, body: version))
        #expect(unknown["changed"] == "true")
        #expect(unknown.body == [])

        try world.register()
        let known = try #require(try world.send(.queryDataVersion, self.identity, body: version))
        #expect(known["changed"] == "false")
        #expect(known.text == version)

        let other = try #require(
            try world.send(.queryDataVersion, self.identity, body: #"{"counter":1}"#))
        #expect(other["changed"] == "true")
        #expect(other.text == version)
    }

    @Test("one topic is registered by itself")
    func singleTopic() throws {
        var world = World()
        try world.register()
        let body =
            #"{"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":2,"#
            + #""writeQueueNums":2}]}"#
        let answer = try world.send(.registerTopicInNameServer, ["topic": "New"], body: body)
        #expect(answer?.response == .success)
        let share = world.engine.routes.topics.share(of: "New", on: "broker-a")
        #expect(share == QueueShare(readQueues: 2, writeQueues: 2, permission: .readWrite))

        let stranger = body.replacing("broker-a", with: "broker-x")
        let refused = try world.send(.registerTopicInNameServer, ["topic": "New"], body: stranger)
        #expect(refused?.remark == "register broker failed: broker broker-x is not registered")
    }
}
