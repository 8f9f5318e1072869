import NameServerEngine
import RemotingProtocol
import Testing

@Suite("What administrators ask of a name server")
struct AdministrationTests {
    /// Topic flags: `Unit` 1, `Sub` 2, `Both` 3.
    private func world() throws -> World {
        let topics = [("Unit", 1), ("Sub", 2), ("Both", 3)].map {
            #""\#($0)":{"topicName":"\#($0)","topicSysFlag":\#($1),"perm":6}"#
        }.joined(separator: ",")
        var world = World()
        try world.register()
        try world.register(
            "broker-b", at: "10.0.0.2:10911", cluster: "Other",
            body: #"{"topicConfigSerializeWrapper":{"topicConfigTable":{\#(topics)}}}"#)
        return world
    }

    @Test(
        "lists of topics",
        arguments: [
            (
                RequestCode.getAllTopicListFromNameServer,
                ["Both", "Sub", "TBW102", "TopicTest", "Unit"]
            ),
            (.getTopicsByCluster, ["Both", "Sub", "Unit"]),
            (.getUnitTopicList, ["Both", "Unit"]),
            (.getHasUnitSubTopicList, ["Both", "Sub"]),
            (.getHasUnitSubUnunitTopicList, ["Sub"]),
        ])
    func lists(_ code: RequestCode, _ topics: [String]) throws {
        var world = try self.world()
        let answer = try #require(try world.send(code, ["cluster": "Other"]))
        let names = topics.map { "\"\($0)\"" }.joined(separator: ",")
        #expect(answer.text == "{\"topicList\":[\(names)]}")
    }

    @Test func systemTopics() throws {
        var world = try self.world()
        let answer = try #require(try world.send(.getSystemTopicListFromNameServer))
        #expect(
            answer.text == #"{"brokerAddr":"10.0.0.1:10911","#
                + #""topicList":["DefaultCluster","Other","broker-a","broker-b"]}"#)
        var empty = World()
        #expect(
            try empty.send(.getSystemTopicListFromNameServer)?.text == #"{"topicList":[]}"#)
    }

    @Test("a broker is taken out of and put back into the producers' choice")
    func writePermission() throws {
        var world = try self.world()
        let wiped = try world.send(.wipeWritePermissionOfBroker, ["brokerName": "broker-b"])
        #expect(wiped?["wipeTopicCount"] == "3")
        #expect(try self.permission(in: &world) == "4")
        let added = try world.send(.addWritePermissionOfBroker, ["brokerName": "broker-b"])
        #expect(added?["addTopicCount"] == "3")
        #expect(try self.permission(in: &world) == "6")
    }

    private func permission(in world: inout World) throws -> String? {
        let route = try #require(try world.send(.getRouteInfoByTopic, ["topic": "Unit"]))
        return route.text.firstMatch(of: /"perm":(\d+)/).map { "\($0.1)" }
    }

    @Test("a topic is deleted in one cluster or in all")
    func deletion() throws {
        var world = try self.world()
        try world.send(
            .deleteTopicInNameServer, ["topic": "Unit", "clusterName": "DefaultCluster"])
        #expect(try world.send(.getRouteInfoByTopic, ["topic": "Unit"])?.response == .success)
        try world.send(.deleteTopicInNameServer, ["topic": "Unit"])
        #expect(try world.send(.getRouteInfoByTopic, ["topic": "Unit"])?.response == .topicNotExist)
    }

    @Test("settings for others are put, read, listed and deleted")
    func keyValues() throws {
        var world = World()
        let key: KeyValuePairs = ["namespace": "n", "key": "k"]
        #expect(try world.send(.getKVConfig, key)?.response == .queryNotFound)
        #expect(
            try world.send(.putKVConfig, ["namespace": "n", "key": "k", "value": ""])?.response
                == .success)
        #expect(try world.send(.getKVConfig, key)?["value"] == "")
        #expect(
            try world.send(.getKVListByNamespace, ["namespace": "n"])?.text
                == #"{"table":{"k":""}}"#)
        #expect(try world.send(.deleteKVConfig, key)?.response == .success)
        #expect(
            try world.send(.getKVListByNamespace, ["namespace": "n"])?.response == .queryNotFound)
        #expect(
            try world.send(.putKVConfig, ["namespace": " ", "key": "k", "value": "v"])?.remark
                == "namespace must not be blank")
        #expect(
            try world.send(.putKVConfig, ["namespace": "n", "key": "k"])?.remark
                == "the header field value is missing")
    }

    @Test("the name server's own settings")
    func settings() throws {
        var world = World()
        let changed = try world.send(
            .updateNameServerConfig, body: "orderMessageEnable=true\nsupportActingMaster=TRUE\n")
        #expect(changed?.response == .success)
        try world.send(.updateNameServerConfig, body: "returnOrderTopicConfigToBroker=false")
        #expect(
            try world.send(.getNameServerConfig)?.text
                == "orderMessageEnable=true\nreturnOrderTopicConfigToBroker=false\n"
                + "supportActingMaster=true\n")
    }

    @Test(
        "settings that cannot be changed; nothing of such a request is kept",
        arguments: [
            ("kvConfigPath", ResponseCode.noPermission), ("configStorePath", .noPermission),
            ("configBlackList", .noPermission), ("listenPort", .systemError),
        ])
    func lockedSettings(_ key: String, _ code: ResponseCode) throws {
        var world = World()
        let answer = try world.send(
            .updateNameServerConfig, body: "orderMessageEnable=true\n\(key)=x\n")
        #expect(answer?.response == code)
        #expect(world.engine.settings.orderMessageEnable == false)
    }
}
