import ControllerCore
import ControllerEngine
import MessageFormat
import Raft
import RemotingProtocol
import Testing

@Suite("controllers lose their disks")
struct AmnesiaTests {
    /// A group of three whose controllers know nothing any more.
    private func forgotten() throws -> (ControllerWorld, [BrokerStandIn]) {
        var world = try ControllerWorld()
        let brokers = try world.group()
        try world.wipe()
        _ = try world.elect()
        return (world, brokers)
    }

    @Test("brokers come back with their ids, in any order")
    func oldIDs() throws {
        var (world, brokers) = try self.forgotten()
        for broker in brokers.reversed() { try world.rejoin(broker) }
        try world.pass(.milliseconds(800), with: &brokers)
        let view = try world.view()
        #expect(view.masterBrokerID == 1)
        #expect(view.masterEpoch > Epoch(1_000), "above everything that anybody may have seen")
        #expect(brokers[2].view == view)
    }

    @Test("nobody is elected while somebody may have more")
    func waits() throws {
        var (world, brokers) = try self.forgotten()
        brokers[1].maxOffset = PhysicalOffset(400)
        brokers[1].confirmOffset = PhysicalOffset(400)
        var early = [brokers[0], brokers[2]]
        for broker in early { try world.rejoin(broker) }
        try world.pass(.seconds(5), with: &early)
        #expect(try world.view().masterBrokerID == nil)
        let asked = ElectMaster(clusterName: "", brokerName: "broker-a", brokerID: nil)
        let refused = try world.askLeader(asked.command)
        #expect(refused.responseCode != .success)
        #expect(refused.remark?.contains("2 must still be heard") == true, "\(refused)")
        let waits = world.events.filter {
            if case .electionWaits = $0 { true } else { false }
        }
        #expect(waits.count <= 3, "said when it changes, not with every heartbeat: \(waits)")

        try world.rejoin(brokers[1])
        var all = [early[0], brokers[1], early[1]]
        try world.pass(.milliseconds(800), with: &all)
        #expect(try world.view().masterBrokerID == 2, "it alone has everything")
    }

    @Test("an old set is left behind for the newest that somebody remembers")
    func newestSet() throws {
        var (world, brokers) = try self.forgotten()
        // Broker 3 was away when the set became {1, 2}, and has more that nobody confirmed.
        let view = brokers[0].view
        for index in [0, 1] {
            brokers[index].remembers = RememberedSyncStateSet(
                masterEpoch: view.masterEpoch, syncStateSetEpoch: view.syncStateSetEpoch + 1,
                members: [1, 2])
        }
        var two = [brokers[0], brokers[1]]
        for broker in two { try world.rejoin(broker) }
        try world.pass(.milliseconds(800), with: &two)
        #expect(try world.view().masterBrokerID == 1, "broker 3 is not needed")
    }

