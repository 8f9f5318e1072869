package import Chaos

/// One more consumer of a workload's group, in a process of its own, so that it can be killed.
package struct ExtraConsumer {
    private static let joinsWithin: Duration = .seconds(15)

    package let process: ToolProcess
    package let member: Member
    package let history: String

    package var pid: Int32 { self.process.identity.pid }

    package init(beside run: VerifyRun, on cluster: Cluster) throws {
        let header = try run.header
        guard let group = header.setting("group") else {
            throw LabError.failed("the workload's history does not name its group")
        }
        self.member = Member(consumer: "\(header.run)-extra", group: group)
        self.history = "\(cluster.directory.path)/\(run.topic).extra"
        let command = Command(
            try cluster.directories.executable("apus-lab"),
            [
                "extra-consumer", "--name-server", cluster.plan.nameServerAddresses,
                "--workload", run.watch.path, "--history", self.history,
                "--consumer", self.member.consumer,
            ], at: LabNetwork.clients, in: cluster.network)
        self.process = try ToolProcess(
            "extra-consumer", command, directory: cluster.directory.path)
    }

    /// Waits until it has got so many messages.
    package func waitForReceived(_ count: Int) throws -> Int {
        var watch = HistoryWatch(path: self.history)
        let seen = try wait(atMost: Self.joinsWithin, every: .milliseconds(5)) {
            try watch.refresh()
            if watch.received >= count { return true }
            guard self.process.identity.condition != .gone else {
                throw self.process.problem("ended by itself")
            }
            return false
        }
        guard seen else {
            throw self.process.problem(
                "received \(watch.received) messages within \(Self.joinsWithin), not \(count)")
        }
        return watch.received
    }
}
