import Broker
import Chaos
import Foundation
import Logging
import NIOCore
import NIOPosix
import NameServer
import Testing

/// Name server and brokers as tasks of the test's process, on free loopback ports, with real
/// sockets and real files in a directory of their own.
final class InProcessCluster {
    let directory: String
    let nameServer: String
    let access: ClusterAccess
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private var nameServerTask: Task<Void, any Error>
    private var brokers:
        [String: (configuration: BrokerConfiguration, task: Task<Void, any Error>)] =
            [:]

    static func quiet() -> Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    init() async throws {
        self.directory = NSTemporaryDirectory() + "apus-cluster-\(UUID().uuidString)"
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        var configuration = NameServerConfiguration()
        configuration.port = 0
        let server = NameServer(
            configuration: configuration, logger: Self.quiet(),
            onReady: { _, port in ready.yield(port) })
        self.nameServerTask = Task { try await server.run() }
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        self.nameServer = "127.0.0.1:\(port)"
        self.access = ClusterAccess(
            nameServers: [self.nameServer], group: self.group, logger: Self.quiet())
    }

    /// Starts a broker, or starts it again on the same files and port.
    @discardableResult
    func start(
        _ name: String, _ change: (inout BrokerConfiguration) -> Void = { _ in }
    ) async throws -> String {
        var configuration: BrokerConfiguration
        if let known = self.brokers[name]?.configuration {
            configuration = known
        } else {
            configuration = BrokerConfiguration()
            configuration.nameServers = [self.nameServer]
            configuration.brokerName = name
            configuration.port = try ReservedPorts.one()
            configuration.dataDirectory = "\(self.directory)/\(name)"
        }
        change(&configuration)
        let (addresses, ready) = AsyncStream.makeStream(of: String.self)
        let broker = Broker(
            configuration: configuration, logger: Self.quiet(), onReady: { ready.yield($0) })
        let task = Task {
            defer { ready.finish() }
            try await broker.run()
        }
        self.brokers[name] = (configuration, task)
        guard let address = await addresses.first(where: { _ in true }) else {
            try await task.value
            throw CancellationError()
        }
        return address
    }

    func stop(_ name: String) async throws {
        self.brokers[name]?.task.cancel()
        try await self.brokers[name]?.task.value
    }

    func data(of name: String) -> String { "\(self.directory)/\(name)" }

    /// Ends everything and removes the files.
    func shutdown() async throws {
        await self.access.shutdown()
        for name in self.brokers.keys { try await self.stop(name) }
        self.nameServerTask.cancel()
        try await self.nameServerTask.value
        try await self.group.shutdownGracefully()
        try? FileManager.default.removeItem(atPath: self.directory)
    }
}

/// Runs `body` on a cluster with these brokers, and takes it down whatever happens.
func withCluster(
    brokers: [String] = ["broker-a"], _ body: (InProcessCluster) async throws -> Void
) async throws {
    let cluster = try await InProcessCluster()
    do {
        for name in brokers { try await cluster.start(name) }
        let isUp = await eventually {
            (try? await cluster.access.masters().count) == brokers.count
        }
        #expect(isUp, "the brokers have registered")
        try await body(cluster)
    } catch {
        try? await cluster.shutdown()
        throw error
    }
    try await cluster.shutdown()
}

/// Waits until a condition holds, for at most `limit`. Returns whether it did.
func eventually(
    within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return try await condition()
}
