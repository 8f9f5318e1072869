import Glibc

/// A cluster of real processes on this machine, steered through the files in its directory: any
/// process that knows its name can look at it, break it and mend it.
package struct Cluster: Sendable {
    package let plan: ClusterPlan
    package let directory: ClusterDirectory
    package let directories: LabDirectories

    package var name: String { self.plan.options.name }

    package var nodes: [Node] {
        self.plan.nodes.map { Node(plan: $0, directory: self.directory) }
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
        let data = try options.dataDirectory.map(LabDirectories.absolute) ?? directory.defaultData
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

    /// Takes every node down in order, brokers before the name servers that they report to.
    package func down(report: (String) -> Void) throws {
        try self.directory.exclusively { try self.stop(self.nodes, report: report) }
    }

    /// Takes every node down and deletes everything that the cluster has written.
    package func wipe(report: (String) -> Void) throws {
        try self.down(report: report)
        for data in self.nodes.compactMap(\.plan.dataDirectory) { try FileTree.delete(data) }
        try FileTree.delete(self.directory.path)
        report("deleted \(self.directory.path) and the brokers' data")
    }

    /// Ends the node in order if it runs, and starts it again.
    package func restart(_ node: Node, report: @escaping (String) -> Void) throws {
        try self.directory.exclusively {
            if node.isAlive { try self.stop([node], report: report) }
            try self.start([node], report: report)
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
                return try node.start(self.directories.executable(node.plan.kind.executable))
            }
            for (node, logStart) in zip(nodes, logStarts) {
                try node.waitUntilReady(logStart: logStart)
                report("\(node.name) is ready on \(ClusterPlan.host):\(node.plan.port)")
            }
        } catch {
            Interrupt.shielded { try? self.stop(nodes.filter(\.isAlive), report: report) }
            throw error
        }
    }

    private func stop(_ nodes: [Node], report: (String) -> Void) throws {
        for node in nodes.reversed() where node.process != nil {
            let wasAlive = node.isAlive
            try node.stop()
            report(wasAlive ? "\(node.name) is down" : "\(node.name) was down already")
        }
    }

    private func prepare(_ node: Node) throws {
        if let data = node.plan.dataDirectory { try SmallFile.makeDirectory(data) }
        let template = try self.directories.template(node.plan.kind)
        try SmallFile.write(
            NodeFile.fill(template, with: node.plan.settings),
            to: self.directory.configuration(of: node.name))
    }
}
