import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Look at the cluster and its health.",
        subcommands: [ClusterInfoCommand.self, ClusterHealth.self, ClusterWatch.self])
}

struct ClusterInfoCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show the brokers and what they do.",
        discussion: """
            Example:
              apus cluster info
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let nodes = try await self.connection.withCluster { access in
            let info = try await attempting("cannot show the cluster") {
                () async throws(AccessError) in
                try await access.clusterInfo()
            }
            return await access.brokers(of: info)
        }
        if self.output.json {
            Terminal.print(["brokers": .array(nodes.map(\.json))])
        } else {
            var table = Table("CLUSTER", "BROKER", "ID", "ADDRESS", "VERSION", "FLUSH", "STATE")
            for node in nodes {
                table.add(
                    node.cluster, node.name, "\(node.id)", node.address, node.version ?? "-",
                    node.flush ?? "-", node.problem ?? "serving")
            }
            Terminal.print(table.text)
        }
    }
}
