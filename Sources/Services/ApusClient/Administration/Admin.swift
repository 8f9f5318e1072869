import ClientEngine
import MessageFormat
import RemotingProtocol
import RemotingTransport

/// Looks after a cluster: topics, groups, offsets, single messages, servers.
public final class Admin: Sendable {
    let connection: ClientConnection

    /// Connects when the first question is asked.
    public init(_ configuration: ApusClient.Configuration) {
        self.connection = ClientConnection(configuration)
    }

    deinit {
        let remoting = self.connection.remoting
        Task { await remoting.shutdown() }
    }

    /// Closes the connections. Calls that are under way fail.
    public func close() async { await self.connection.remoting.shutdown() }
}

/// The brokers of a cluster and their addresses.
public struct ClusterDescription: Hashable, Sendable {
    /// A master and its replicas.
    public struct BrokerGroup: Hashable, Sendable {
        /// The broker name that they share.
        public var name: String
        /// The cluster that they belong to.
        public var cluster: String
        /// By broker id; 0 is the master.
        public var addresses: [Int: String]

        /// Nil while the group has no master.
        public var masterAddress: String? { self.addresses[0] }
    }

    /// Sorted by name.
    public var brokerGroups: [BrokerGroup]

    /// The names of the clusters, sorted.
    public var clusters: [String] { Set(self.brokerGroups.map(\.cluster)).sorted() }
}

/// Which brokers an administrative change goes to.
public enum BrokerSelection: Hashable, Sendable {
    /// The masters of all broker groups.
    case all
    /// The masters of one cluster.
    case cluster(String)
    /// The master of the group with this broker name.
    case brokerGroup(String)
    /// The broker at `host:port`, whatever it is.
    case address(String)
}

extension Admin {
    /// Every broker that some name server knows.
    public func cluster() async throws(ApusClientError) -> ClusterDescription {
        let what = "asking for the cluster's brokers"
        let answer = try await self.connection.callNameServer(
            .request(.getBrokerClusterInfo), during: what)
        let info = try ClientConnection.body(ClusterInfo.self, of: answer, during: what)
        let groups = info.brokers.map { name, data in
            ClusterDescription.BrokerGroup(
                name: name, cluster: data.cluster,
                addresses: Dictionary(
                    data.addresses.map { (Int($0.key), $0.value) }, uniquingKeysWith: { $1 }))
        }
        return ClusterDescription(brokerGroups: groups.sorted { $0.name < $1.name })
    }

    /// What a broker says about itself: RocketMQ's runtime keys.
    public func runtimeInfo(ofBroker address: String) async throws(ApusClientError) -> [String:
        String]
    {
        let what = "asking broker \(address) for its runtime info"
        let answer = try await self.connection.call(
            .request(.getBrokerRuntimeInfo), to: address, during: what)
        return try ClientConnection.body(KVTable.self, of: answer, during: what).table
    }

    /// A broker's configuration, as it is in force.
    public func configuration(ofBroker address: String) async throws(ApusClientError) -> [String:
        String]
    {
        let what = "asking broker \(address) for its configuration"
        let answer = try await self.connection.call(
            .request(.getBrokerConfig), to: address, during: what)
        let text = answer.withBodyBytes { String(decoding: $0, as: UTF8.self) }
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            lines.compactMap { line in
                let parts = line.split(
                    separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
            }, uniquingKeysWith: { $1 })
    }

    func masters(
        _ selection: BrokerSelection
    ) async throws(ApusClientError) -> [String] {
        if case .address(let address) = selection { return [address] }
        let groups = try await self.cluster().brokerGroups.filter { group in
            switch selection {
            case .all, .address: true
            case .cluster(let name): group.cluster == name
            case .brokerGroup(let name): group.name == name
            }
        }
        let addresses = groups.compactMap(\.masterAddress)
        guard !addresses.isEmpty else {
            throw ApusClientError(.noRoute, "no master broker is registered for \(selection)")
        }
        return addresses
    }

    /// One address of every broker group that serves the topic: its master, else a replica.
    func brokers(of topic: String) async throws(ApusClientError) -> [String] {
        let route = try await self.connection.route(of: topic)
        return route.brokers.keys.sorted().compactMap { route.address(of: $0) }
    }
}
