/// What kind of process a node is.
package enum NodeKind: String, Hashable, Codable, Sendable {
    case nameServer
    case broker

    /// The executable's name, in the directory of the lab's own.
    var executable: String {
        switch self {
        case .nameServer: "apus-namesrv"
        case .broker: "apus-broker"
        }
    }

    /// The node file under `cluster/` that the node's own file starts from.
    var template: String {
        switch self {
        case .nameServer: "name-server.conf"
        case .broker: "broker.conf"
        }
    }
}

/// One process of a cluster: its name, its port, and what its file says beyond the template.
package struct NodePlan: Hashable, Codable, Sendable {
    package var name: String
    package var kind: NodeKind
    package var port: Int
    package var settings: [String: String]
    /// Where the node keeps its state; nil: it has none.
    package var dataDirectory: String?
}

/// The processes that the options ask for. Pure arithmetic: the same options give the same plan.
package struct ClusterPlan: Hashable, Codable, Sendable {
    package static let host = "127.0.0.1"
    static let firstNameServerPort = 9876
    static let firstBrokerPort = 10911
    /// A broker's replication, gRPC and HTTP ports lie beside its first one.
    static let portsPerBroker = 20

    package var options: ClusterOptions
    package var nodes: [NodePlan]

    /// - Parameter dataDirectory: where brokers keep their logs, as an absolute path.
    package init(options: ClusterOptions, dataDirectory: String) {
        let nameServers = (0..<options.nameServers).map { Self.nameServer($0, options) }
        let addresses = nameServers.map { "\(Self.host):\($0.port)" }.joined(separator: ";")
        let brokers = (0..<options.groups).map { group in
            Self.broker(group, options, nameServers: addresses, dataDirectory: dataDirectory)
        }
        self.options = options
        self.nodes = nameServers + brokers
    }

    /// The name servers' addresses, as a client writes them.
    package var nameServerAddresses: String {
        self.nodes.filter { $0.kind == .nameServer }
            .map { "\(Self.host):\($0.port)" }.joined(separator: ";")
    }

    package var brokers: [NodePlan] { self.nodes.filter { $0.kind == .broker } }

    private static func nameServer(_ index: Int, _ options: ClusterOptions) -> NodePlan {
        let port = Self.firstNameServerPort + index + options.portOffset
        return NodePlan(
            name: "name-server-\(index + 1)", kind: .nameServer, port: port,
            settings: ["bindAddress": Self.host, "listenPort": "\(port)"], dataDirectory: nil)
    }

    private static func broker(
        _ index: Int, _ options: ClusterOptions, nameServers: String, dataDirectory: String
    ) -> NodePlan {
        let port = Self.firstBrokerPort + index * Self.portsPerBroker + options.portOffset
        let name = "broker-" + String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index)))
        let data = "\(dataDirectory)/\(name)"
        return NodePlan(
            name: name, kind: .broker, port: port,
            settings: [
                "namesrvAddr": nameServers,
                "bindAddress": Self.host,
                "brokerName": name,
                "brokerIP1": Self.host,
                "listenPort": "\(port)",
                "storePathRootDir": data,
                "flushDiskType": options.flush == .sync ? "SYNC_FLUSH" : "ASYNC_FLUSH",
            ],
            dataDirectory: data)
    }
}
