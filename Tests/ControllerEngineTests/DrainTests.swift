import ControllerEngine
import MessageFormat
import Raft
import RemotingProtocol
import Testing

@Suite("who may be drained, and who may be forgotten")
struct DrainTests {
    private func drain(_ id: Int64) -> RemotingCommand {
        DrainBroker(brokerName: "broker-a", brokerID: id).command
    }

    private func serving(_ brokers: inout [BrokerStandIn], in world: inout ControllerWorld) throws {
        for index in brokers.indices { brokers[index].priority = 1 }
        try world.pass(.seconds(2), with: &brokers)
    }

    @Test("everybody but the last that serves, even when two ask at once")
    func lastOne() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        try self.serving(&brokers, in: &world)
        #expect(try world.askLeader(self.drain(1)).responseCode == .success)
        // The second asks before a heartbeat of the first has said anything.
        #expect(try world.askLeader(self.drain(2)).responseCode == .success)
        let refused = try world.askLeader(self.drain(3))
        #expect(refused.responseCode == .controllerElectMasterFailed)
        #expect(refused.remark?.contains("drained or dead") == true)

        brokers[0].priority = .max
        brokers[1].priority = .max
        try world.pass(.seconds(4), with: &brokers)
        #expect(try world.askLeader(self.drain(3)).responseCode == .controllerElectMasterFailed)
        brokers[0].priority = 1
        try world.pass(.seconds(1), with: &brokers)
        #expect(try world.askLeader(self.drain(3)).responseCode == .success)
    }

    @Test("dead brokers serve nobody; unknown ones are refused")
    func dead() throws {
        var world = try ControllerWorld()
        var brokers = try world.group(of: [1, 2])
        try self.serving(&brokers, in: &world)
        world.close(brokers[1].connection)
        #expect(try world.askLeader(self.drain(1)).responseCode == .controllerElectMasterFailed)
        #expect(
            try world.askLeader(self.drain(9)).responseCode == .controllerBrokerNeedToBeRegistered)
        let other = DrainBroker(brokerName: "x", brokerID: 1).command
        #expect(
            try world.askLeader(other).responseCode == .controllerBrokerNeedToBeRegistered)
    }

    @Test("a leader that has heard nobody yet asks for patience")
    func newLeader() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        world.kill(try world.elect())
        let new = try world.elect()
        for broker in brokers { world.close(broker.connection, at: new) }
        #expect(try world.askLeader(self.drain(1)).responseCode == .systemBusy)
    }

    @Test("the last living broker that has everything is not forgotten while dead ones are left")
    func cleaning() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        try world.pass(.seconds(4), with: &brokers)
        world.close(brokers[0].connection)
        world.close(brokers[2].connection)
        for isLiving in [false, true] {
            let clean = CleanBrokerData(
                clusterName: "C", brokerName: "broker-a", brokerIDs: [2],
                isCleanLivingBroker: isLiving)
            let answer = try world.askLeader(clean.command)
            #expect(answer.responseCode == .controllerInvalidCleanBrokerMetadata)
        }
        let clean = CleanBrokerData(
            clusterName: "C", brokerName: "broker-a", brokerIDs: [2], isCleanLivingBroker: true)
        let remark = try world.askLeader(clean.command).remark
        #expect(remark?.contains("would remain, 3: start") == true)
        #expect(try world.view().syncStateSet.contains(2))
        let dead = CleanBrokerData(clusterName: "C", brokerName: "broker-a", brokerIDs: [1, 3])
        #expect(try world.askLeader(dead.command).responseCode == .success)
    }

    @Test("a controller needs the port behind its own")
    func lastPort() throws {
        var world = try ControllerWorld()
        let change = ControllerChange.add(ControllerPeer(id: "n3", address: "127.0.0.1:65535"))
        let answer = try world.askLeader(change.command)
        #expect(answer.responseCode == .controllerInvalidRequest)
        #expect(answer.remark?.contains("65534") == true)
    }
}
