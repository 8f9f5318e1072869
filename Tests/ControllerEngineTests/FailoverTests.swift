import ControllerCore
import ControllerEngine
import MessageFormat
import Raft
import RemotingProtocol
import Testing

@Suite("a group loses its master")
struct FailoverTests {
    @Test("a group that never had a master elects one when its brokers have had their say")
    func firstElection() throws {
        var world = try ControllerWorld()
        var brokers = [BrokerStandIn(1), BrokerStandIn(2)]
        for broker in brokers { try world.join(broker) }
        // Broker 2 comes with the log of a broker that was alone.
        brokers[1].lastEpoch = Epoch(1)
        brokers[1].maxOffset = PhysicalOffset(10)
        try world.beat(&brokers[0])
        #expect(brokers[0].view.masterBrokerID == nil)
        try world.pass(.milliseconds(200), with: &brokers)
        #expect(brokers[0].view.masterBrokerID == nil, "it waits for others")
        try world.pass(.milliseconds(200), with: &brokers)
        #expect(brokers[0].view.masterBrokerID == 2)
        #expect(brokers[0].view.masterEpoch == Epoch(2), "newer than any epoch in a log")
        #expect(brokers[0].view.syncStateSet == [2])
    }

    @Test("a closed connection elects at once, and everybody is told")
    func closedConnection() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let told = world.notified.count
        let epoch = brokers[0].view.masterEpoch
        world.close(brokers[0].connection)
        let view = try world.view()
        #expect(view.masterBrokerID == 2)
        #expect(view.masterEpoch == Epoch(epoch.value + 1))
        #expect(view.syncStateSet == [2, 3], "whoever held everything stays in the set")
        // Three controllers told two brokers each.
        let fresh = world.notified.dropFirst(told).filter { $0.2 == view }
        #expect(fresh.count == 6)
        #expect(Set(fresh.map(\.connection)) == [brokers[1].connection, brokers[2].connection])
        try world.beat(&brokers[2])
        #expect(brokers[2].view == view)
    }

    @Test("a silent master is replaced after its timeout, not before")
    func silentMaster() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        var others = Array(brokers.dropFirst())
        try world.pass(.milliseconds(1_000), with: &others)
        #expect(others[0].view.masterBrokerID == 1)
        try world.pass(.milliseconds(500), with: &others)
        #expect(others[0].view.masterBrokerID == 2)
    }

    @Test("the longest log of the newest epoch wins")
    func longestLog() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        brokers[2].maxOffset = PhysicalOffset(200)
        for index in brokers.indices { try world.beat(&brokers[index]) }
        world.close(brokers[0].connection)
        #expect(try world.view().masterBrokerID == 3)
    }

    @Test("a report that is older than the master's last one does not delay the election")
    func staleReport() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        // The master confirms more, which the others hold; they have had no time to say so.
        brokers[0].maxOffset = PhysicalOffset(500)
        brokers[0].confirmOffset = PhysicalOffset(500)
        try world.beat(&brokers[0])
        world.close(brokers[0].connection)
        #expect(try world.view().masterBrokerID == 2)
    }

    @Test("a member that lost its disk is not electable, and another one wins")
    func lostDisk() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        world.close(brokers[2].connection)
        var reborn = BrokerStandIn(3, incarnation: 2)
        reborn.view = brokers[2].view
        #expect(try world.askLeader(reborn.registration.command).responseCode == .success)
        try world.beat(&reborn)
        try world.beat(&brokers[0])
        world.close(brokers[1].connection)
        world.close(brokers[0].connection)
        let view = try world.view()
        #expect(view.masterBrokerID == 1, "nobody can follow, so the dead one stays")
        #expect(view.syncStateSet == [1, 2, 3])
        // Broker 2 comes back with everything.
        brokers[1].incarnation = 2
        try world.beat(&brokers[1])
        #expect(try world.view().masterBrokerID == 1, "another one may have kept more: it waits")
        var present = [brokers[1], reborn]
        try world.pass(.milliseconds(1_300), with: &present)
        let later = try world.view()
        #expect(later.masterBrokerID == 2)
        #expect(later.syncStateSet == [1, 2], "who lost its disk is no longer in step")
    }

    @Test("a restarted master is a new broker: it may win again, in a new epoch")
    func restartedMaster() throws {
        var world = try ControllerWorld()
        let brokers = try world.group(of: [1])
        var reborn = brokers[0]
        reborn.incarnation = 7
        world.close(brokers[0].connection)
        #expect(try world.askLeader(reborn.registration.command).responseCode == .success)
        try world.beat(&reborn)
        try world.beat(&reborn)
        #expect(reborn.view.masterBrokerID == 1)
        #expect(reborn.view.masterIncarnation == 7)
        #expect(reborn.view.masterEpoch > brokers[0].view.masterEpoch)
    }

    @Test("a master that is gone for good is not obeyed, even if nobody can follow")
    func goneMaster() throws {
        var world = try ControllerWorld()
        let brokers = try world.group(of: [1])
        var reborn = BrokerStandIn(1, incarnation: 9)
        world.close(brokers[0].connection)
        #expect(try world.askLeader(reborn.registration.command).responseCode == .success)
        try world.beat(&reborn)
        let view = try world.view()
        #expect(view.masterBrokerID == nil, "its disk is empty")
        #expect(view.syncStateSet == [1])
        let epoch = view.masterEpoch
        var brokersNow = [reborn]
        try world.pass(.seconds(2), with: &brokersNow)
        #expect(try world.view().masterEpoch == epoch, "clearing is done once")
    }

    @Test("a new leader gives brokers that it has not heard the time to be heard")
    func newLeader() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let epoch = brokers[0].view.masterEpoch
        // All controllers are started again; only broker 2 is quick.
        for id in world.nodes { world.kill(id) }
        for id in world.nodes { try world.start(id) }
        _ = try world.elect()
        try world.beat(&brokers[1])
        world.pass(.milliseconds(500))
        try world.beat(&brokers[1])
        #expect(try world.view().masterEpoch == epoch)
        try world.beat(&brokers[0])
        try world.pass(.seconds(2), with: &brokers)
        #expect(try world.view().masterEpoch == epoch, "nobody had died")
    }

    @Test("a controller that was stopped does not take its own silence for others'")
    func ownStall() throws {
        var world = try ControllerWorld(nodes: 1)
        var brokers = try world.group()
        let epoch = brokers[0].view.masterEpoch
        world.stall(.seconds(30))
        world.pass(.milliseconds(50))
        for index in brokers.indices { try world.beat(&brokers[index]) }
        #expect(try world.view().masterEpoch == epoch)
    }

    @Test("the leader's death changes no master")
    func leaderDies() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let before = try world.view()
        let leader = try world.elect()
        world.kill(leader)
        try world.pass(.seconds(2), with: &brokers)
        #expect(try world.view() == before)
        #expect(try world.elect() != leader)
    }

    @Test("leader and master die together: the next leader elects the next master")
    func bothDie() throws {
        var world = try ControllerWorld()
        let brokers = try world.group()
        world.kill(try world.elect())
        world.close(brokers[0].connection)
        var others = Array(brokers.dropFirst())
        try world.pass(.milliseconds(500), with: &others)
        #expect(try world.view().masterBrokerID == 2)
    }

    @Test("a master that does not act as one is replaced in the end")
    func sulkingMaster() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        brokers[0].sulks = true
        try world.pass(.seconds(4), with: &brokers)
        #expect(try world.view().masterBrokerID == 1)
        try world.pass(.seconds(2), with: &brokers)
        #expect(try world.view().masterBrokerID == 2, "it would do nothing in a new epoch either")
    }

    @Test("a leader that hears no broker lets another lead, who then sees the master die")
    func deafLeader() throws {
        var world = try ControllerWorld { $0.deafnessMax = .seconds(2) }
        let brokers = try world.group()
        let deaf = try world.elect()
        var others = Array(brokers.dropFirst())
        for broker in brokers.reversed() { world.close(broker.connection, at: deaf) }
        for broker in brokers.prefix(1) { world.close(broker.connection) }
        for _ in 0..<40 {
            for id in world.running where id != deaf {
                for broker in others {
                    _ = try world.ask(id, broker.heartbeat.command, over: broker.connection)
                }
            }
            world.pass(.milliseconds(100))
        }
        let leader = try world.elect()
        #expect(leader != deaf)
        try world.beat(&others[0])
        #expect(others[0].view.masterBrokerID == 2)
    }

    @Test("when no controller hears a broker, the leadership goes round ever more slowly")
    func allDeaf() throws {
        var world = try ControllerWorld { $0.deafnessMax = .seconds(1) }
        let brokers = try world.group()
        for broker in brokers { world.close(broker.connection) }
        world.pass(.seconds(60))
        let left = world.events.filter { if case .officeLeft = $0 { true } else { false } }
        #expect((3...15).contains(left.count), "\(left.count) times in a minute")
    }

    @Test("after everything was down, the first broker that comes waits for the others")
    func everythingDown() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        let epoch = try world.view().masterEpoch
        for id in world.nodes { world.kill(id) }
        for id in world.nodes { try world.start(id) }
        _ = try world.elect()
        brokers[0].incarnation = 2
        try world.beat(&brokers[0])
        #expect(try world.view().masterEpoch == epoch)
        // Another one kept more.
        brokers[1].incarnation = 2
        brokers[1].maxOffset = PhysicalOffset(500)
        brokers[2].incarnation = 2
        try world.beat(&brokers[1])
        try world.beat(&brokers[2])
        #expect(try world.view().masterBrokerID == 2)
    }

    @Test("who said to hold more than anybody confirmed does not block the group")
    func boastingReplica() throws {
        var world = try ControllerWorld()
        var brokers = try world.group()
        // It claims to have confirmed what nobody else has.
        brokers[2].confirmOffset = PhysicalOffset(1 << 60)
        try world.beat(&brokers[2])
        world.close(brokers[0].connection)
        #expect(try world.view().masterBrokerID == 2)
    }
}
