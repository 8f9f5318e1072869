import Foundation

/// What `status` prints: every node with its role, port, process and state.
package struct ClusterStatus: Hashable, Codable, Sendable {
    package struct NodeStatus: Hashable, Codable, Sendable {
        package var name: String
        /// `name-server`, `leader`, `follower`, `master` or `replica`.
        package var role: String
        package var port: Int
        /// Of /healthz, /readyz and /metrics.
        package var httpPort: Int?
        package var pid: Int32?
        package var state: Node.State

        /// Every key is always there: a node without a process has the pid null.
        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.name, forKey: .name)
            try container.encode(self.role, forKey: .role)
            try container.encode(self.port, forKey: .port)
            try container.encode(self.httpPort, forKey: .httpPort)
            try container.encode(self.pid, forKey: .pid)
            try container.encode(self.state, forKey: .state)
        }
    }

    package var name: String
    package var nodes: [NodeStatus]

    package init(name: String, nodes: [NodeStatus]) {
        self.name = name
        self.nodes = nodes
    }

    package var isRunning: Bool {
        !self.nodes.isEmpty && self.nodes.allSatisfy { $0.state == .running }
    }

    package var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    package var table: String {
        let rows = [["NODE", "ROLE", "PORT", "PID", "STATE"]] + self.nodes.map(Self.row)
        return TextTable.text(rows)
    }

    private static func row(_ node: NodeStatus) -> [String] {
        let pid = node.pid.map(String.init) ?? "-"
        return [node.name, node.role, String(node.port), pid, node.state.rawValue]
    }
}

extension Cluster {
    /// Asks the nodes what they are; one that does not answer is what the others say of it.
    package var status: ClusterStatus {
        let roles = NodeRoles(of: self)
        let nodes = self.nodes.map { node in
            ClusterStatus.NodeStatus(
                name: node.name, role: roles[node.plan], port: node.plan.port,
                httpPort: node.plan.httpPort,
                pid: node.isAlive ? node.process?.pid : nil, state: node.state)
        }
        return ClusterStatus(name: self.name, nodes: nodes)
    }
}

/// Who leads the controllers, and who is master of which group.
private struct NodeRoles {
    private let plan: ClusterPlan
    private let view: ClusterView

    init(of cluster: Cluster) {
        self.plan = cluster.plan
        let isControlled = cluster.plan.options.controllers > 0
        self.view = isControlled ? ClusterView(asking: ControlAccess(cluster)) : ClusterView()
    }

    subscript(node: NodePlan) -> String {
        switch node.kind {
        case .nameServer: "name-server"
        case .controller: self.view.leader == node.address ? "leader" : "follower"
        case .broker:
            self.plan.options.controllers == 0 || self.view.isMaster(node) ? "master" : "replica"
        }
    }
}
