import MessageFormat
import NameServerEngine
import RemotingProtocol
import Testing

@Suite("Where topics and brokers are")
struct RouteRequestTests {
    @Test("a route is compact standard JSON, in the order that every client reads")
    func route() throws {
        var world = World()
        try world.register()
        try world.register(id: 1, at: "10.0.0.2:10911", from: 2)
        let answer = try #require(try world.send(.getRouteInfoByTopic, ["topic": "TopicTest"]))
        #expect(answer.response == .success)
        #expect(answer.opaque == 7)
        #expect(
            answer.text == #"{"brokerDatas":[{"brokerAddrs":{"0":"10.0.0.1:10911","#
                + #""1":"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","#
                + #""enableActingMaster":false}],"filterServerTable":{},"queueDatas":"#
                + #"[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"#
                + #""writeQueueNums":4}]}"#)
    }

    @Test("the template of new topics has a route like any other")
    func template() throws {
        var world = World()
        try world.register()
        let answer = try #require(try world.send(.getRouteInfoByTopic, ["topic": "TBW102"]))
        #expect(answer.text.contains(#""perm":7,"readQueueNums":8"#))
    }

    @Test(
        "a topic without a route",
        arguments: ["X", "", "a/b", "..", "a\0b", String(repeating: "x", count: 10_000)])
    func noRoute(_ topic: String) throws {
        var world = World()
        try world.register()
        let answer = try #require(try world.send(.getRouteInfoByTopic, ["topic": topic]))
        #expect(answer.response == (topic.isEmpty ? .systemError : .topicNotExist))
    }

    @Test(
        "an ordered topic's queues are in its route when the setting is on",
        arguments: [true, false])
    func order(isOn: Bool) throws {
        var settings = NameServerSettings()
        settings.orderMessageEnable = isOn
        var world = World(settings: settings)
        try world.register()
        try world.send(
            .putKVConfig,
            ["namespace": "ORDER_TOPIC_CONFIG", "key": "TopicTest", "value": "broker-a:4"])
        let answer = try #require(try world.send(.getRouteInfoByTopic, ["topic": "TopicTest"]))
        #expect(answer.text.contains(#""orderTopicConf":"broker-a:4""#) == isOn)

        let registered = try #require(try world.register())
        #expect(registered.text == #"{"table":{"TopicTest":"broker-a:4"}}"#)
    }

    @Test("the cluster's brokers and a group's members")
    func cluster() throws {
        var world = World()
        try world.register()
        try world.register(id: 1, at: "10.0.0.2:10911")
        let data =
            #"{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"},"#
            + #""brokerName":"broker-a","cluster":"DefaultCluster""#
        let info = try #require(try world.send(.getBrokerClusterInfo))
        #expect(
            info.text == #"{"brokerAddrTable":{"broker-a":\#(data),"enableActingMaster":false}},"#
                + #""clusterAddrTable":{"DefaultCluster":["broker-a"]}}"#)

        let group = try #require(
            try world.send(
                .getBrokerMemberGroup,
                ["clusterName": "DefaultCluster", "brokerName": "broker-a"]))
        #expect(group.text == #"{"brokerMemberGroup":\#(data)}}"#)

        let unknown = try #require(
            try world.send(.getBrokerMemberGroup, ["clusterName": "C", "brokerName": "x"]))
        #expect(
            unknown.text
                == #"{"brokerMemberGroup":{"brokerAddrs":{},"brokerName":"x","cluster":"C"}}"#)
    }
}
