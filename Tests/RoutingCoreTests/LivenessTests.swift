import MessageFormat
import RoutingCore
import Testing

private let first = "10.0.0.1:10911"
private let second = "10.0.0.2:10911"

@Suite("When a broker is gone")
struct LivenessTests {
    @Test(arguments: [
        Story(
            "its connection closed: at once", [.register(broker(), link: 1), .close(link: 1)],
            route: "none"),
        Story(
            "another connection closed: not", [.register(broker(), link: 1), .close(link: 2)],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "it reconnected and registered, then its old connection closed: not",
            [.register(broker(), link: 1), .register(broker(), link: 2), .close(link: 1)],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "it reconnected, and the new connection closed too",
            [.register(broker(), link: 1), .register(broker(), link: 2), .close(link: 2)],
            route: "none"),
        Story(
            "the master's connection closed: its replica stays in the route",
            [
                .register(broker(), link: 1), .register(broker(id: 1, at: second), link: 2),
                .close(link: 1),
            ],
            route: "broker-a(1=10.0.0.2:10911) 4/4 rw"),
        Story(
            "one connection spoke for two groups",
            [
                .register(broker(), link: 1), .register(broker("broker-b", at: second), link: 1),
                .close(link: 1),
            ],
            route: "none"),
        Story(
            "120 s of silence are allowed", [.register(broker(), at: 0), .wait(until: 120)],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "more are not", [.register(broker(), at: 0), .wait(until: 121)], route: "none"),
        Story(
            "a broker may ask for a shorter time",
            [.register(broker(silence: 10_000), at: 0), .wait(until: 11)], route: "none"),
        Story(
            "no time, as an old broker sends it, means the default",
            [.register(broker(silence: 0), at: 0), .wait(until: 119)],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "an absurd time has a bound",
            [.register(broker(silence: .max), at: 0), .wait(until: 3_601)], route: "none"),
        Story(
            "a heartbeat starts the time anew",
            [
                .register(broker(), at: 0), .heartbeat(address: first, at: 100),
                .wait(until: 200),
            ],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "so does a registration",
            [.register(broker(), at: 0), .register(broker(), at: 100), .wait(until: 200)],
            route: "broker-a(0=10.0.0.1:10911) 4/4 rw"),
        Story(
            "a heartbeat of another address does not",
            [
                .register(broker(), at: 0), .heartbeat(address: second, at: 100),
                .wait(until: 200),
            ],
            route: "none"),
        Story(
            "a heartbeat does not bring a broker back",
            [
                .register(broker()), .close(link: 1), .heartbeat(address: first, at: 1),
            ],
            route: "none"),
        Story(
            "it signed off", [.register(broker()), .unregister(address: first)], route: "none"),
        Story(
            "a deposed master signed off under the id that another has now",
            [
                .register(broker(version: version(0, state: 1)), link: 1),
                .register(broker(at: second, version: version(0, state: 2)), link: 2),
                .unregister(address: first),
            ],
            route: "broker-a(0=10.0.0.2:10911) 4/4 rw"),
    ])
    func isGone(_ story: Story) throws { try story.run() }

    @Test("a departure names the broker, its address and its connection")
    func departure() throws {
        var table = RouteTable()
        try table.take(.register(broker(), link: 7))
        let departed = table.advance(to: seconds(200))
        #expect(departed.map(\.broker) == [BrokerKey(name: "broker-a", id: 0)])
        #expect(departed.map(\.address) == [first])
        #expect(departed.map(\.link) == [BrokerLink(7)])
        #expect(table.advance(to: seconds(201)) == [])
        #expect(table.groups.isEmpty)
    }

    @Test("while the name server itself was stopped, nobody was silent")
    func ownPause() throws {
        var table = RouteTable()
        try table.take(.register(broker(), at: 0))
        try table.take(.register(broker("broker-b", at: second, silence: 10_000), link: 2, at: 0))
        for second in 1...9 { try table.take(.wait(until: Int64(second))) }
        try table.take(.wait(until: 1_000))
        #expect(table.groups.count == 2)
        try table.take(.wait(until: 1_001))
        #expect(table.groups.count == 2)
        try table.take(.wait(until: 1_002))
        #expect(table.groups.keys.sorted() == ["broker-a"], "its ten seconds are over at last")
    }

    @Test("a broker that asks for the version that is known need not register, and is alive")
    func versionAsHeartbeat() throws {
        var table = RouteTable()
        #expect(
            table.confirmVersion(version(3), name: "broker-a", address: first, at: .zero) == nil)
        try table.take(.register(broker(version: version(3))))
        #expect(
            table.confirmVersion(version(3), name: "broker-a", address: first, at: seconds(100))
                == version(3))
        for second in 101...200 { try table.take(.wait(until: Int64(second))) }
        #expect(
            table.confirmVersion(version(4), name: "broker-a", address: first, at: seconds(200))
                == version(3))
        for second in 201...221 { try table.take(.wait(until: Int64(second))) }
        #expect(table.groups.isEmpty, "asking for another version is no sign of life")
    }
}
