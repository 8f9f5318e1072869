import ControllerCore
import ControllerEngine
import MessageFormat
import Raft
import RemotingProtocol
import Testing

@Suite("requests to controllers")
struct RequestTests {
    /// What only the leader answers, as tools and brokers send it.
    static let leaderRequests: [RemotingCommand] = [
        BrokerStandIn(1).wish(for: [1]).command,
        ElectMaster(clusterName: "C", brokerName: "broker-a", brokerID: nil).command,
        BrokerStandIn(1).registration.command,
        GetReplicaInfo(brokerName: "broker-a").command,
        SyncStateDataRequest(brokerNames: ["broker-a"]).command,
        CleanBrokerData(clusterName: "C", brokerName: "broker-a", brokerIDs: [1]).command,
        NextBrokerIDRequest(clusterName: "C", brokerName: "broker-a").command,
        ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 1, registerCheckCode: "c"
        ).command,
        ControllerChange.transferLeader(to: "n1").command,
    ]

    @Test("who does not lead says who does", arguments: leaderRequests.indices)
    func redirects(index: Int) throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        world.pass(.milliseconds(100))
        let follower = try #require(world.nodes.first { $0 != leader })
        let answer = try #require(try world.ask(follower, Self.leaderRequests[index]))
        #expect(answer.responseCode == .controllerNotLeader)
        let address = ControllerRedirect.leaderAddress(in: answer)
        #expect(address == "127.0.0.1:98\(leader.value.dropFirst())8")
        #expect(answer.remark?.contains(leader.value) == true)
    }

    @Test("everybody says who belongs to the group, in either form of header")
    func metadata() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        world.pass(.milliseconds(100))
        for id in world.nodes {
            for form in [SerializationType.json, .binary] {
                let answer = try world.ask(id, ControllerMetadata.request, as: form)
                let metadata = try ControllerMetadata(#require(answer))
                #expect(metadata.leaderID == leader.value)
                #expect(metadata.isLeader == (id == leader))
                #expect(metadata.peers.map(\.id) == ["n0", "n1", "n2"])
            }
            let text = try #require(try world.ask(id, .request(.getControllerConfig)))
            let properties = text.withBodyBytes { PropertiesText(parsing: Array($0)) }
            #expect(properties["controllerSelfId"] == id.value)
        }
    }

    @Test("a broker gets an id, registers, and is known")
    func identity() throws {
        var world = try ControllerWorld()
        let next = NextBrokerIDRequest(clusterName: "C", brokerName: "broker-a").command
        #expect(try NextBrokerIDAnswer(world.askLeader(next)).nextBrokerID == 1)
        let unknown = try world.askLeader(BrokerStandIn(1).registration.command)
        #expect(unknown.responseCode == .controllerBrokerNeedToBeRegistered)
        try world.join(BrokerStandIn(1))
        #expect(try NextBrokerIDAnswer(world.askLeader(next)).nextBrokerID == 2)
        let stranger = ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 1, registerCheckCode: "x")
        #expect(try world.askLeader(stranger.command).responseCode == .controllerBrokerIDInvalid)
    }

    @Test("an unknown group has its code in each request")
    func unknownGroup() throws {
        var world = try ControllerWorld(nodes: 1)
        let codes: [(RemotingCommand, ResponseCode)] = [
            (BrokerStandIn(1).wish(for: [1]).command, .controllerAlterSyncStateSetFailed),
            (
                ElectMaster(clusterName: "C", brokerName: "broker-a", brokerID: nil).command,
                .controllerBrokerNeedToBeRegistered
            ),
            (BrokerStandIn(1).registration.command, .controllerBrokerNeedToBeRegistered),
            (
                GetReplicaInfo(brokerName: "broker-a").command,
                .controllerBrokerMetadataNotExist
            ),
            (
                CleanBrokerData(clusterName: "C", brokerName: "broker-a", brokerIDs: [1]).command,
                .controllerInvalidCleanBrokerMetadata
            ),
        ]
        for (command, code) in codes {
            let answer = try world.askLeader(command)
            #expect(answer.responseCode == code, "\(command.code)")
            #expect(answer.remark?.isEmpty == false)
        }
        let heartbeat = try world.askLeader(BrokerStandIn(1).heartbeat.command)
        #expect(heartbeat.responseCode == .controllerBrokerNeedToBeRegistered)
        #expect(try heartbeat.bool("isLeader") == true)
    }

    @Test("a refused change of the SyncStateSet shows the view that stands")
    func refusedAlteration() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        var stale = brokers[0].wish(for: [1, 2])
        stale.syncStateSetEpoch -= 1
        let answer = try world.askLeader(stale.command, over: brokers[0].connection)
        #expect(answer.responseCode == .controllerFencedSyncStateSetEpoch)
        #expect(try GroupView(answer: answer) == brokers[0].view)
        // Who is not heard cannot join.
        world.close(brokers[2].connection)
        #expect(
            try world.askLeader(
                brokers[0].wish(for: [1, 2]).command, over: brokers[0].connection
            ).responseCode == .success)
        var wish = brokers[0].wish(for: [1, 2, 3])
        wish.syncStateSetEpoch += 1
        let answered = try world.askLeader(wish.command, over: brokers[0].connection)
        #expect(answered.responseCode == .controllerBrokerNotAlive)
    }

    @Test("operators elect: only alive members, unless they accept a loss")
    func elections() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        func elect(_ id: Int64?, designate: Bool = false, force: Bool = false) -> RemotingCommand {
            ElectMaster(
                clusterName: "C", brokerName: "broker-a", brokerID: id, designateElect: designate,
                force: force
            ).command
        }
        let alive = try world.askLeader(elect(nil))
        #expect(alive.responseCode == .controllerMasterStillExist)
        #expect(try GroupView(answer: alive).masterBrokerID == 1)
        let moved = try world.askLeader(elect(3, designate: true))
        #expect(moved.responseCode == .success)
        #expect(try GroupView(answer: moved).masterBrokerID == 3)
        let body = try ElectMasterBody(bodyOf: moved)
        #expect(body.members.addresses[2] == brokers[1].address)
        #expect(body.syncStateSet == [1, 2, 3])

        // All but broker 2 are dead, and it has lost its disk.
        for index in brokers.indices { try world.beat(&brokers[index]) }
        for broker in brokers { world.close(broker.connection) }
        var empty = BrokerStandIn(2, incarnation: 2)
        #expect(try world.askLeader(empty.registration.command).responseCode == .success)
        try world.beat(&empty)
        let refused = try world.askLeader(elect(2, designate: true))
        #expect(refused.responseCode == .controllerElectMasterFailed)
        #expect(refused.remark?.contains("lost a part of its log") == true)
        #expect(try world.askLeader(elect(nil)).responseCode == .controllerMasterNotAvailable)
        let forced = try world.askLeader(elect(2, force: true))
        #expect(forced.responseCode == .success)
        #expect(try GroupView(answer: forced).syncStateSet == [2])
    }

    @Test("a master hands over to the best of the others, and only the master can")
    func handover() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        brokers[2].maxOffset = PhysicalOffset(101)
        try world.beat(&brokers[2])
        func ask(_ id: Int64) -> RemotingCommand {
            ElectMaster(clusterName: "C", brokerName: "broker-a", brokerID: id, handover: true)
                .command
        }
        #expect(try world.askLeader(ask(2)).responseCode == .controllerInvalidMaster)
        let view = try GroupView(answer: world.askLeader(ask(1)))
        #expect(view.masterBrokerID == 3)
        #expect(view.syncStateSet == [1, 2, 3])
    }

    @Test("the state of all groups, with what their brokers said last")
    func syncStateData() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        brokers[0].priority = 1
        try world.pass(.milliseconds(500), with: &brokers)
        world.close(brokers[2].connection)
        let answer = try world.askLeader(SyncStateDataRequest(brokerNames: []).command)
        let group = try #require(try SyncStateData(bodyOf: answer).groups["broker-a"])
        #expect(group.masterBrokerID == 1)
        #expect(group.inSync.map(\.isAlive) == [true, true, false])
        #expect(group.inSync.map { $0.report?.isDrained } == [false, true, true])
        #expect(group.inSync.first?.report?.role == "master")
        #expect(group.inSync.first?.report?.maxOffset == PhysicalOffset(100))
        let other = try world.askLeader(SyncStateDataRequest(brokerNames: ["x"]).command)
        #expect(try SyncStateData(bodyOf: other).groups.isEmpty)
    }

    @Test("cleaning: the dead yes, the living only when that is said")
    func cleaning() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        try world.pass(.seconds(4), with: &brokers)
        func clean(_ ids: [Int64], living: Bool = false) -> RemotingCommand {
            CleanBrokerData(
                clusterName: "C", brokerName: "broker-a", brokerIDs: ids,
                isCleanLivingBroker: living
            ).command
        }
        let refused = try world.askLeader(clean([3]))
        #expect(refused.responseCode == .controllerInvalidCleanBrokerMetadata)
        world.close(brokers[2].connection)
        #expect(try world.askLeader(clean([3])).responseCode == .success)
        #expect(try world.view().syncStateSet == [1, 2])
        // A broker that was cleaned is a stranger, until it has an id again.
        let leader = try world.elect()
        let answer = try #require(try world.ask(leader, brokers[2].heartbeat.command))
        #expect(answer.responseCode == .controllerBrokerNeedToBeRegistered)
        #expect(try world.askLeader(clean([1], living: true)).responseCode == .success)
        #expect(try world.view().masterBrokerID == 2, "the group goes on without it")
    }

    @Test("a leader that has not heard everybody yet, or hears nobody, calls nobody dead")
    func cleaningByNewLeader() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let clean = CleanBrokerData(
            clusterName: "C", brokerName: "broker-a", brokerIDs: [1], isCleanLivingBroker: false
        ).command
        world.kill(try world.elect())
        let new = try world.elect()
        for broker in brokers { world.close(broker.connection, at: new) }
        #expect(
            try world.askLeader(clean).responseCode == .controllerInvalidCleanBrokerMetadata)
        try world.pass(.seconds(4), with: &brokers)
        for broker in brokers { world.close(broker.connection) }
        let deaf = try world.askLeader(clean)
        #expect(deaf.responseCode == .controllerInvalidCleanBrokerMetadata)
        #expect(deaf.remark?.contains("hears no broker") == true)
        let leader = try world.elect()
        #expect(world.engines[leader]?.state.groups["broker-a"]?.brokers[1] != nil)
    }
}

