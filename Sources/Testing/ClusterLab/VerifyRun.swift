package import Chaos

/// `apus verify` at work beside a cluster, in a process of its own.
package struct VerifyRun {
    package struct Shape: Hashable, Sendable {
        package var producers = 4
        package var consumers = 2
        /// Messages a second, all producers together.
        package var rate = 1_000
        package var seconds: Int

        package init(seconds: Int) {
            self.seconds = seconds
        }
    }

    /// A cluster gets ready for a workload, and heals after one, in so much time.
    private static let preparesWithin: Duration = .seconds(30)
    private static let settlesWithin: Duration = .seconds(150)

    package let process: ToolProcess
    package let topic: String
    package private(set) var watch: HistoryWatch
    private let shape: Shape

    /// - Parameter name: names the process, its topic and its files.
    package init(_ name: String, on cluster: Cluster, _ shape: Shape) throws {
        self.topic = name
        self.shape = shape
        self.watch = HistoryWatch(path: "\(cluster.directory.path)/\(name).history")
        self.process = try ToolProcess(
            name, cluster.directories.executable("apus"),
            [
                "verify", "--name-server", cluster.plan.nameServerAddresses, "--topic", name,
                "--producers", "\(shape.producers)", "--consumers", "\(shape.consumers)",
                "--rate", "\(shape.rate)", "--duration", "\(shape.seconds)",
                "--history", self.watch.path, "--json",
            ], directory: cluster.directory.path)
    }

    /// Waits until so many sends more than now have been acknowledged.
    package mutating func waitForAcknowledged(more: Int) throws {
        try self.watch.refresh()
        let wanted = self.watch.acknowledged + more
        let seen = try wait(atMost: Self.preparesWithin) {
            try self.watch.refresh()
            if self.watch.acknowledged >= wanted { return true }
            guard self.process.identity.condition != .gone else {
                throw self.process.problem("ended before the cluster had acknowledged enough")
            }
            return false
        }
        guard seen else {
            throw self.process.problem(
                "had \(self.watch.acknowledged) of \(wanted) sends acknowledged within "
                    + "\(Self.preparesWithin)")
        }
    }

    /// The header that the workload has written.
    package var header: HistoryHeader {
        get throws {
            guard let header = self.watch.header else {
                throw self.process.problem("has written no history")
            }
            return header
        }
    }

    /// Waits for the workload's end and judges it together with what others saw.
    package mutating func finish(with others: [String]) throws -> Verdict {
        _ = try self.process.end(within: .seconds(self.shape.seconds) + Self.settlesWithin)
        return try HistoryCheck.verdict(on: [self.watch.path] + others)
    }
}
