import Dispatch
import NIOPosix
import Logging
package import RemotingProtocol
import RemotingTransport
import Synchronization

/// Single requests to a cluster's servers, for callers that may block.
package final class ControlAccess: Sendable {
    /// A paused server never answers; whoever watches a cluster has no time for it.
    private static let patience: Duration = .milliseconds(400)

    package let controllers: [String]
    package let nameServers: [String]
    private let remoting: RemotingClient

    package init(_ cluster: Cluster) {
        self.controllers = cluster.plan.controllers.map(\.address)
        self.nameServers = cluster.plan.nameServers.map(\.address)
        self.remoting = RemotingClient(
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "apus-lab", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// The answer, whatever its code; nil if none came in time.
    package func call(_ command: RemotingCommand, to address: String) -> ReceivedCommand? {
        let arrived = DispatchSemaphore(value: 0)
        let answer = Mutex<ReceivedCommand?>(nil)
        self.remoting.call(command, to: address, timeout: Self.patience) { result in
            answer.withLock { $0 = try? result.get() }
            arrived.signal()
        }
        arrived.wait()
        return answer.withLock { $0 }
    }

    /// What a controller says of its group.
    package func metadata(of address: String) -> ControllerMetadata? {
        guard let answer = self.call(ControllerMetadata.request, to: address),
            answer.responseCode == .success
        else { return nil }
        return try? ControllerMetadata(answer)
    }

    /// What the leader says of all broker groups; nil if this controller is not the leader.
    package func groups(from address: String) -> [String: GroupReplicas]? {
        let request = SyncStateDataRequest(brokerNames: []).command
        guard let answer = self.call(request, to: address), answer.responseCode == .success,
            let data = try? SyncStateData(bodyOf: answer)
        else { return nil }
        return data.groups
    }

    /// The controller that says of itself that it leads.
    package func findLeader() -> String? {
        self.controllers.first { self.metadata(of: $0)?.isLeader == true }
    }

    /// What a name server knows of the brokers; nil if it does not answer.
    package func clusterInfo(from address: String) -> ClusterInfo? {
        guard let answer = self.call(.request(.getBrokerClusterInfo), to: address),
            answer.responseCode == .success
        else { return nil }
        return try? ClusterInfo(bodyOf: answer)
    }
}
