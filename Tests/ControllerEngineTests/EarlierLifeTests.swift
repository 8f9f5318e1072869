import ControllerCore
import ControllerEngine
import MessageFormat
import Raft
import RemotingProtocol
import Testing

@Suite("an empty broker came first to controllers that had lost their disks")
struct FounderTests {
    /// Controllers without a memory have made the empty broker `id` master. The earlier brokers are
    /// not there yet.
    private func founded(
        by id: Int64, minInSync: Int32? = 2
    ) throws -> (ControllerWorld, founder: BrokerStandIn, earlier: [BrokerStandIn]) {
        var world = try ControllerWorld()
        let earlier = try world.group()
        try world.wipe()
        var founder = [BrokerStandIn(id, incarnation: 9)]
        founder[0].minInSync = minInSync
        if id == 1 { try world.join(founder[0]) } else { try world.rejoin(founder[0]) }
        try world.pass(.milliseconds(600), with: &founder)
        #expect(try world.view().masterBrokerID == id)
        founder[0].confirmOffset = PhysicalOffset(300)
        founder[0].maxOffset = PhysicalOffset(300)
        founder[0].lastEpoch = founder[0].view.masterEpoch
        return (world, founder[0], earlier)
    }

    @Test("those that know of an earlier life have precedence, and one of them is elected")
    func earlierLife() throws {
        var (world, founder, earlier) = try self.founded(by: 4)
        for broker in earlier { try world.rejoin(broker) }
        var present = [founder] + earlier
        try world.pass(.milliseconds(600), with: &present)
        let view = try world.view()
        #expect(view.masterBrokerID == 1)
        #expect(view.masterEpoch > Epoch(1_000))
        #expect(view.syncStateSet == [1, 2, 3])
    }

    @Test("also when the founder was started again more often than the group had epochs before")
    func manyEpochs() throws {
        var (world, founder, earlier) = try self.founded(by: 4)
        for incarnation in 10..<15 as Range<UInt64> {
            world.close(founder.connection)
            founder.incarnation = incarnation
            #expect(try world.askLeader(founder.registration.command).responseCode == .success)
            var alone = [founder]
            try world.pass(.milliseconds(1_600), with: &alone)
            founder = alone[0]
            #expect(founder.isMaster)
            founder.lastEpoch = founder.view.masterEpoch
        }
        #expect(founder.view.masterEpoch > earlier[0].view.masterEpoch)
        for broker in earlier { try world.rejoin(broker) }
        var present = [founder] + earlier
        try world.pass(.milliseconds(600), with: &present)
        #expect(try world.view().masterBrokerID == 1)
    }

    @Test(
        "the founder gives back an id that was another one's, and says who is waited for until then"
    )
    func idGivenBack() throws {
        var (world, founder, earlier) = try self.founded(by: 1)
        for broker in earlier.dropFirst() { try world.rejoin(broker) }
        var present = [founder, earlier[1], earlier[2]]
        try world.pass(.seconds(2), with: &present)
        #expect(
            try world.view().masterBrokerID == nil, "broker 1 of the earlier life may have more")
        let forgotten = try #require(try world.replicas().recollecting)
        #expect(forgotten.waitingFor == [1])
        #expect(forgotten.members == [1, 2, 3])
        #expect(forgotten.replaced == [1])

