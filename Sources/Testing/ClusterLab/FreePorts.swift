extension ClusterOptions {
    /// Moves the cluster to ports that nobody has: a demonstration must not meet the user's own
    /// servers.
    package mutating func choosePortOffset<Generator: RandomNumberGenerator>(
        using generator: inout Generator
    ) throws {
        let attemptsMax = 200
        for _ in 0..<attemptsMax {
            // Below the range from which the kernel takes ports for outgoing connections.
            self.portOffset = Int.random(in: 5_000...19_000, using: &generator)
            let plan = ClusterPlan(options: self, dataDirectory: "/")
            if plan.nodes.flatMap(\.ports).allSatisfy(LoopbackPort.isFree) { return }
        }
        throw LabError.failed("found no free ports for the cluster after \(attemptsMax) attempts")
    }
}
