package import Chaos

/// A cluster, a workload, a killed consumer, a killed broker, and a verdict, in well under a
/// minute.
package struct Demo {
    private let cluster: Cluster
    private let timeline: Timeline
    private let seconds: Int

    /// - Parameter isShort: sends for half as long, for machines that wait.
    package init(cluster: Cluster, timeline: Timeline, isShort: Bool) {
        self.cluster = cluster
        self.timeline = timeline
        self.seconds = isShort ? 6 : 12
    }

    package func run() throws -> Verdict {
        try self.sendRealInput()
        var run = try VerifyRun("Demo", on: self.cluster, VerifyRun.Shape(seconds: self.seconds))
        do {
            return try self.breakThings(under: &run)
        } catch {
            run.process.kill()
            throw error
        }
    }

    private func sendRealInput() throws {
        let count = try RealInput(
            cluster: self.cluster, file: "\(self.cluster.directories.root)/LICENSE"
        ).roundTrip()
        self.timeline.note("\(count) lines of LICENSE produced, consumed, and found to be the same")
    }

    private func breakThings(under run: inout VerifyRun) throws -> Verdict {
        try run.waitForAcknowledged(more: 1)
        self.timeline.note("workload runs: apus verify with 4 producers and 2 consumers")
        let nemesis = try Nemesis(
            cluster: self.cluster, run: run.header,
            history: "\(self.cluster.directory.path)/Demo.faults")
        let victim = try self.killConsumer(run, nemesis)
        try run.waitForAcknowledged(more: 500)
        try nemesis.kill(
            self.cluster.node("broker-a"), deadFor: .seconds(1), tell: self.timeline.note)
        try run.waitForAcknowledged(more: 500)
        self.timeline.note("sending goes on; waiting for the workload's end and its last read")
        let verdict = try run.finish(with: [nemesis.history, victim])
        self.timeline.note("every message read back and compared with the histories")
        return verdict
    }

    /// Adds a third consumer to the group, and kills it while it holds messages that it has not
    /// acknowledged.
    ///
    /// - Returns: the history that it left.
    private func killConsumer(_ run: VerifyRun, _ nemesis: Nemesis) throws -> String {
        let consumer = try ExtraConsumer(beside: run, on: self.cluster)
        self.timeline.note("a third consumer joins the group (pid \(consumer.pid))")
        do {
            let count = try consumer.waitForReceived(50)
            try nemesis.kill(consumer.process, consumer.member)
            self.timeline.note("the third consumer killed after \(count) messages (kill -9)")
        } catch {
            consumer.process.kill()
            throw error
        }
        return consumer.history
    }
}
