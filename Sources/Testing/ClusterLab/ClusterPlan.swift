/// What kind of process a node is.
package enum NodeKind: String, Hashable, Codable, Sendable {
    case nameServer
    case controller
    case broker

    /// The executable's name, in the directory of the lab's own.
    var executable: String {
        switch self {
        case .nameServer: "apus-namesrv"
        case .controller: "apus-controller"
        case .broker: "apus-broker"
        }
    }
}

/// One process of a cluster: its name, its port, and what its file says beyond the template.
package struct NodePlan: Hashable, Codable, Sendable {
    package var name: String
    package var kind: NodeKind
    package var host: String
    package var port: Int
    /// Further ports that the node listens on.
    package var morePorts: [Int] = []
    /// Where it tells how it is.
    package var httpPort: Int?
    /// A broker's group, which is its `brokerName`.
    package var group: String?
    package var settings: [String: String]
    /// Where the node keeps its state; nil: it has none.
    package var dataDirectory: String?
    /// The state's disk is so large and no larger; nil: the machine's.
    package var diskMebibytes: Int?

    /// A library to preload that moves the node's wall clock; nil: the machine's clock.
    package var clockLibrary: String?
    /// Variables of the process, as `NAME=value`.
    package var environment: [String]?

    /// The node file under `cluster/` that the node's own file starts from.
    var template: String {
        switch self.kind {
        case .nameServer: "name-server.conf"
        case .controller: "controller.conf"
        case .broker: self.settings["controllerAddr"] == nil ? "broker.conf" : "replica.conf"
        }
    }

    package var address: String { "\(self.host):\(self.port)" }
    var ports: [Int] { [self.port] + self.morePorts + (self.httpPort.map { [$0] } ?? []) }
}

/// The processes that the options ask for. Pure arithmetic: the same options give the same plan.
package struct ClusterPlan: Hashable, Codable, Sendable {
    package var options: ClusterOptions
    /// In the order in which they start.
    package var nodes: [NodePlan]

    /// - Parameter dataDirectory: where nodes keep their state, as an absolute path.
    package init(options: ClusterOptions, dataDirectory: String) {
        self.options = options
        let layout = ClusterLayout(options: options, dataDirectory: dataDirectory)
        self.nodes = layout.nameServers + layout.controllers + layout.brokers
    }

    package var nameServers: [NodePlan] { self.nodes.filter { $0.kind == .nameServer } }
    package var controllers: [NodePlan] { self.nodes.filter { $0.kind == .controller } }
    package var brokers: [NodePlan] { self.nodes.filter { $0.kind == .broker } }

    /// The name servers' addresses, as a client writes them.
    package var nameServerAddresses: String {
        self.nameServers.map(\.address).joined(separator: ";")
    }

    /// The names of the broker groups.
    package var groups: [String] { Set(self.brokers.compactMap(\.group)).sorted() }

    package func brokers(of group: String) -> [NodePlan] {
        self.brokers.filter { $0.group == group }
    }

    package func node(at address: String) -> NodePlan? {
        self.nodes.first { $0.address == address }
    }

    /// One more broker for a group, as if the plan had had it from the beginning but for its port.
    package func anotherBroker(of group: String, dataDirectory: String) -> NodePlan {
        ClusterLayout(options: self.options, dataDirectory: dataDirectory)
            .broker(number: self.brokers(of: group).count + 1, of: group, slot: self.brokers.count)
    }
}
