import Foundation

/// What `status` prints: every node with its role, port, process and state.
package struct ClusterStatus: Hashable, Codable, Sendable {
    package struct NodeStatus: Hashable, Codable, Sendable {
        package var name: String
        /// `name-server` or `master`.
        package var role: String
        package var port: Int
        package var pid: Int32?
        package var state: Node.State

        /// Every key is always there: a node without a process has the pid null.
        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.name, forKey: .name)
            try container.encode(self.role, forKey: .role)
            try container.encode(self.port, forKey: .port)
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
    package var status: ClusterStatus {
        let nodes = self.nodes.map { node in
            ClusterStatus.NodeStatus(
                name: node.name, role: node.plan.kind == .broker ? "master" : "name-server",
                port: node.plan.port, pid: node.isAlive ? node.process?.pid : nil,
                state: node.state)
        }
        return ClusterStatus(name: self.name, nodes: nodes)
    }
}
