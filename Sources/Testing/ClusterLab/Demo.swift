package import Chaos

/// A cluster, a workload, a verdict in well under a minute; in between a consumer, a master and the
/// controllers' leader are killed.
package struct Demo {
    private static let sendsForAtMost = 300

    private let cluster: Cluster
    private let timeline: Timeline
    /// Between two blows.
    private let calm: Duration

    /// - Parameter isShort: hardly waits between the blows, for machines that wait.
    package init(cluster: Cluster, timeline: Timeline, isShort: Bool) {
        self.cluster = cluster
        self.timeline = timeline
        self.calm = .seconds(isShort ? 1 : 4)
    }

    package func run() throws -> Verdict {
        let count = try RealInput(
            cluster: self.cluster, file: "\(self.cluster.directories.root)/LICENSE"
        ).roundTrip()
        self.timeline.note("\(count) lines of LICENSE produced, consumed, and found to be the same")
        var run = try VerifyRun(
            "Demo", on: self.cluster, VerifyRun.Shape(seconds: Self.sendsForAtMost))
        do {
            return try self.breakThings(under: &run)
        } catch {
            run.process.kill()
            throw error
        }
    }

    private func breakThings(under run: inout VerifyRun) throws -> Verdict {
        try run.waitForAcknowledged(more: 1)
        let note: @Sendable (String) -> Void = { [timeline] in timeline.note($0) }
        note("workload runs: apus verify with 4 producers and 2 consumers")
        let path = "\(self.cluster.directory.path)/Demo"
        let nemesis = try Nemesis(
            cluster: self.cluster, run: run.header, history: "\(path).faults")
        guard self.cluster.plan.options.controllers > 0 else {
            return try self.breakSingleBrokers(under: &run, nemesis)
        }
        let watch = ClusterWatch(self.cluster, tell: note)
        defer { watch.stop() }
        _ = try watch.wait(atMost: .seconds(10)) { self.cluster.plan.flaws(of: $0).isEmpty }
        var stage = Stage(
            cluster: self.cluster, watch: watch, run: run, nemesis: nemesis,
            generator: SeededGenerator(seed: 1), tell: note)
        try stage.killConsumer()
        try stage.hold(self.calm)
        try stage.killMaster(of: ClusterLayout.groupName(0))
        try stage.hold(self.calm)
        try stage.killControllerLeader()
        try stage.hold(self.calm)
        let elections = "\(path).elections"
        try watch.writeElections(to: elections, of: run.header)
        return try self.finish(&run, with: [nemesis.history, elections] + stage.histories)
    }

    /// A cluster without controllers: what is killed comes back, and nobody takes over meanwhile.
    private func breakSingleBrokers(
        under run: inout VerifyRun, _ nemesis: Nemesis
    ) throws -> Verdict {
        let consumer = try ExtraConsumer(beside: run, on: self.cluster)
        self.timeline.note("one more consumer joins the group (pid \(consumer.pid))")
        do {
            let count = try consumer.waitForReceived(50)
            try nemesis.kill(consumer.process, consumer.member)
            self.timeline.note("it is killed after \(count) messages (kill -9)")
        } catch {
            consumer.process.kill()
            throw error
        }
        _ = try wait(atMost: self.calm) { false }
        let broker = self.cluster.plan.brokers[0].name
        try nemesis.kill(self.cluster.node(broker), deadFor: .seconds(1), tell: self.timeline.note)
        _ = try wait(atMost: self.calm) { false }
        return try self.finish(&run, with: [nemesis.history, consumer.history])
    }

    private func finish(_ run: inout VerifyRun, with others: [String]) throws -> Verdict {
        run.stopSending()
        self.timeline.note("sending ends; everything is read back and compared with the histories")
        return try run.finish(with: others, within: .seconds(150))
    }
}
