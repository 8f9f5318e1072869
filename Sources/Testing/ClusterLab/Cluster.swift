import Glibc

/// A cluster of real processes on this machine, steered through the files in its directory: any
/// process that knows its name can look at it, break it and mend it.
package struct Cluster: Sendable {
    package private(set) var plan: ClusterPlan
    package let directory: ClusterDirectory
    package let directories: LabDirectories

    package var name: String { self.plan.options.name }

    /// The network that the nodes live in; nil: the machine's loopback.
    package var network: LabNetwork? { self.plan.options.network.map(LabNetwork.init(id:)) }

    package var nodes: [Node] {
        self.plan.nodes.map { Node(plan: $0, directory: self.directory) }
    }

    /// Where nodes keep their state, each in a directory of its own.
    package var dataDirectory: String {
        (try? Self.dataDirectory(self.plan.options, self.directory)) ?? self.directory.defaultData
    }

    private static func dataDirectory(
        _ options: ClusterOptions, _ directory: ClusterDirectory
    ) throws -> String {
        try options.dataDirectory.map(LabDirectories.absolute) ?? directory.defaultData
    }

    /// The nodes that have a process, paused ones included.
    package var living: [Node] { self.nodes.filter(\.isAlive) }

    package func node(_ name: String) throws -> Node {
        guard let node = self.nodes.first(where: { $0.name == name }) else {
            let names = self.nodes.map(\.name).joined(separator: ", ")
            throw LabError.usage("no node '\(name)' in cluster \(self.name); it has \(names)")
        }
        return node
    }

    /// The cluster of this name, whether or not its processes run; nil if there is none.
    package static func find(_ name: String, in directories: LabDirectories) throws -> Cluster? {
        try ClusterOptions.validate(name: name)
        let directory = directories.cluster(name)
        return try directory.loadPlan().map {
            Cluster(plan: $0, directory: directory, directories: directories)
        }
    }

    /// Starts every node of the plan that does not run, and waits until all serve.
    ///
    /// Whatever goes wrong, Ctrl-C included, what this call had started is taken down again.
    package static func up(
        _ options: ClusterOptions, in directories: LabDirectories,
        report: @escaping (String) -> Void
    ) throws -> Cluster {
        try options.validate()
        let directory = directories.cluster(options.name)
        let data = try self.dataDirectory(options, directory)
        let cluster = Cluster(
            plan: ClusterPlan(options: options, dataDirectory: data), directory: directory,
            directories: directories)
        try directory.exclusively {
            try cluster.refuseToReplaceRunningPlan()
            try directory.save(cluster.plan)
            try cluster.start(cluster.nodes.filter { !$0.isAlive }, report: report)
        }
        return cluster
    }

    /// Adds a node to the plan and starts it.
    package func adding(_ plan: NodePlan, report: (String) -> Void) throws -> Cluster {
        var larger = self
        larger.plan.nodes.append(plan)
        try self.directory.exclusively {
            try self.directory.save(larger.plan)
            try larger.start([larger.node(plan.name)], report: report)
        }
        return larger
    }

    /// Takes every node down in order, brokers before the servers that they report to.
    package func down(report: (String) -> Void) throws {
        try self.directory.exclusively { try self.stop(self.nodes, report: report) }
        try self.network?.delete()
    }

    /// Takes every node down and deletes everything that the cluster has written.
    package func wipe(report: (String) -> Void) throws {
        try self.down(report: report)
        try self.deleteData()
        try FileTree.delete(self.directory.path)
        report("deleted \(self.directory.path) and the brokers' data")
    }

    /// Deletes what the nodes have stored; logs and histories stay.
    package func deleteData() throws {
        for node in self.nodes {
            guard let data = node.plan.dataDirectory else { continue }
            if node.plan.diskMebibytes != nil { SmallDisk.unmount(data) }
            try FileTree.delete(data)
        }
    }

    /// Ends the nodes that run in order, and starts all of them again.
    package func restart(_ nodes: [Node], report: @escaping (String) -> Void) throws {
        try self.directory.exclusively {
            try self.stop(nodes.filter(\.isAlive), report: report)
            try self.start(nodes, report: report)
        }
    }

    /// Two plans under one name would leave processes that nobody knows of.
    private func refuseToReplaceRunningPlan() throws {
        guard let old = try Cluster.find(self.name, in: self.directories), old.plan != self.plan,
            let living = old.living.first
        else { return }
        throw LabError.failed(
            "cluster \(self.name) already runs with other options (\(living.name) is alive): "
                + "take it down first with cluster/launch down --name \(self.name)")
    }

    private func start(_ nodes: [Node], report: (String) -> Void) throws {
        do {
            let logStarts = try nodes.map { node in
                try self.prepare(node)
                return try node.start(
                    self.directories.executable(node.plan.kind.executable), in: self.network)
            }
            for (node, logStart) in zip(nodes, logStarts) {
                try node.waitUntilReady(logStart: logStart)
                report("\(node.name) is ready on \(node.plan.address)")
            }
        } catch {
            Interrupt.shielded { try? self.stop(nodes.filter(\.isAlive), report: report) }
            throw error
        }
    }

    private func stop(_ nodes: [Node], report: (String) -> Void) throws {
        // Brokers wait for each other when they leave, so all of a kind leave together.
        for kind in [NodeKind.broker, .controller, .nameServer] {
            let leaving = nodes.reversed().filter { $0.plan.kind == kind && $0.process != nil }
            let living = leaving.filter(\.isAlive).map(\.name)
            leaving.forEach { $0.askToStop() }
            for node in leaving {
                try node.waitUntilStopped()
                let wasAlive = living.contains(node.name)
                report(wasAlive ? "\(node.name) is down" : "\(node.name) was down already")
            }
        }
    }

    private func prepare(_ node: Node) throws {
        if let data = node.plan.dataDirectory {
            try SmallFile.makeDirectory(data)
            if let size = node.plan.diskMebibytes { try SmallDisk.mount(data, mebibytes: size) }
        }
        let template = try self.directories.template(node.plan.template)
        try SmallFile.write(
            NodeFile.fill(template, with: node.plan.settings),
            to: self.directory.configuration(of: node.name))
    }
}