@Suite("hostile requests to controllers")
struct HostileRequestTests {
    @Test("a heartbeat without an id, of nobody, from elsewhere, from the future")
    func heartbeats() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        let leader = try world.elect()
        let before = try world.view()
        var noID = brokers[0].heartbeat.command
        noID["brokerId"] = nil
        var madeUp = brokers[0].heartbeat
        madeUp.brokerID = 77
        var elsewhere = brokers[0].heartbeat
        elsewhere.brokerAddress = "6.6.6.6:1"
        var otherCluster = brokers[0].heartbeat
        otherCluster.clusterName = "D"
        var future = brokers[1].heartbeat
        future.lastEpoch = Epoch(2_000_000_000)
        future.maxOffset = PhysicalOffset(.max)
        let cases: [(RemotingCommand, ResponseCode)] = [
            (noID, .controllerInvalidRequest),
            (madeUp.command, .controllerBrokerNeedToBeRegistered),
            (elsewhere.command, .controllerBrokerNeedToBeRegistered),
            (otherCluster.command, .controllerBrokerNeedToBeRegistered),
            (future.command, .controllerFencedMasterEpoch),
        ]
        for (command, code) in cases {
            let answer = try #require(try world.ask(leader, command))
            #expect(answer.responseCode == code, "\(answer.remark ?? "")")
            #expect(answer.remark?.isEmpty == false)
        }
        #expect(world.refusals.contains { $0.contains("epoch 2000000000 was never given out") })
        world.close(brokers[0].connection)
        let view = try world.view()
        #expect(view.masterBrokerID == 2)
        #expect(view.masterEpoch == Epoch(before.masterEpoch.value + 1))
    }

    @Test("an epoch from the future that a follower believed does not win an election")
    func futureEpochAtFollower() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        let leader = try world.elect()
        let follower = try #require(world.nodes.first { $0 != leader })
        var future = brokers[2].heartbeat
        future.lastEpoch = Epoch(2_000_000_000)
        _ = try world.ask(follower, future.command, over: brokers[2].connection)
        world.kill(leader)
        _ = try world.elect()
        world.close(brokers[0].connection)
        world.pass(.seconds(2))
        let view = try world.view()
        #expect(view.masterEpoch < Epoch(10))
    }

    @Test("a copy of a data directory cannot take the place of a living broker")
    func copiedDirectory() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        var copy = brokers[1].registration
        copy.brokerAddress = "10.0.0.9:10911"
        copy.incarnation = 99
        let answer = try world.askLeader(copy.command)
        #expect(answer.responseCode == .controllerBrokerIDInvalid)
        #expect(answer.remark?.contains("10.0.0.2:10911") == true)
        world.close(brokers[1].connection)
        #expect(try world.askLeader(copy.command).responseCode == .success)
    }

    @Test("any code and any body get an answer, and nothing is stored")
    func noise() throws {
        var world = try ControllerWorld(nodes: 1)
        let leader = try world.elect()
        let codes: [Int32] = [0, -1, 10, 105, 904, 1_007, 1_008, 31_000, .max, .min]
        for code in codes + Array(1_001...1_013) {
            for body in ["", "{", "[]", "[1,{}]", "\u{0}\u{1}", "a=b", "{\"syncStateSet\":[[]]}"] {
                let command = RemotingCommand(
                    code: code, fields: [HeaderField(name: "brokerName", value: body)],
                    body: Array(body.utf8))
                let answer = try world.ask(leader, command)
                #expect(answer != nil, "code \(code)")
            }
        }
        #expect(world.engines[leader]?.state == ControllerState())
        #expect(world.failures.isEmpty)
        #expect(world.refusals.count <= 10, "the log is not flooded")
        #expect(!world.refusals.isEmpty)
    }

    @Test("a one-way request gets no answer, not even an error")
    func oneWay() throws {
        var world = try ControllerWorld(nodes: 1)
        let leader = try world.elect()
        var command = RemotingCommand.request(.getConsumerListByGroup, oneWay: true)
        #expect(try world.ask(leader, command) == nil)
        command = RemotingCommand(code: 0, flag: CommandFlag.response)
        #expect(try world.ask(leader, command) == nil)
    }
}
