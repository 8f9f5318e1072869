import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationProtocol
import Testing

@Suite("A master that hands over")
struct HandoverTests {
    @Test("waits until replicas that have just come again have shown themselves")
    func waitsForReplicas() throws {
        var group = GroupBench.inStep([1, 2, 3])
        #expect(!group[1].engine.isReadyToHandOver)
        group.pass(.milliseconds(600))
        #expect(group[1].engine.isReadyToHandOver)

        try group.restart(3)
        group.view(to: [3], master: 1, epoch: 1, set: [1, 2, 3], setEpoch: 2)
        #expect(!group[1].engine.isReadyToHandOver)
        group.pass(.milliseconds(550))
        #expect(!group[1].engine.isReadyToHandOver)
        group.pass(.milliseconds(50))
        #expect(group[1].engine.isReadyToHandOver)
    }

    @Test("waits for nobody when nobody is there")
    func alone() {
        var group = GroupBench.inStep([1, 2])
        group.kill(2)
        #expect(group[1].engine.isReadyToHandOver)
    }

    @Test("the next one knows where its epoch begins before it has written anything of it")
    func history() {
        var group = GroupBench.inStep([1, 2])
        group.slowDisk(2)
        group.request(Requests.send(), at: 1)
        let batches = group[2].disk.count
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [1, 2], setEpoch: 3)
        #expect(group[2].engine.role == .master(Epoch(2)))
        #expect(group[2].disk.count == batches, "the disk is still busy")
        let end = PhysicalOffset(Int64(group.log(2).count))
        let hello = ReplicaHello(
            clusterName: "DefaultCluster", brokerName: "broker-a", brokerID: 3, incarnation: 1,
            epoch: Epoch(2), logID: 0, logStart: .zero, logEnd: .zero)
        group.input(2) { $0.linkReceived(LinkID(value: 99), .hello(hello), at: $1) }
        group.run()
        guard case .welcome(let welcome)? = group[2].saidToNobody.last else {
            return #expect(Bool(false), "no welcome")
        }
        #expect(welcome.history.last == EpochStart(epoch: Epoch(2), start: end))
        group.complete(2)
        #expect(group[2].disk.last?.position == end)
    }
}

@Suite("A master whose own log is damaged in the middle")
struct UnreadableLogTests {
    /// Broker 3 comes late, and has to read what the master cannot.
    private func group() -> GroupBench {
        var group = GroupBench.inStep([1, 2], minInSync: 1)
        group.request(Requests.send(), at: 1)
        group.pass(.milliseconds(600))
        group.spoilDisk(1)
        group.start(3, logID: 1)
        group.view(to: [3], master: 1, epoch: 1, set: [1, 2], setEpoch: 2)
        return group
    }

    @Test("says so once, sends none of it, and asks for another master")
    func handsOver() {
        var group = self.group()
        #expect(group[1].warnings.count == 1)
        #expect(group[1].asksForAnother == 0, "a disk may stumble once")
        group.pass(.milliseconds(1_500))
        #expect(group[1].asksForAnother == 1)
        group.pass(.seconds(2))
        #expect(group[1].asksForAnother == 2)
        #expect(group[1].warnings.count == 1)
        #expect(group[3].warnings.count <= 5, "the replica tries once a second")
        #expect(group.log(3).isEmpty)
    }

    @Test("believes a member of the SyncStateSet that comes again just where the damage begins")
    func memberComesAgain() throws {
        var group = GroupBench.inStep([1, 2, 3], minInSync: 1)
        group.pass(.milliseconds(600))
        let end = PhysicalOffset(Int64(group.log(1).count))
        group.cutOff = [3]
        group.request(Requests.send(), at: 1)
        group.spoilDisk(1, from: end)
        group.cutOff = []
        try group.restart(3)
        group.view(to: [3], master: 1, epoch: 1, set: [1, 2, 3], setEpoch: 2)
        #expect(group[1].warnings.count == 1)
        group.pass(.milliseconds(1_500))
        #expect(group[1].asksForAnother == 1)
    }

    @Test("believes a newcomer that it has fed as far as the damage, however often it comes")
    func newcomerMeetsDamage() {
        var group = GroupBench.inStep([1, 2], minInSync: 1)
        let end = PhysicalOffset(Int64(group.log(1).count))
        group.request(Requests.send(), at: 1)
        group.pass(.milliseconds(600))
        group.spoilDisk(1, from: end)
        group.start(3, logID: 1)
        group.view(to: [3], master: 1, epoch: 1, set: [1, 2], setEpoch: 2)
        #expect(PhysicalOffset(Int64(group.log(3).count)) == end)
        #expect(group[1].warnings.count == 1)
        group.pass(.milliseconds(1_500))
        #expect(group[1].asksForAnother == 1)
    }

    @Test("does not pass over what its disk lost at the end of a segment")
    func losesSegmentsEnd() throws {
        let segment = PhysicalOffset(64 << 10)
        var group = GroupBench.inStep([1, 2], minInSync: 1, segmentBytes: 64 << 10)
        while group[1].engine.log.end < segment.advanced(by: 8 << 10) {
            group.request(Requests.send(String(repeating: "x", count: 2_000)), at: 1)
        }
        let last = try #require(group[1].disk.last { $0.position < segment })
        group.lose(last, of: 1)
        group.pass(.milliseconds(600))
        group.start(3, logID: 1)
        group.view(to: [3], master: 1, epoch: 1, set: [1, 2], setEpoch: 2)
        #expect(PhysicalOffset(Int64(group.log(3).count)) == last.position)
        #expect(group[1].warnings.count == 1)
        group.pass(.milliseconds(1_500))
        #expect(group[1].asksForAnother == 1)
    }

    @Test("gives way when it finds damage itself, as soon as another one is in step")
    func findsDamage() {
        var group = GroupBench.inStep([1, 2], minInSync: 1)
        group.input(1) { engine, _ in engine.foundDamage(at: PhysicalOffset(64)) }
        #expect(group[1].engine.groupReport.logEnd == PhysicalOffset(64))
        group.pass(.milliseconds(1_000))
        #expect(group[1].asksForAnother == 1)
        group.pass(.seconds(2))
        #expect(group[1].asksForAnother == 2)
    }

    @Test("stays when nobody in step could take over")
    func nobodyElse() {
        var group = self.group()
        group.kill(2)
        group.pass(.seconds(4))
        #expect(group[1].asksForAnother == 0)
        #expect(group[1].warnings.count == 1)
    }

    @Test("goes on serving those that need nothing of what is damaged")
    func othersGoOn() {
        var group = self.group()
        let send = group.request(Requests.send(), at: 1)
        #expect(group.code(of: send, at: 1) == .success)
        #expect(group.log(2) == group.log(1))
    }
}
