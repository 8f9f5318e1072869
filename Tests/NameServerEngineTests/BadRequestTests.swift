import MessageFormat
import NameServerEngine
import RemotingProtocol
import RoutingCore
import Testing

@Suite("Requests that make no sense cost their sender only")
struct BadRequestTests {
    static let supported: [Int32] = [
        100, 101, 102, 103, 104, 105, 106, 205, 206, 216, 217, 219, 224, 304, 311, 312, 313, 318,
        319, 322, 327, 901, 904,
    ]

    @Test(
        "a code is answered or declined, never ignored",
        arguments: Array(-1...1_100).map(Int32.init))
    func everyCode(_ code: Int32) throws {
        var world = World()
        let answer = try #require(try world.send(RequestCode(rawValue: code)))
        #expect((answer.response == .requestCodeNotSupported) == !Self.supported.contains(code))
        if answer.response == .requestCodeNotSupported {
            #expect(answer.remark == " request type \(code) not supported")
        }
    }

    @Test(
        "a missing field is named",
        arguments: [
            (RequestCode.getRouteInfoByTopic, "topic"), (.getTopicsByCluster, "cluster"),
            (.deleteTopicInNameServer, "topic"), (.wipeWritePermissionOfBroker, "brokerName"),
            (.addWritePermissionOfBroker, "brokerName"), (.getKVConfig, "namespace"),
            (.deleteKVConfig, "namespace"), (.getKVListByNamespace, "namespace"),
            (.registerBroker, "clusterName"), (.unregisterBroker, "brokerName"),
            (.brokerHeartbeat, "brokerName"), (.getBrokerMemberGroup, "brokerName"),
        ])
    func missingField(_ code: RequestCode, _ field: String) throws {
        var world = World()
        for fields: KeyValuePairs<String, String> in [[:], ["x": "y"]] {
            let answer = try #require(try world.send(code, fields))
            #expect(answer.response == .systemError)
            #expect(answer.remark == "the header field \(field) is missing")
        }
    }

    @Test(
        "a field that is not a number is named",
        arguments: ["brokerId", "heartbeatTimeoutMillis", "bodyCrc32"])
    func notANumber(_ field: String) throws {
        var fields = [
            "brokerName": "b", "brokerAddr": "b:1", "clusterName": "c", "brokerId": "0",
        ]
        fields[field] = "99999999999999999999"
        var world = World()
        let answer = try world.send(
            RemotingCommand(
                code: RequestCode.registerBroker.rawValue,
                fields: fields.map { HeaderField(name: $0.key, value: $0.value) }))
        #expect(answer?.response == .systemError)
        #expect(answer?.remark?.contains(field) == true)
        #expect(world.engine.routes.groups.isEmpty)
    }

    @Test(
        "a body that cannot be read",
        arguments: [
            "{", "[]", "\u{0}", "{\"topicConfigSerializeWrapper\":{\"topicConfigTable\":7}}",
            "x\u{9C}compressed", String(repeating: "[", count: 100_000),
            #"{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"topicName":"T","#
                + #""readQueueNums":-5}}}}"#,
            #"{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"topicName":"T","#
                + #""readQueueNums":99999999999}}}}"#,
        ])
    func badBody(_ body: String) throws {
        var world = World()
        let answer = try #require(try world.register(body: body))
        if answer.response == .success {
            #expect(world.engine.routes.topics.count == 0)
        } else {
            #expect(answer.response == .systemError)
            #expect(answer.remark?.isEmpty == false)
            #expect(world.engine.routes.groups.isEmpty)
        }
        for code in [RequestCode.queryDataVersion, .registerTopicInNameServer] {
            let answer = try world.send(
                code, ["topic": "T", "brokerName": "b", "brokerAddr": "b:1"], body: body)
            #expect(answer != nil)
        }
    }

    @Test("a one-way request has no answer, whatever it asks", arguments: [105, 103, 106, 4_711])
    func oneWay(_ code: Int32) throws {
        var world = World()
        #expect(try world.send(RequestCode(rawValue: code), oneWay: true) == nil)
    }

    @Test("an answer that nobody asked for is dropped")
    func answer() throws {
        var world = World()
        #expect(try world.send(RemotingCommand.response(.success, to: 3)) == nil)
    }

    @Test("a request in the binary form is answered in it")
    func binary() throws {
        var world = World()
        try world.register()
        let answer = try world.send(.getRouteInfoByTopic, ["topic": "TopicTest"], as: .binary)
        #expect(answer?.response == .success)
    }
}