        world.close(founder.connection)
        try world.rejoin(earlier[0])
        try world.pass(.milliseconds(600), with: &earlier)
        #expect(try world.view().masterBrokerID == 1)
        #expect(try world.replicas().recollecting == nil)
    }

    @Test("also while the founder lives, once the earlier one claims its id anew")
    func idTakenBack() throws {
        var world = try ControllerWorld()
        var earlier = try world.group()
        for index in earlier.indices { earlier[index].checkCode = "code;\(index)" }
        try world.wipe()
        var founder = BrokerStandIn(1, incarnation: 9)
        founder.minInSync = 2
        founder.checkCode = "another"
        try world.join(founder)
        var present = [founder]
        try world.pass(.milliseconds(600), with: &present)
        for broker in earlier.dropFirst() { try world.rejoin(broker) }
        present += earlier.dropFirst()
        try world.pass(.milliseconds(300), with: &present)
        // It lives somewhere else than the founder.
        var registration = earlier[0].registration
        registration.brokerAddress = "10.0.0.9:10911"
        let unknown = try world.askLeader(registration.command)
        #expect(unknown.responseCode == .controllerBrokerNeedToBeRegistered)
        try world.rejoin(earlier[0])
        let leader = try world.elect()
        let refused = try #require(
            try world.ask(leader, present[0].heartbeat.command, over: present[0].connection))
        #expect(refused.responseCode == .controllerBrokerNeedToBeRegistered)
        try world.pass(.milliseconds(600), with: &earlier)
        #expect(try world.view().masterBrokerID == 1)
    }

    @Test("a founder that may have acknowledged something goes on, and the conflict is named")
    func founderWithMessages() throws {
        var (world, founder, earlier) = try self.founded(by: 4, minInSync: 1)
        let epoch = try world.view().masterEpoch
        for broker in earlier { try world.rejoin(broker) }
        var present = [founder] + earlier
        try world.pass(.seconds(3), with: &present)
        #expect(try world.view().masterBrokerID == 4)
        #expect(try world.view().masterEpoch == epoch)
        let conflicts = try world.replicas().conflicts
        #expect(conflicts.map(\.brokerID) == [1, 2, 3])
        #expect(conflicts.map(\.masterHasMore) == [true, true, true])

        // It dies: still nobody takes its place by himself. An operator decides.
        world.close(founder.connection)
        try world.pass(.seconds(3), with: &earlier)
        #expect(try world.view().masterBrokerID == 4)
        let plain = ElectMaster(clusterName: "", brokerName: "broker-a", brokerID: nil)
        let refused = try world.askLeader(plain.command)
        #expect(refused.remark?.contains("earlier life") == true, "\(refused.remark ?? "")")
        let force = ElectMaster(
            clusterName: "", brokerName: "broker-a", brokerID: nil, force: true)
        #expect(try world.askLeader(force.command).responseCode == .success)
        try world.pass(.milliseconds(300), with: &earlier)
        #expect(try world.view().masterBrokerID == 1)
        #expect(try world.view().masterEpoch > Epoch(1_000))
    }

    @Test("a group that has grown since is not taken back by what one broker says")
    func grownGroup() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        for index in brokers.indices { brokers[index].minInSync = 2 }
        brokers[2].remembers = RememberedSyncStateSet(
            masterEpoch: Epoch(700), syncStateSetEpoch: 1, members: [3, 7])
        let before = try world.view()
        try world.pass(.seconds(3), with: &brokers)
        #expect(try world.view() == before, "a living master with living members is not deposed")
        let conflict = try #require(try world.replicas().conflicts.first)
        #expect(conflict.brokerID == 3)
        #expect(conflict.epoch == Epoch(700))
        #expect(conflict.groupEpoch == before.masterEpoch)
        let told = world.events.filter { if case .epochConflict = $0 { true } else { false } }
        #expect(told.count == 1, "said once: \(told)")

        // Its master dies: what broker 3 knows may be true, so nobody is elected meanwhile.
        world.close(brokers[0].connection)
        var others = Array(brokers.dropFirst())
        try world.pass(.seconds(3), with: &others)
        #expect(try world.view() == before)
        #expect(try world.replicas().recollecting?.waitingFor == [7])
        // The operator knows better.
        let clean = CleanBrokerData(
            clusterName: "", brokerName: "broker-a", brokerIDs: [3], isCleanLivingBroker: true)
        #expect(try world.askLeader(clean.command).responseCode == .success)
        world.close(brokers[2].connection)
        others.removeLast()
        try world.pass(.milliseconds(300), with: &others)
        #expect(try world.view().masterBrokerID == 2)
    }
}

