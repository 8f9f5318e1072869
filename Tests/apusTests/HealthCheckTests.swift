import MessageFormat
import RemotingProtocol
import Testing

@testable import apus

private func replica(
    _ id: Int64, end: Int64? = 100, isAlive: Bool = true, role: String = "replica"
) -> ReplicaState {
    ReplicaState(
        brokerName: "a", brokerID: id, brokerAddress: "h\(id):1", isAlive: isAlive,
        report: end.map {
            .init(
                role: role, lastEpoch: Epoch(3), maxOffset: PhysicalOffset($0),
                confirmOffset: PhysicalOffset($0), ageMilliseconds: 10)
        })
}

private func master(end: Int64 = 100) -> ReplicaState { replica(1, end: end, role: "master") }

private func group(
    master: Int64? = 1, epoch: UInt32 = 3, inSync: [ReplicaState], others: [ReplicaState] = []
) -> GroupReplicas {
    GroupReplicas(
        masterBrokerID: master, masterAddress: master.map { "h\($0):1" } ?? "",
        masterEpoch: Epoch(epoch), syncStateSetEpoch: 1, inSync: inSync, notInSync: others)
}

private func controller(_ id: String, _ role: String?) -> ControllerState {
    ControllerState(
        id: id, address: "\(id):9878", role: role, term: "4",
        problem: role == nil ? "nobody listens" : nil)
}

private func picture(
    _ group: GroupReplicas?, controllers: [ControllerState] = [controller("n0", "leader")],
    shownMaster: String? = "h1:1"
) -> ClusterPicture {
    let broker = BrokerData(
        cluster: "C", brokerName: "a",
        addresses: shownMaster.map { [0: $0] } ?? [2: "h2:1"])
    let info = ClusterInfo(brokers: ["a": broker], clusters: ["C": ["a"]])
    return ClusterPicture(
        nameServers: [.init(address: "ns:1", info: info)], controllers: controllers,
        groups: group.map { SyncStateData(groups: ["a": $0]) })
}

@Suite("what cluster health says")
struct HealthCheckTests {
    /// A picture, and what is wrong with it: words of each problem and of its advice.
    static let table: [(name: String, picture: ClusterPicture, expected: [(String, String)])] = [
        ("all well", picture(group(inSync: [master(), replica(2)])), []),
        (
            "one broker alone is a small group, not a sick one",
            picture(group(inSync: [master()])), []
        ),
        (
            "a dead replica",
            picture(group(inSync: [master(), replica(2)], others: [replica(3, isAlive: false)])),
            [("hear nothing", "clean a --id 3")]
        ),
        (
            "a replica that catches up",
            picture(group(inSync: [master(), replica(2)], others: [replica(3, end: 40)])),
            [("not in step with its master, 60 bytes behind", "cluster watch")]
        ),
        (
            "no redundancy", picture(group(inSync: [master()], others: [replica(2)])),
            [("only its master holds", "another of its brokers"), ("not in step", "watch")]
        ),
        (
            "a dead master with somebody to follow it",
            picture(group(inSync: [replica(1, isAlive: false), replica(2)])),
            [("no living master", "broker elect a"), ("hear nothing", "clean a --id 1")]
        ),
        (
            "all members of the set dead",
            picture(group(inSync: [replica(1, isAlive: false)], others: [replica(2)])),
            [("nobody that holds all acknowledged", "--force"), ("hear nothing", "start it again")]
        ),
        (
            "never a master", picture(group(master: nil, epoch: 0, inSync: [], others: [])),
            [("never had a master", "start one")]
        ),
        (
            "a forgotten group that waits for its brokers",
            picture(group(master: nil, epoch: 0, inSync: [], others: [replica(2)])),
            [("the controllers know of none before", "broker elect a")]
        ),
        (
            "a master that does nothing",
            picture(group(inSync: [replica(1, role: "fenced"), replica(2)])),
            [("does not act as one", "h1:1")]
        ),
        (
            "a name server that shows another master",
            picture(group(inSync: [master(), replica(2)]), shownMaster: "h2:1"),
            [("shows h2:1 as the master, which is h1:1", "namesrvAddr")]
        ),
        (
            "a name server that shows none",
            picture(group(inSync: [master(), replica(2)]), shownMaster: nil),
            [("shows nobody", "namesrvAddr")]
        ),
        (
            "two of three controllers down",
            picture(
                nil,
                controllers: [
                    controller("n0", "follower"), controller("n1", nil), controller("n2", nil),
                ]),
            [
                ("nobody listens", "start"), ("nobody listens", "start"),
                ("nobody leads", "start 1 of"),
            ]
        ),
        (
            "between two leaders",
            picture(
                nil, controllers: [controller("n0", "follower"), controller("n1", "follower")]),
            [("nobody leads", "ask again")]
        ),
    ]

