import MessageFormat
import RemotingProtocol
import Testing

@testable import apus

func replica(
    _ id: Int64, end: Int64? = 100, isAlive: Bool = true, role: String = "replica",
    isDrained: Bool = false, at address: String? = nil
) -> ReplicaState {
    ReplicaState(
        brokerName: "a", brokerID: id, brokerAddress: address ?? "h\(id):1", isAlive: isAlive,
        report: end.map {
            .init(
                role: role, lastEpoch: Epoch(3), maxOffset: PhysicalOffset($0),
                confirmOffset: PhysicalOffset($0), ageMilliseconds: 10, isDrained: isDrained)
        })
}

private func master(end: Int64 = 100, isDrained: Bool = false) -> ReplicaState {
    replica(1, end: end, role: "master", isDrained: isDrained)
}

func group(
    master: Int64? = 1, epoch: UInt32 = 3, inSync: [ReplicaState], others: [ReplicaState] = [],
    recollecting: ForgottenGroup? = nil, conflicts: [EpochConflict] = []
) -> GroupReplicas {
    GroupReplicas(
        masterBrokerID: master, masterAddress: master.map { "h\($0):1" } ?? "",
        masterEpoch: Epoch(epoch), syncStateSetEpoch: 1, inSync: inSync, notInSync: others,
        recollecting: recollecting, conflicts: conflicts)
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
            [
                ("nobody that holds all acknowledged", "--force"),
                ("hear nothing", "with the directory that it had"),
            ]
        ),
        (
            "all drained",
            picture(
                group(
                    inSync: [master(isDrained: true), replica(2, isDrained: true)],
                    others: [replica(3, isAlive: false)])),
            [
                ("every broker of it that lives is drained", "drain a --id 1 --undo"),
                ("hear nothing", "clean a --id 3"),
            ]
        ),
        (
            "a drained master that nobody follows",
            picture(group(inSync: [master(isDrained: true), replica(2)])),
            [("is drained and nobody has taken over", "drain a --id 1 --undo")]
        ),
        (
            "an address that a new broker has taken over",
            picture(
                group(
                    inSync: [master(), replica(4, at: "h3:1")],
                    others: [replica(3, isAlive: false)])),
            [("broker 4 has its address now", "clean a --id 3 --yes")]
        ),
        (
            "an address that a new broker has taken from the last that had everything",
            picture(
                group(
                    master: nil, inSync: [replica(3, isAlive: false)],
                    others: [replica(4, at: "h3:1")])),
            [
                ("nobody that holds all", "start broker 3 again, with the directory"),
                ("broker 4 has its address now", "keep its directory"),
            ]
        ),
        (
            "controllers that forgot everything",
            picture(
                group(
                    master: nil, epoch: 0, inSync: [],
                    others: [replica(1), replica(2, isAlive: false)],
                    recollecting: ForgottenGroup(
                        waitingFor: [2, 3], members: [1, 2, 3], replaced: [3]))),
            [
                ("2, 3 is waited for", "start broker 2 again, with the directory"),
                ("hear nothing", "with the directory that it had"),
            ]
        ),
        (
            "the controllers forgot everything, and then too many lost their logs",
            picture(
                group(
                    master: nil, inSync: [replica(1), replica(2), replica(3)],
                    recollecting: ForgottenGroup(
                        waitingFor: [], members: [1, 2, 3], lost: [1, 2]))),
            [("broker 1, 2 has lost a part", "elect a --force --yes")]
        ),
        (
            "the same, and one is not heard",
            picture(
                group(
                    master: nil, inSync: [replica(1), replica(2), replica(3, isAlive: false)],
                    recollecting: ForgottenGroup(
                        waitingFor: [3], members: [1, 2, 3], lost: [1, 2]))),
            [
                ("broker 1, 2 has lost a part", "start broker 3 again, with the directory"),
                ("hear nothing", "with the directory that it had"),
            ]
        ),
        (
            "a log that nobody vouches for",
            picture(
                group(
                    master: nil, epoch: 0, inSync: [], others: [replica(2)],
                    recollecting: ForgottenGroup(waitingFor: [], members: [], unvouched: [2]))),
            [("broker 2 has a log of it", "start all brokers that it ever had")]
        ),
        (
            "a broker that knows more epochs than the controllers",
            picture(
                group(
                    inSync: [master(), replica(2)], others: [replica(3)],
                    conflicts: [
                        EpochConflict(
                            brokerID: 3, brokerAddress: "h3:1", epoch: Epoch(9),
                            groupEpoch: Epoch(3), masterHasMore: true)
                    ])),
            [("it knows epoch 9", "do not clean it")]
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

    /// A dead broker is to be forgotten only while somebody lives who has all that it can have
    /// acknowledged.
    @Test("no advice cleans a broker away that may be the last to hold something")
    func neverTheLast() {
        let dead = replica(2, isAlive: false)
        let dangerous = [
            group(master: nil, inSync: [dead], others: [replica(1)]),
            group(master: 2, inSync: [dead, replica(3, isAlive: false)], others: [replica(1)]),
            group(master: nil, epoch: 0, inSync: [], others: [replica(1), dead]),
            group(
                inSync: [master()], others: [dead],
                recollecting: ForgottenGroup(waitingFor: [2], members: [1, 2])),
        ]
        for group in dangerous {
            let advice = picture(group).checks.compactMap(\.advice)
            #expect(!advice.contains { $0.contains("broker clean") }, "\(advice)")
        }
    }

    @Test("a cluster without any broker is not well, nor one of which nobody can tell anything")
    func nothingThere() {
        var empty = picture(nil)
        empty.nameServers[0].info = ClusterInfo(brokers: [:], clusters: [:])
        empty.groups = SyncStateData(groups: [:])
        #expect(empty.checks.contains { $0.problem?.contains("no broker has ever") == true })
        #expect(!empty.isUnknown)
        var blind = picture(nil, controllers: [controller("n0", nil)])
        blind.isBlind = true
        #expect(
            blind.checks.contains { $0.problem?.contains("no controller can be asked") == true })
        #expect(blind.isUnknown)
        let mute = ClusterPicture(nameServers: [.init(address: "ns:1", problem: "it is dead")])
        #expect(mute.isUnknown)
    }

    @Test("a drained replica is no trouble, and is named")
    func drainedReplica() {
        var view = picture(group(inSync: [master(), replica(2, isDrained: true)]))
        var drained = BrokerInfo(cluster: "C", name: "a", id: 2, address: "h2:1")
        drained.groupID = 2
        view.brokers = [drained]
        #expect(view.checks.allSatisfy { $0.problem == nil })
        #expect(view.checks.contains { $0.text.contains("well, drained: ") })
    }

    @Test("a new broker at the address of a dead one does not make that one run")
    func takenAddress() {
        var view = picture(
            group(
                inSync: [master(), replica(4, at: "h3:1")], others: [replica(3, isAlive: false)]))
        var heir = BrokerInfo(cluster: "C", name: "a", id: 4, address: "h3:1")
        heir.groupID = 4
        view.brokers = [heir]
        let wrong = view.checks.filter { $0.problem != nil }
        #expect(wrong.map(\.what) == ["broker a 3 at h3:1"])
        #expect(wrong.first?.problem?.contains("controllerAddr") == false)
    }

    @Test(
        "controllers that began with an empty disk do not count, and nobody is told to empty more")
    func forgetful() throws {
        var states = [controller("n0", "follower"), controller("n1", "follower")]
        states.append(controller("n2", nil))
        states[1].mayHaveForgotten = true
        let checks = picture(nil, controllers: states).checks
        let advice = try #require(checks.first { $0.what == "controllers" }?.advice)
        #expect(advice.hasPrefix("start 1 more with the directories that they had: n1 began"))
        states[2].role = "follower"
        states[2].problem = nil
        let all = picture(nil, controllers: states).checks
        #expect(all.first { $0.what == "controllers" }?.advice?.hasPrefix("ask again") == true)
        states[1].mayHaveForgotten = false
        let plain = picture(nil, controllers: states).checks
        #expect(plain.first { $0.what == "controllers" }?.advice?.hasPrefix("ask again") == true)
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
