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
