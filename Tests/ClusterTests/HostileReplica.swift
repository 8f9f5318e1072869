import MessageFormat
import NIOCore
import NIOPosix
import PeerTransport
import ReplicationProtocol

/// A peer of the replication port that lies.
enum HostileReplica {
    static func attack(_ address: String) async throws {
        let hello = ReplicaHello(
            clusterName: "DefaultCluster", brokerName: "broker-a", brokerID: 77, incarnation: 1,
            epoch: Epoch(1), logID: 0, logStart: .zero, logEnd: .zero)
        var otherGroup = hello
        otherGroup.brokerName = "somebody-else"
        var otherLog = hello
        otherLog.logID = 4_711
        let stretch = LogStretch(
            epoch: Epoch(1), confirmed: PhysicalOffset(1 << 50), position: .zero,
            bytes: [UInt8](repeating: 7, count: 1_000))
        let speeches: [[[UInt8]]] = [
            [[0]], [[1, 1, 255, 255]], [[UInt8](repeating: 0xFF, count: 60_000)],
            [ReplicationMessage.hello(otherGroup).encoded],
            [ReplicationMessage.hello(otherLog).encoded],
            [ReplicationMessage.follow(from: PhysicalOffset(1 << 59)).encoded],
            [ReplicationMessage.batches(stretch).encoded],
            [
                ReplicationMessage.ack(
                    epoch: Epoch(1), written: PhysicalOffset(1 << 59),
                    durable: PhysicalOffset(1 << 59)
                ).encoded
            ],
            [
                ReplicationMessage.hello(hello).encoded,
                ReplicationMessage.follow(from: PhysicalOffset(17)).encoded,
            ],
        ]
        for speech in speeches {
            let link = try await PeerConnector.connect(
                to: address, on: MultiThreadedEventLoopGroup.singleton.next(), delegate: Deaf(),
                logger: InProcessCluster.quiet()
            ).get()
            for payload in speech { link.send(payload) }
            link.close()
        }
    }

    private struct Deaf: PeerLinkDelegate {
        func opened(_ link: PeerLink) {}
        func received(_ payloads: [ByteBuffer], from link: PeerLink) {}
        func closed(_ link: PeerLink) {}
    }
}
