import ArgumentParser
import ClusterLab

extension ClusterOptions.Flush: ExpressibleByArgument {}

/// The shape of a cluster, shared by every command that starts one.
struct ShapeOptions: ParsableArguments {
    @Option(help: "How many name servers.")
    var nameServers = 2
    @Option(help: "How many broker groups: broker-a, broker-b, … (default: 2; kill-loop: 1)")
    var groups: Int?
    @Option(
        help: "How many controllers; without any, brokers stand alone (default: 3; kill-loop: 0)")
    var controllers: Int?
    @Option(help: "How many brokers in each group (default: 3; 1 without controllers)")
    var replicas: Int?
    @Option(help: "Where the brokers keep their data (default: cluster/run/NAME/data).")
    var data: String?
    @Option(help: "When a send is acknowledged: after the disk's flush, or before (sync, async).")
    var flush = ClusterOptions.Flush.sync

    func options(
        name: String, portOffset: Int, groups: Int = 2, controllers: Int = 3
    ) throws -> ClusterOptions {
        var options = ClusterOptions()
        options.name = name
        options.nameServers = self.nameServers
        options.groups = self.groups ?? groups
        options.controllers = self.controllers ?? controllers
        options.replicas = self.replicas ?? (options.controllers > 0 ? 3 : 1)
        options.portOffset = portOffset
        options.dataDirectory = self.data
        options.flush = self.flush
        return options
    }
}

struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start a cluster in the background and wait until every node serves.")

    @OptionGroup var cluster: ClusterName
    @OptionGroup var shape: ShapeOptions
    @Option(
        help: """
            Added to every port: name servers from 9876, controllers from 9878 in steps of 10, \
            brokers from 10911 in steps of 20.
            """)
    var portOffset = 0

    func run() throws {
        let options = try self.shape.options(
            name: self.cluster.name, portOffset: self.portOffset)
        let directories = try LabDirectories.find()
        let cluster = try Cluster.up(options, in: directories, report: say)
        try cluster.waitUntilRouted()
        let steps = cluster.plan.firstSteps(apus: directories.shortPath(of: "apus"))
        show("cluster \(cluster.name) is up; \(steps)")
    }
}

struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop every node in order; the data stays.")

    @OptionGroup var cluster: ClusterName

    func run() throws {
        try self.cluster.find().down(report: say)
        show("cluster \(self.cluster.name) is down")
    }
}

struct Wipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop every node and delete the cluster's data, logs and files.")

    @OptionGroup var cluster: ClusterName

    func run() throws {
        try self.cluster.find().wipe(report: say)
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the nodes; exit code 0 if all of them run, 1 if not.")

    @OptionGroup var cluster: ClusterName
    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try ClusterOptions.validate(name: self.cluster.name)
        let found = try Cluster.find(self.cluster.name, in: LabDirectories.find())
        let status = found?.status ?? ClusterStatus(name: self.cluster.name, nodes: [])
        if self.json {
            show(try status.json)
        } else if found == nil {
            say("there is no cluster \(self.cluster.name)")
        } else {
            show(status.table)
        }
        if !status.isRunning { throw ExitCode(1) }
    }
}
