import ArgumentParser
import ClusterLab
import Glibc

/// The command behind `cluster/launch`.
@main
struct ApusLab: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster/launch",
        abstract: "Start, watch and break a cluster of real processes on this machine.",
        discussion: """
            Try: cluster/launch demo
            A cluster keeps its logs, its data and its processes' numbers in cluster/run/NAME.
            """,
        version: "0.1.0",
        subcommands: [
            Up.self, Down.self, Status.self, Logs.self, Kill.self, Pause.self, Resume.self,
            Restart.self, Wipe.self, DemoCommand.self, ChaosCommand.self, FailoverCommand.self,
            KillLoopCommand.self, TakeoverCommand.self, ScenarioCommand.self,
            ExtraConsumerCommand.self, TakeoverMemberCommand.self, DiskCommand.self,
        ])

    /// Runs the command, and turns the lab's errors into one line and an exit code.
    static func main() async {
        Interrupt.install()
        do {
            var command = try self.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as LabError {
            say("error: \(error)")
            Glibc.exit(error.exitCode)
        } catch {
            self.exit(withError: error)
        }
    }
}

/// Which cluster is meant.
struct ClusterName: ParsableArguments {
    @Option(help: "Which cluster.")
    var name = "default"

    func find() throws -> Cluster {
        guard let cluster = try Cluster.find(self.name, in: LabDirectories.find()) else {
            throw LabError.failed(
                "there is no cluster \(self.name); start one with cluster/launch up --name \(self.name)"
            )
        }
        return cluster
    }
}

/// Which node of which cluster is meant.
struct NodeName: ParsableArguments {
    @Argument(help: "The node, as cluster/launch status lists it: broker-a-1, controller-1, …")
    var node: String
    @OptionGroup var cluster: ClusterName

    func find() throws -> (Cluster, Node) {
        let cluster = try self.cluster.find()
        return (cluster, try cluster.node(self.node))
    }
}
