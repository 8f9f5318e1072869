import Testing

@testable import ClusterLab

@Suite("a cluster's plan")
struct PlanTests {
    @Test("nodes have the names and ports that RocketMQ's users know")
    func namesAndPorts() {
        var options = ClusterOptions()
        options.nameServers = 2
        options.groups = 3
        let plan = ClusterPlan(options: options, dataDirectory: "/data")
        #expect(
            plan.nodes.map { "\($0.name):\($0.port)" } == [
                "name-server-1:9876", "name-server-2:9877", "broker-a:10911", "broker-b:10931",
                "broker-c:10951",
            ])
        #expect(plan.nameServerAddresses == "127.0.0.1:9876;127.0.0.1:9877")
        #expect(plan.brokers[1].settings["namesrvAddr"] == plan.nameServerAddresses)
        #expect(plan.brokers[1].settings["storePathRootDir"] == "/data/broker-b")
    }

    @Test("a replicated cluster: controllers, and each group's brokers with the group's name")
    func replicated() {
        var options = ClusterOptions()
        options.nameServers = 2
        options.controllers = 3
        options.replicas = 3
        let plan = ClusterPlan(options: options, dataDirectory: "/data")
        #expect(
            plan.nodes.map { "\($0.name):\($0.port)" } == [
                "name-server-1:9876", "name-server-2:9877", "controller-1:9878",
                "controller-2:9888", "controller-3:9898", "broker-a-1:10911", "broker-a-2:10931",
                "broker-a-3:10951", "broker-b-1:10971", "broker-b-2:10991", "broker-b-3:11011",
            ])
        #expect(plan.groups == ["broker-a", "broker-b"])
        let controller = plan.controllers[1].settings
        #expect(controller["controllerSelfId"] == "n1")
        #expect(
            controller["controllerPeers"]
                == "n0-127.0.0.1:9878;n1-127.0.0.1:9888;n2-127.0.0.1:9898")
        let broker = plan.brokers[4].settings
        #expect(broker["brokerName"] == "broker-b")
        #expect(broker["controllerAddr"] == "127.0.0.1:9878;127.0.0.1:9888;127.0.0.1:9898")
        #expect(broker["haListenPort"] == "10992")
        #expect(broker["minInSyncReplicas"] == "2")
        #expect(plan.brokers[4].template == "replica.conf")
        #expect(plan.nodes.map(\.httpPort).prefix(6) == [9850, 9851, 9880, 9890, 9900, 10913])
        #expect(plan.nodes.allSatisfy { $0.settings["httpPort"] == $0.httpPort.map(String.init) })
    }

    @Test("first steps name every address, and controllers only where there are some")
    func firstSteps() {
        var options = ClusterOptions()
        options.controllers = 3
        options.replicas = 3
        let replicated = ClusterPlan(options: options, dataDirectory: "/").firstSteps(apus: "/a")
        #expect(
            replicated.contains("APUS_CONTROLLER='127.0.0.1:9878;127.0.0.1:9888;127.0.0.1:9898'"))
        #expect(replicated.contains("  /a broker status"))
        options.controllers = 0
        options.replicas = 1
        let alone = ClusterPlan(options: options, dataDirectory: "/").firstSteps(apus: "/a")
        #expect(alone.contains("APUS_NAME_SERVER='127.0.0.1:9876"))
        #expect(!alone.contains("ontroller"))
        #expect(!alone.contains("broker status"))
    }

    @Test("no two nodes want the same port, however many there are")
    func ports() {
        var options = ClusterOptions()
        options.nameServers = 8
        options.controllers = 7
        options.groups = 26
        options.replicas = 9
        let ports = ClusterPlan(options: options, dataDirectory: "/").nodes.flatMap(\.ports)
        #expect(Set(ports).count == ports.count)
    }

    @Test("in a network of its own each node has an address of its own")
    func network() {
        var options = ClusterOptions()
        options.controllers = 3
        options.replicas = 3
        options.network = "x"
        let plan = ClusterPlan(options: options, dataDirectory: "/")
        #expect(Set(plan.nodes.map(\.host)).count == plan.nodes.count)
        #expect(plan.nodes[0].host == "10.77.0.1")
        #expect(plan.brokers[0].settings["brokerIP1"] == plan.brokers[0].host)
        let more = plan.anotherBroker(of: "broker-b", dataDirectory: "/d")
        #expect(more.name == "broker-b-4")
        #expect(!plan.nodes.map(\.address).contains(more.address))
    }

    @Test("replicas without controllers are refused: nobody would say who is master")
    func replicasAlone() {
        var options = ClusterOptions()
        options.replicas = 2
        #expect(throws: LabError.self) { try options.validate() }
        options.controllers = 1
        #expect(throws: Never.self) { try options.validate() }
    }

    @Test("an offset moves every port, so two clusters stand side by side")
    func portOffset() {
        var options = ClusterOptions()
        let first = Set(ClusterPlan(options: options, dataDirectory: "/a").nodes.map(\.port))
        options.portOffset = 1000
        let second = Set(ClusterPlan(options: options, dataDirectory: "/b").nodes.map(\.port))
        #expect(first.isDisjoint(with: second))
        #expect(Set(first.map { $0 + 1000 }) == second)
    }

    @Test("the flush mode reaches the brokers", arguments: ClusterOptions.Flush.allCases)
    func flush(flush: ClusterOptions.Flush) {
        var options = ClusterOptions()
        options.flush = flush
        let settings = ClusterPlan(options: options, dataDirectory: "/a").brokers.map(\.settings)
        let expected = flush == .sync ? "SYNC_FLUSH" : "ASYNC_FLUSH"
        #expect(settings.allSatisfy { $0["flushDiskType"] == expected })
    }

    @Test(
        "a name that would leave the clusters' directory is refused",
        arguments: ["", "..", "a/b", "a b", "é", String(repeating: "a", count: 41)])
    func badName(name: String) {
        #expect(throws: LabError.self) { try ClusterOptions.validate(name: name) }
    }

    @Test("numbers outside their range are refused")
    func badNumbers() throws {
        var options = ClusterOptions()
        try options.validate()
        options.groups = 0
        #expect(throws: LabError.self) { try options.validate() }
        options.groups = 27
        #expect(throws: LabError.self) { try options.validate() }
        options = ClusterOptions()
        options.portOffset = -1
        #expect(throws: LabError.self) { try options.validate() }
    }

    @Test("a node's file keeps the template's comments, replaces its keys, and adds the rest")
    func nodeFile() {
        let template = "# A broker.\nlistenPort = 10911\n\n# Safe.\nflushDiskType=SYNC_FLUSH\n\n"
        let file = NodeFile.fill(
            template, with: ["listenPort": "20911", "brokerName": "broker-b", "a": "b=c"])
        #expect(
            file == """
                # A broker.
                listenPort=20911

                # Safe.
                flushDiskType=SYNC_FLUSH
                a=b=c
                brokerName=broker-b

                """)
    }
}
