package import Chaos
import Glibc

/// `apus verify` at work beside a cluster, in a process of its own.
package struct VerifyRun {
    package struct Shape: Hashable, Sendable {
        package var producers = 4
        package var consumers = 2
        /// Messages a second, all producers together.
        package var rate = 1_000
        package var seconds: Int
        /// Bytes of a message.
        package var size = 256
        /// A send that waits longer is tried again elsewhere.
        package var sendTimeoutMilliseconds = 1_000
        /// What to prove; nil: the plain way.
        package var feature: Feature?
        package var isIdempotent = false

        package init(seconds: Int) {
            self.seconds = seconds
        }

        fileprivate var choices: [String] {
            (self.feature.map { ["--feature", $0.rawValue] } ?? [])
                + (self.isIdempotent ? ["--idempotent"] : [])
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
        let command = Command(
            try cluster.directories.executable("apus"),
            [
                "verify", "--name-server", cluster.plan.nameServerAddresses, "--topic", name,
                "--producers", "\(shape.producers)", "--consumers", "\(shape.consumers)",
                "--rate", "\(shape.rate)", "--duration", "\(shape.seconds)",
                "--size", "\(shape.size)",
                "--send-timeout", "\(shape.sendTimeoutMilliseconds)ms",
                "--history", self.watch.path, "--json",
            ] + shape.choices, at: LabNetwork.clients, in: cluster.network)
        self.process = try ToolProcess(name, command, directory: cluster.directory.path)
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

    /// Ends the sending before its time; consumers catch up and the final read follows.
    package func stopSending() { self.process.identity.signal(SIGINT) }

    /// Waits for the workload's end and judges it together with what others saw.
    ///
    /// - Parameter limit: by default the whole time that it may send, and what it needs thereafter.
    package mutating func finish(
        with others: [String], within limit: Duration? = nil
    ) throws -> Verdict {
        let most = limit ?? .seconds(self.shape.seconds) + Self.settlesWithin
        _ = try self.process.end(within: most)
        return try HistoryCheck.verdict(on: [self.watch.path] + others)
    }
}
