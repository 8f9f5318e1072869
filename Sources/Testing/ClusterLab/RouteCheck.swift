import Chaos
import Logging
import NIOPosix
import RemotingProtocol

extension Cluster {
    /// A broker registers at once when it has started, and again at its next turn if a name
    /// server was not there yet.
    private static let routedWithin: Duration = .seconds(20)

    /// Waits until every name server that runs knows every broker that runs: from then on clients
    /// find everything, whichever name server they ask.
    package func waitUntilRouted() async throws {
        let running = self.nodes.filter { $0.state == .running }
        let brokers = Set(running.filter { $0.plan.kind == .broker }.map(\.name))
        for nameServer in running where nameServer.plan.kind == .nameServer {
            try await self.waitUntil(nameServer, knows: brokers)
        }
    }

    private func waitUntil(_ nameServer: Node, knows brokers: Set<String>) async throws {
        let access = ClusterAccess(
            nameServers: ["\(ClusterPlan.host):\(nameServer.plan.port)"],
            group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(2),
            logger: Logger(label: "apus-lab", factory: { _ in SwiftLogNoOpLogHandler() }))
        let clock = SuspendingClock()
        let deadline = clock.now + Self.routedWithin
        var missing = brokers
        repeat {
            if let info = try? await access.clusterInfo() {
                missing = brokers.subtracting(info.brokers.keys)
            }
            if missing.isEmpty || Interrupt.isRequested { break }
            try await Task.sleep(for: .milliseconds(50))
        } while clock.now < deadline
        await access.shutdown()
        try Interrupt.check()
        guard missing.isEmpty else {
            throw LabError.failed(
                "\(nameServer.name) does not know \(missing.sorted().joined(separator: ", ")) "
                    + "after \(Self.routedWithin); see cluster/launch logs \(nameServer.name)")
        }
    }
}
