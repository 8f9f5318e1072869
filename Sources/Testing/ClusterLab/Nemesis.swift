package import Chaos
import Glibc
import MessageFormat

/// Breaks and mends nodes and clients, and writes into a history what it did and what proves it.
package struct Nemesis: Sendable {
    package let history: String
    private let cluster: Cluster
    private let writer: HistoryWriter

    /// - Parameter run: the run that is broken, as its own history's header says.
    package init(cluster: Cluster, run: HistoryHeader, history: String) throws {
        self.history = history
        self.cluster = cluster
        var header = run
        header.configuration = "nemesis of \(cluster.name)"
        self.writer = try HistoryWriter(path: history, header: header)
    }

    /// Kills the node, leaves it dead for so long, and starts it again.
    ///
    /// - Returns: how long it took from its start until it served.
    @discardableResult
    package func kill(
        _ node: Node, deadFor: Duration, tell: (String) -> Void
    ) throws -> Duration {
        let fault = Fault(name: "kill", target: node.name)
        let pid = node.process?.pid ?? 0
        try self.record(.faultBegan(fault))
        try node.kill()
        tell("\(node.name) killed (kill -9, pid \(pid))")
        _ = try wait(atMost: deadFor) { false }
        let clock = SuspendingClock()
        let began = clock.now
        try self.cluster.restart([node]) { _ in }
        let took = began.duration(to: clock.now)
        let now = node.process?.pid ?? 0
        tell("\(node.name) serves again (pid \(now), \(Timeline.seconds(took)) s after its start)")
        try self.record(.faultEnded(fault, proof: "pid \(pid) ended by SIGKILL, now pid \(now)"))
        return took
    }

    /// Kills a client that is a member of a group: the group hears of it by the closed connection.
    /// The history says so first: its messages may reach others before the kill has returned.
    package func kill(_ client: ToolProcess, _ member: Member) throws {
        try self.record(.left(member))
        client.kill()
        let ending = try client.end(within: .seconds(10))
        guard ending == .killed(by: SIGKILL) else {
            throw client.problem("should have been killed, but had ended by itself")
        }
    }

    /// Breaks something and mends it, in `body`, which says what proves that it happened; without
    /// a proof the checker does not let the run pass.
    package func during(_ fault: Fault, _ body: () throws -> String) throws {
        try self.record(.faultBegan(fault))
        let proof = try body()
        try self.record(.faultEnded(fault, proof: proof))
    }

    private func record(_ kind: HistoryEvent.Kind) throws {
        try self.writer.append(HistoryEvent(at: Recorder.now, kind).line)
    }
}