    @Test("a newcomer that was given the id of a lost broker does not count as it")
    func impostor() throws {
        var (world, brokers) = try self.forgotten()
        let newcomer = BrokerStandIn(1, incarnation: 9)
        try world.join(newcomer)
        for broker in brokers.dropFirst() { try world.rejoin(broker) }
        var present = [newcomer, brokers[1], brokers[2]]
        try world.pass(.seconds(2), with: &present)
        #expect(try world.view().masterBrokerID == nil)

        let claim = ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 1,
            registerCheckCode: "again;1", isReturning: true)
        let refused = try world.askLeader(claim.command)
        #expect(refused.responseCode == .controllerBrokerIDInvalid)
        #expect(refused.remark == "the id 1 was given to the broker at 10.0.0.1:10911")
        world.close(newcomer.connection)
        let cleaning = CleanBrokerData(
            clusterName: "", brokerName: "broker-a", brokerIDs: [1], isCleanLivingBroker: false)
        var others = Array(brokers.dropFirst())
        try world.pass(.seconds(4), with: &others)
        #expect(try world.askLeader(cleaning.command).responseCode == .success)
        try world.rejoin(brokers[0])
        try world.pass(.milliseconds(800), with: &brokers)
        #expect(try world.view().masterBrokerID == 1)
    }

    @Test("an operator may give up what the missing ones hold")
    func force() throws {
        var (world, brokers) = try self.forgotten()
        var early = [brokers[2]]
        try world.rejoin(brokers[2])
        try world.pass(.seconds(1), with: &early)
        #expect(try world.view().masterBrokerID == nil)
        let force = ElectMaster(
            clusterName: "", brokerName: "broker-a", brokerID: nil, force: true)
        #expect(try world.askLeader(force.command).responseCode == .success)
        let view = try world.view()
        #expect(view.masterBrokerID == 3)
        #expect(view.masterEpoch > brokers[0].view.masterEpoch)
    }

    /// A forgotten group whose new master, broker 1, was found to have lost its log; it had written
    /// more than anybody else, which was never confirmed.
    private func winnerless() throws -> (ControllerWorld, [BrokerStandIn]) {
        var (world, brokers) = try self.forgotten()
        for index in brokers.indices { brokers[index].minInSync = 2 }
        brokers[0].maxOffset = PhysicalOffset(300)
        brokers[1].maxOffset = PhysicalOffset(120)
        brokers[2].maxOffset = PhysicalOffset(120)
        for broker in brokers { try world.rejoin(broker) }
        try world.pass(.milliseconds(800), with: &brokers)
        #expect(try world.view().masterBrokerID == 1)
        #expect(try world.view().syncStateSet == [1, 2, 3])
        world.close(brokers[0].connection)
        brokers[0].incarnation = 2
        brokers[0].maxOffset = PhysicalOffset(40)
        #expect(
            try world.askLeader(brokers[0].registration.command).responseCode == .success)
        return (world, brokers)
    }

    @Test("the master that was found loses its log: the others go on without it")
    func lostWinner() throws {
        var (world, brokers) = try self.winnerless()
        try world.pass(.seconds(1), with: &brokers)
        #expect(try world.view().masterBrokerID == 2)
        #expect(try world.view().syncStateSet == [2, 3])
        #expect(brokers.map(\.view.masterBrokerID) == [2, 2, 2])
    }

    @Test("but not while the third, who may have more, is away")
    func lostWinnerAndAbsent() throws {
        var (world, brokers) = try self.winnerless()
        world.close(brokers[2].connection)
        brokers[2].incarnation = 2
        var present = [brokers[0], brokers[1]]
        try world.pass(.seconds(6), with: &present)
        #expect(try world.view().masterBrokerID == nil)
        #expect(try world.replicas().recollecting?.waitingFor == [3])
        #expect(try world.replicas().recollecting?.members == [1, 2, 3])
        let asked = ElectMaster(clusterName: "", brokerName: "broker-a", brokerID: nil)
        let refused = try world.askLeader(asked.command)
        #expect(refused.remark?.contains("3 must still be heard") == true, "\(refused)")

        #expect(
            try world.askLeader(brokers[2].registration.command).responseCode == .success)
        var all = present + [brokers[2]]
        try world.pass(.seconds(1), with: &all)
        #expect(try world.view().masterBrokerID == 2)
        #expect(try world.replicas().recollecting == nil)
    }

    @Test("nor when two of three have lost something: an operator decides")
    func twoLost() throws {
        var (world, brokers) = try self.winnerless()
        brokers[1].maxOffset = PhysicalOffset(60)
        try world.pass(.seconds(6), with: &brokers)
        #expect(try world.view().masterBrokerID == nil)
        #expect(try world.replicas().recollecting?.lost == [1, 2])
        let asked = ElectMaster(clusterName: "", brokerName: "broker-a", brokerID: nil)
        let refused = try world.askLeader(asked.command)
        #expect(refused.remark?.contains("1,2 lost a part of the log") == true, "\(refused)")

        let force = ElectMaster(
            clusterName: "", brokerName: "broker-a", brokerID: nil, force: true)
        #expect(try world.askLeader(force.command).responseCode == .success)
        #expect(try world.view().masterBrokerID == 3, "the best that is left")
    }

    @Test("a log of a group without a memory of it is led by nobody")
    func unvouched() throws {
        var world = try ControllerWorld()
        var brokers = [BrokerStandIn(1), BrokerStandIn(2)]
        brokers[1].lastEpoch = Epoch(4)
        for broker in brokers { try world.join(broker) }
        try world.pass(.seconds(1), with: &brokers)
        #expect(try world.view().masterBrokerID == nil)
    }

    @Test("refused claims and registrations do not grow the log")
    func refusals() throws {
        var (world, brokers) = try self.forgotten()
        try world.rejoin(brokers[0])
        let leader = try world.elect()
        let before = world.engines[leader]?.raft.lastIndex
        let claim = ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 1,
            registerCheckCode: "another")
        for _ in 0..<50 {
            #expect(
                try world.askLeader(brokers[1].registration.command).responseCode
                    == .controllerBrokerNeedToBeRegistered)
            #expect(
                try world.askLeader(claim.command).responseCode == .controllerBrokerIDInvalid)
        }
        #expect(world.engines[leader]?.raft.lastIndex == before)
    }
}