@Suite("all controllers were restored from an older copy")
struct OlderCopyTests {
    /// Broker 3 left the set after the copy was taken.
    private func turnedBack() throws -> (ControllerWorld, [BrokerStandIn]) {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let copy = world.disks
        let away = brokers.removeLast()
        world.close(away.connection)
        let wish = brokers[0].wish(for: [1, 2]).command
        #expect(
            try world.askLeader(wish, over: brokers[0].connection).responseCode == .success)
        try world.pass(.milliseconds(300), with: &brokers)
        for index in brokers.indices {
            brokers[index].maxOffset = PhysicalOffset(500)
            brokers[index].confirmOffset = PhysicalOffset(500)
        }
        try world.pass(.milliseconds(300), with: &brokers)
        try world.turnBack(to: copy)
        _ = try world.elect()
        return (world, brokers + [away])
    }

    @Test("the stale replica is not elected once one broker tells of a newer set")
    func staleReplica() throws {
        var (world, brokers) = try self.turnedBack()
        brokers[1].incarnation = 2
        brokers[2].incarnation = 2
        var early = [brokers[1], brokers[2]]
        for broker in early {
            #expect(try world.askLeader(broker.registration.command).responseCode == .success)
        }
        try world.pass(.seconds(4), with: &early)
        let waited = try world.view()
        #expect(waited.masterBrokerID == 1, "nobody has followed: the dead one stays")
        #expect(try world.replicas().recollecting?.waitingFor == [1])
        #expect(try world.replicas().recollecting?.members == [1, 2])

        brokers[0].incarnation = 2
        #expect(
            try world.askLeader(brokers[0].registration.command).responseCode == .success)
        var all = [brokers[0]] + early
        try world.pass(.milliseconds(600), with: &all)
        let view = try world.view()
        #expect(view.masterBrokerID == 1)
        #expect(view.syncStateSet == [1, 2], "broker 3 has less and does not stay from the copy")
        #expect(view.masterEpoch > Epoch(1_000))
    }

    @Test("alone, the stale replica gives the others some seconds to be heard")
    func staleReplicaAlone() throws {
        var (world, brokers) = try self.turnedBack()
        var early = [brokers[2]]
        early[0].incarnation = 2
        #expect(try world.askLeader(early[0].registration.command).responseCode == .success)
        try world.pass(.seconds(4), with: &early)
        #expect(try world.view().masterBrokerID == 1)
        var all = early + brokers.prefix(2)
        try world.pass(.milliseconds(600), with: &all)
        #expect(try world.view().syncStateSet == [1, 2])
        #expect(try world.view().masterEpoch > Epoch(1_000))
    }

    @Test("a set that it is not in is remembered by a broker, too")
    func staleReplicaTells() throws {
        var (world, brokers) = try self.turnedBack()
        // It had come back, and heard what stood then, before the copy was restored.
        brokers[2].take(brokers[0].view)
        var early = [brokers[2]]
        try world.pass(.seconds(10), with: &early)
        #expect(try world.view().masterBrokerID == 1)
        #expect(try world.replicas().recollecting?.waitingFor == [1, 2])
    }

    @Test("a master that serves on in a newer epoch is elected again")
    func servingMaster() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let copy = world.disks
        let moved = ElectMaster(
            clusterName: "", brokerName: "broker-a", brokerID: 3, designateElect: true)
        #expect(try world.askLeader(moved.command).responseCode == .success)
        try world.pass(.milliseconds(300), with: &brokers)
        for index in brokers.indices { brokers[index].lastEpoch = brokers[index].view.masterEpoch }
        brokers[0].maxOffset = PhysicalOffset(120)
        try world.turnBack(to: copy)
        _ = try world.elect()
        try world.pass(.seconds(3), with: &brokers)
        let view = try world.view()
        #expect(view.masterBrokerID == 3, "reports are old, its log is not")
        #expect(view.syncStateSet == [1, 2, 3])
        #expect(brokers[0].view == view)
    }

    @Test("whom a master wants to add is no newer state")
    func wishes() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let view = brokers[0].view
        brokers[0].remembers = RememberedSyncStateSet(
            masterEpoch: view.masterEpoch, syncStateSetEpoch: view.syncStateSetEpoch,
            members: [1, 2, 3, 4])
        try world.pass(.milliseconds(300), with: &brokers)
        #expect(try world.replicas().conflicts.isEmpty)
        world.close(brokers[0].connection)
        #expect(try world.view().masterBrokerID == 2)
    }
}

@Suite("who speaks for a broker")
struct IdentityTests {
    @Test("only over the master's connection the SyncStateSet changes, and not below the minimum")
    func origin() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        brokers[0].minInSync = 2
        try world.pass(.milliseconds(300), with: &brokers)
        let wish = brokers[0].wish(for: [1]).command
        for connection in [ConnectionID.tool, brokers[1].connection] {
            let refused = try world.askLeader(wish, over: connection)
            #expect(refused.responseCode == .controllerInvalidMaster)
            #expect(refused.remark?.contains("connection") == true)
        }
        let small = try world.askLeader(wish, over: brokers[0].connection)
        #expect(small.responseCode == .controllerInvalidReplicas)
        #expect(small.remark == "the SyncStateSet keeps at least 2 members")
        #expect(try world.view().syncStateSet == [1, 2, 3])
        let good = try world.askLeader(
            brokers[0].wish(for: [1, 2]).command, over: brokers[0].connection)
        #expect(good.responseCode == .success)
    }

    @Test("who does not show the check code of an id is not taken for it")
    func forged() throws {
        var world = try ControllerWorld()
        var brokers = [BrokerStandIn(1), BrokerStandIn(2), BrokerStandIn(3)]
        for index in brokers.indices { brokers[index].checkCode = "code;\(index)" }
        for broker in brokers { try world.join(broker) }
        try world.pass(.milliseconds(600), with: &brokers)
        world.close(brokers[2].connection)
        for code in [nil, "code;1", "made up"] {
            var forged = brokers[2]
            forged.incarnation = 66
            forged.checkCode = code
            let answer = try world.askLeader(forged.heartbeat.command)
            #expect(answer.responseCode == .controllerBrokerNeedToBeRegistered)
            let registered = try world.askLeader(forged.registration.command)
            #expect(registered.responseCode == .controllerBrokerNeedToBeRegistered)
        }
        let leader = try world.elect()
        let key = BrokerKey(group: "broker-a", brokerID: 3)
        #expect(world.engines[leader]?.liveness.isAlive(key) == false)
        var others = [brokers[2]]
        try world.pass(.milliseconds(200), with: &others)
        #expect(world.engines[leader]?.liveness.isAlive(key) == true)
    }
}

extension ControllerWorld {
    mutating func replicas() throws -> GroupReplicas {
        let answer = try self.askLeader(SyncStateDataRequest(brokerNames: []).command)
        return try #require(try SyncStateData(bodyOf: answer).groups["broker-a"])
    }
}
