import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationProtocol
import Testing

@Suite("Somebody on the replication port who is not the replica that it says it is")
struct FalseReplicaTests {
    private static let link = LinkID(value: 99)

    private func hello(_ id: Int64, end: PhysicalOffset, logID: UInt64 = 1) -> ReplicationMessage {
        .hello(
            ReplicaHello(
                clusterName: "DefaultCluster", brokerName: "broker-a", brokerID: id,
                incarnation: 4_711, epoch: Epoch(1), logID: logID, logStart: .zero, logEnd: end))
    }

    private func say(_ messages: [ReplicationMessage], to group: inout GroupBench) {
        for message in messages {
            group.input(1) { $0.linkReceived(Self.link, message, at: $1) }
        }
        group.run()
    }

    private func isWelcome(_ group: GroupBench) -> Bool {
        group[1].saidToNobody.contains { if case .welcome = $0 { true } else { false } }
    }

    @Test("does not displace a replica that is heard, and confirms nothing in its name")
    func livingReplica() {
        var group = GroupBench.inStep([1, 2])
        let end = PhysicalOffset(Int64(group.log(1).count))
        let links = group[1].links.count
        self.say([self.hello(2, end: end), .follow(from: end)], to: &group)
        #expect(!self.isWelcome(group))
        #expect(group[1].links.count == links, "the replica's own link stays")

        group.slowDisk(2)
        let send = group.request(Requests.send(), at: 1)
        let far = PhysicalOffset(Int64(group.log(1).count))
        self.say([.ack(epoch: Epoch(1), written: far, durable: far)], to: &group)
        #expect(group.code(of: send, at: 1) == nil)
        group.complete(2)
        #expect(group.code(of: send, at: 1) == .success)
    }

    @Test("but a replica that comes again while its old link hangs gets in within a second")
    func deadLink() {
        var group = GroupBench.inStep([1, 2])
        let end = PhysicalOffset(Int64(group.log(1).count))
        group.cutOff = [2]
        group.pass(.milliseconds(700))
        self.say([self.hello(2, end: end)], to: &group)
        #expect(self.isWelcome(group))
    }

    @Test("follows from where its log ended when it said hello, and from nowhere else")
    func followsElsewhere() {
        var group = GroupBench.inStep([1, 2])
        let end = PhysicalOffset(Int64(group.log(1).count))
        self.say([self.hello(3, end: .zero, logID: 0), .follow(from: end)], to: &group)
        #expect(self.isWelcome(group))
        let isRefused = group[1].saidToNobody.contains {
            if case .goodbye(_, .protocolViolation, _) = $0 { true } else { false }
        }
        #expect(isRefused)
    }

    @Test("takes nobody's place by saying hello and nothing more")
    func silent() {
        var group = GroupBench.inStep([1, 2])
        self.say([self.hello(3, end: .zero, logID: 0)], to: &group)
        group.pass(.seconds(3))
        let isEnded = group[1].saidToNobody.contains {
            if case .goodbye(_, .comingAgain, _) = $0 { true } else { false }
        }
        #expect(isEnded)
    }

    @Test("says hello once")
    func helloTwice() {
        var group = GroupBench.inStep([1, 2])
        self.say(
            [self.hello(3, end: .zero, logID: 0), self.hello(3, end: .zero, logID: 0)], to: &group)
        let isRefused = group[1].saidToNobody.contains {
            if case .goodbye(_, .protocolViolation, _) = $0 { true } else { false }
        }
        #expect(isRefused)
    }

    @Test("whose log ends where the master's has no batch is refused, and the master stays")
    func endsInMidBatch() {
        var group = GroupBench.inStep([1, 2], minInSync: 1)
        group.pass(.milliseconds(600))
        let middle = group[1].disk[0].position.advanced(by: 100)
        for attempt in 1...4 {
            self.say([self.hello(3, end: middle), .follow(from: middle)], to: &group)
            let refusals = group[1].saidToNobody.filter {
                if case .goodbye(_, .wrongLog, _) = $0 { true } else { false }
            }
            #expect(refusals.count == attempt)
            group.pass(.seconds(2))
        }
        #expect(group[1].warnings.isEmpty, "nobody is told to empty a sound directory")
        #expect(group[1].asksForAnother == 0)
        let send = group.request(Requests.send(), at: 1)
        #expect(group.code(of: send, at: 1) == .success)
    }
}
