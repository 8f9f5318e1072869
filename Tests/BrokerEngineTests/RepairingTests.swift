import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationProtocol
import Testing

/// What a master lends, and to whom. How whole segments are mended is shown with real files
/// (`ClusterTests`) and with virtual disks (`SimulationTests`).
@Suite("A replica that asks for what it has lost")
struct RepairingTests {
    private static let replica = LinkID(value: 99)

    /// A master with a replica, and somebody who follows on a link that the test speaks on.
    private func group() -> GroupBench {
        var group = GroupBench.inStep([1, 2])
        let end = PhysicalOffset(Int64(group.log(1).count))
        let hello = ReplicaHello(
            clusterName: "DefaultCluster", brokerName: "broker-a", brokerID: 3, incarnation: 7,
            epoch: Epoch(1), logID: 1, logStart: .zero, logEnd: end)
        self.say(.hello(hello), to: &group)
        self.say(.follow(from: end), to: &group)
        return group
    }

    private func say(_ message: ReplicationMessage, to group: inout GroupBench) {
        group.input(1) { $0.linkReceived(Self.replica, message, at: $1) }
        group.run()
    }

    private func isEnded(_ group: GroupBench) -> Bool {
        group[1].saidToNobody.contains {
            if case .goodbye(_, .protocolViolation, _) = $0 { true } else { false }
        }
    }

    private func lent(_ group: GroupBench) -> [LentStretch] {
        group[1].saidToNobody.compactMap { if case .lent(let lent) = $0 { lent } else { nil } }
    }

    @Test("gets whole batches that are confirmed")
    func confirmed() {
        var group = self.group()
        let end = group[1].engine.groupReport.confirmed
        self.say(.lend(epoch: Epoch(1), .zero..<end), to: &group)
        #expect(!self.isEnded(group))
        let lent = self.lent(group)
        #expect(lent.map(\.position) == [.zero])
        #expect(lent.first.map { group.log(1).starts(with: $0.bytes) && !$0.bytes.isEmpty } == true)
    }

    @Test("gets nothing that is not confirmed yet")
    func notConfirmed() {
        var group = self.group()
        let end = group[1].engine.groupReport.confirmed.advanced(by: 16)
        self.say(.lend(epoch: Epoch(1), .zero..<end), to: &group)
        #expect(self.lent(group).map(\.next) == [.zero])
    }

    @Test("is no replica if it asks in another epoch, or over a segment's end")
    func nonsense() {
        for message: ReplicationMessage in [
            .lend(epoch: Epoch(2), .zero..<PhysicalOffset(64)),
            .lend(epoch: Epoch(1), .zero..<PhysicalOffset(1 << 40)),
        ] {
            var group = self.group()
            self.say(message, to: &group)
            #expect(self.isEnded(group))
            #expect(self.lent(group).isEmpty)
        }
    }
}