    @Test("each trouble with its advice", arguments: table.indices)
    func troubles(line: Int) {
        let (name, picture, expected) = Self.table[line]
        let wrong = picture.checks.filter { $0.problem != nil }
        #expect(wrong.count == expected.count, "\(name): \(wrong.map(\.text))")
        for (check, words) in zip(wrong, expected) {
            #expect(check.problem?.contains(words.0) == true, "\(name): \(check.text)")
            #expect(check.advice?.contains(words.1) == true, "\(name): \(check.text)")
        }
    }

    @Test("brokers that run and are not heard are not called dead")
    func unheard() {
        var deaf = picture(group(inSync: [replica(1, isAlive: false)]))
        deaf.brokers = [BrokerInfo(cluster: "C", name: "a", id: 0, address: "h1:1")]
        let wrong = deaf.checks.filter { $0.problem != nil }
        #expect(wrong.count == 2)
        #expect(wrong.allSatisfy { $0.advice?.contains("controllerAddr") == true })
    }

    @Test("too few in step for the group's minimum, whoever else is there")
    func minimum() {
        var small = picture(group(inSync: [master()]))
        var master = BrokerInfo(cluster: "C", name: "a", id: 0, address: "h1:1")
        master.groupID = 1
        master.minInSync = 2
        small.brokers = [master]
        let wrong = small.checks.filter { $0.problem != nil }
        #expect(wrong.map(\.what) == ["broker group a"])
        #expect(wrong.first?.problem?.contains("it refuses messages") == true)
        #expect(small.checks.contains { $0.what == "broker a 1 at h1:1" })
        small.brokers[0].minInSync = 1
        #expect(small.checks.allSatisfy { $0.problem == nil })
    }

    @Test("without controllers the name servers are asked for masters")
    func withoutControllers() {
        #expect(picture(nil, controllers: []).checks.allSatisfy { $0.problem == nil })
        let wrong = picture(nil, controllers: [], shownMaster: nil).checks
            .filter { $0.problem != nil }
        #expect(wrong.map(\.problem) == ["it has no master"])
        let empty = ClusterPicture(
            nameServers: [.init(address: "ns:1", info: ClusterInfo(brokers: [:], clusters: [:]))])
        #expect(empty.checks.contains { $0.problem == "none is registered" })
    }
}

@Suite("what cluster watch shows")
struct ClusterFrameTests {
    private static func frame(at seconds: Int64, end: Int64, messages: Int64?) -> ClusterFrame {
        var frame = ClusterFrame(
            takenAt: Timestamp(milliseconds: seconds * 1_000),
            tick: ContinuousClock.now.advanced(by: .seconds(seconds)))
        frame.controllers = [controller("n0", "leader"), controller("n1", nil)]
        frame.groups = [
            "a": group(
                inSync: [master(end: end), replica(2, end: end - 7)],
                others: [replica(3, isAlive: false)])
        ]
        frame.counters = ["a": .init(logEnd: end, messages: messages)]
        return frame
    }

    @Test("masters, sets, lags; rates from the look before")
    func text() throws {
        let first = Self.frame(at: 0, end: 1_000, messages: 10)
        let second = Self.frame(at: 2, end: 9_000, messages: 30)
        let lines = second.text(after: first).split(separator: "\n").map(String.init)
        #expect(lines[0].hasSuffix("controllers: n0 leader, n1 down, term 4"))
        let cells = lines[2].split(separator: " ", omittingEmptySubsequences: true)
        #expect(cells == ["a", "1", "h1:1", "3", "{1,2}", "1:0", "2:7", "3:dead", "10", "4"])
        #expect(
            second.json(after: first)["groups"]?.elements?.first?["bytesPerSecond"]?.double
                .map { $0 > 3_900 && $0 < 4_100 } == true)
    }

    @Test("a new master starts new rates")
    func newMaster() {
        let first = Self.frame(at: 0, end: 1_000, messages: 10)
        var second = Self.frame(at: 1, end: 2_000, messages: 5)
        second.groups["a"]?.masterEpoch = Epoch(9)
        let cells = second.text(after: first).split(separator: " ")
        #expect(cells.suffix(2) == ["-", "-"])
        #expect(second.json(after: first)["groups"]?.elements?.first?["messagesPerSecond"] == nil)
    }

    @Test("what cannot be asked is said, and the rest is shown")
    func problem() {
        var frame = ClusterFrame(takenAt: Timestamp(milliseconds: 0), tick: ContinuousClock.now)
        frame.problem = "nobody listens at h:1"
        let text = frame.text(after: nil)
        #expect(text.contains("controllers: unknown"))
        #expect(text.contains("! nobody listens at h:1"))
    }
}
