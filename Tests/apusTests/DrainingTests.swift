import MessageFormat
import RemotingProtocol
import Testing

@testable import apus

@Suite("who may be drained")
struct DrainingTests {
    private func broker(_ id: Int64, isAlive: Bool = true, isDrained: Bool?) -> ReplicaState {
        ReplicaState(
            brokerName: "a", brokerID: id, brokerAddress: "h\(id):1", isAlive: isAlive,
            report: .init(
                role: "replica", lastEpoch: Epoch(3), maxOffset: PhysicalOffset(9),
                confirmOffset: PhysicalOffset(9), ageMilliseconds: 10, isDrained: isDrained))
    }

    private func group(_ brokers: [ReplicaState]) -> GroupReplicas {
        GroupReplicas(
            masterBrokerID: 1, masterAddress: "h1:1", masterEpoch: Epoch(3), syncStateSetEpoch: 1,
            inSync: brokers, notInSync: [])
    }

    @Test("the last one that serves may not: the others are drained or dead")
    func lastOne() {
        let group = self.group([
            self.broker(1, isDrained: false), self.broker(2, isDrained: true),
            self.broker(3, isAlive: false, isDrained: false),
        ])
        #expect(!group.isServed(without: 1))
        #expect(group.isServed(without: 2))
        #expect(group.isServed(without: 3))
    }

    @Test("is drained once it has no mastership and the controllers know that it wants none")
    func done() {
        let group = self.group([
            self.broker(1, isDrained: true), self.broker(2, isDrained: false),
            self.broker(3, isDrained: true), self.broker(4, isDrained: nil),
        ])
        #expect((1...4).map { group.isDrained($0) } == [false, false, true, true])
    }
}
