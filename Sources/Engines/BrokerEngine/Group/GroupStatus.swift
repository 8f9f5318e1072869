import LogCore
import MessageFormat
import RemotingProtocol
import ReplicationCore

// How the group is, for operators (`haStatus` and `getBrokerEpoch` of RocketMQ's tools).
extension BrokerEngine {
    /// The epoch history of this broker's log.
    func epochCache(_ caller: Caller) throws -> RemotingCommand {
        guard let group = self.group else {
            throw Refusal(.systemError, "this broker has no controllers, so it has no epochs")
        }
        let starts = self.history.starts
        let epochs = starts.indices.map { index in
            let end = index + 1 < starts.count ? starts[index + 1].start.bytes : Int64.max
            return JSONValue.sorted([
                "endOffset": .integer(end), "epoch": .integer(Int64(starts[index].epoch.value)),
                "startOffset": .integer(starts[index].start.bytes),
            ])
        }
        let body = JSONValue.sorted([
            "brokerId": .integer(group.settings.brokerID),
            "brokerName": .string(self.settings.brokerName),
            "clusterName": .string(self.settings.clusterName), "epochList": .array(epochs),
            "maxOffset": .integer(self.progress.kept.bytes),
        ])
        return .response(.success, to: caller.opaque, body: body.encoded)
    }

    /// Who follows this master, and how far; or how this replica follows.
    func replicationStatus(_ caller: Caller) -> RemotingCommand {
        let inSync = Set(self.master?.replication.inStep(at: self.now.tick) ?? [])
        let replicas = self.master.map { master in
            master.feeding.compactMap { master.feeds[$0] }.map { feed -> JSONValue in
                let kept = master.replication.kept(by: feed.brokerID) ?? .zero
                return JSONValue.sorted([
                    "addr": .string("brokerId \(feed.brokerID)"),
                    "brokerId": .integer(feed.brokerID),
                    "slaveAckOffset": .integer(kept.bytes),
                    "diff": .integer(Int64(self.progress.submitted.distance(from: kept))),
                    "inSync": .bool(inSync.contains(feed.brokerID)),
                    "transferredByteInSecond": .integer(0),
                    "transferFromWhere": .integer(feed.sent.bytes),
                ])
            }
        }
        let body = JSONValue.sorted([
            "master": .bool(self.mayServe),
            "masterCommitLogMaxOffset": .integer(self.progress.kept.bytes),
            "confirmOffset": .integer(self.progress.confirmed.bytes),
            "inSyncSlaveNums": .integer(Int64(max(0, inSync.count - 1))),
            "haConnectionInfo": .array(replicas ?? []),
            "haClientRuntimeInfo": .sorted([
                "masterAddr": .string(self.follower?.masterAddress ?? ""),
                "activated": .bool(self.follower?.stage == .following),
                "maxOffset": .integer(self.progress.kept.bytes),
            ]),
        ])
        return .response(.success, to: caller.opaque, body: body.encoded)
    }
}
