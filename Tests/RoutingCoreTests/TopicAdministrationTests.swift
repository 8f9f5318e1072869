import MessageFormat
import RoutingCore
import Testing

@Suite("What administrators do to topics")
struct TopicAdministrationTests {
    /// Two clusters; topic `A` is in both, `B` in the first, `C` in the second.
    private func table() throws -> RouteTable {
        var table = RouteTable()
        try table.take(.register(broker("broker-a", at: "a:1", cluster: "C1", topics: ["A", "B"])))
        try table.take(.register(broker("broker-b", at: "b:1", cluster: "C2", topics: ["A", "C"])))
        return table
    }

    @Test func lists() throws {
        let table = try self.table()
        #expect(table.topics.names == ["A", "B", "C"])
        #expect(table.topics(inCluster: "C1") == ["A", "B"])
        #expect(table.topics(inCluster: "C2") == ["A", "C"])
        #expect(table.topics(inCluster: "C3") == [])
        #expect(table.systemTopics == ["C1", "C2", "broker-a", "broker-b"])
        #expect(table.clusters == ["C1": ["broker-a"], "C2": ["broker-b"]])
        #expect(table.brokers.map(\.addresses) == [[0: "a:1"], [0: "b:1"]])
    }

    @Test(
        "a broker loses the right to be written until its topics change", arguments: [false, true])
    func writePermission(isRestored: Bool) throws {
        var table = try self.table()
        #expect(table.wipeWritePermission(of: "broker-a") == 2)
        #expect(table.wipeWritePermission(of: "broker-x") == 0)
        #expect(table.summary(of: "A") == "broker-a(0=a:1) 4/4 r-; broker-b(0=b:1) 4/4 rw")

        if isRestored {
            #expect(table.addWritePermission(of: "broker-a") == 2)
            #expect(table.summary(of: "B") == "broker-a(0=a:1) 4/4 rw")
        } else {
            try table.take(.register(broker(at: "a:1")))
            #expect(table.summary(of: "B") == "broker-a(0=a:1) 4/4 r-")
            try table.take(.register(broker(at: "a:1", version: version(1))))
            #expect(table.summary(of: "B") == "broker-a(0=a:1) 4/4 rw")
        }
    }

    @Test func deletion() throws {
        var table = try self.table()
        table.deleteTopic("A", inCluster: "C1")
        #expect(table.summary(of: "A") == "broker-b(0=b:1) 4/4 rw")
        table.deleteTopic("A")
        table.deleteTopic("A")
        #expect(table.topics.names == ["B", "C"])
        #expect(table.checkInvariants() == [])
    }

    @Test("topics are listed by the flags that any of their brokers set")
    func flags() {
        var topics = TopicTable()
        let flags: [(String, String, Int32)] = [
            ("plain", "a", 0), ("unit", "a", 1), ("both", "a", 1), ("both", "b", 2),
            ("sub", "b", 2),
        ]
        for (topic, broker, flag) in flags {
            let share = QueueShare(
                readQueues: 1, writeQueues: 1, permission: .readWrite, systemFlag: flag)
            topics.set(share, of: topic, on: broker)
        }
        #expect(topics.names { $0 & 1 != 0 } == ["both", "unit"])
        #expect(topics.names { $0 & 3 == 2 } == ["sub"])
    }
}
