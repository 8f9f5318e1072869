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
