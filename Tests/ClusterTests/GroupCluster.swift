import Chaos
import Controller
import Foundation
import MessageFormat
import NIOCore
import NIOPosix
import NameServer
import RemotingProtocol
import Storage
import Testing

@testable import Broker

/// Three controllers, a name server and the brokers of one group as tasks of the test's process,
/// with real sockets and real files.
final class GroupCluster {
    struct Member {
        var configuration: BrokerConfiguration
        var running: RunningBroker?
        var registering: Task<Void, Never>?
    }

    let directory = NSTemporaryDirectory() + "apus-group-\(UUID().uuidString)"
    let access: ClusterAccess
    private(set) var members: [String: Member] = [:]
    private let nameServer: String
    private let controllers: [String]
    private let peers: [ControllerPeer]
    private var controllerTasks: [Task<Void, any Error>] = []
    private var tasks: [Task<Void, any Error>] = []
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init() async throws {
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        var configuration = NameServerConfiguration()
        configuration.port = 0
        let server = NameServer(
            configuration: configuration, logger: InProcessCluster.quiet(),
            onReady: { _, port in ready.yield(port) })
        self.tasks.append(Task { try await server.run() })
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        self.nameServer = "127.0.0.1:\(port)"
        self.access = ClusterAccess(
            nameServers: [self.nameServer], group: self.group, logger: InProcessCluster.quiet())
        let peers = try (0..<3).map {
            ControllerPeer(id: "n\($0)", address: "127.0.0.1:\(try ReservedPorts.pair())")
        }
        self.controllers = peers.map(\.address)
        self.peers = peers
        for peer in peers { self.startController(peer, of: peers) }
    }

    /// All controllers stop, and start again with empty disks.
    func wipeControllers() async throws {
        await self.stopControllers()
        for peer in self.peers {
            try FileManager.default.removeItem(atPath: "\(self.directory)/\(peer.id)")
        }
        for peer in self.peers { self.startController(peer, of: self.peers) }
    }

    private func stopControllers() async {
        for task in self.controllerTasks { task.cancel() }
        for task in self.controllerTasks { _ = await task.result }
        self.controllerTasks = []
    }

    private func startController(_ peer: ControllerPeer, of peers: [ControllerPeer]) {
        var configuration = ControllerConfiguration()
        configuration.id = peer.id
        configuration.peers = peers
        configuration.dataDirectory = "\(self.directory)/\(peer.id)"
        let controller = Controller(
            configuration: configuration, logger: InProcessCluster.quiet())
        self.controllerTasks.append(Task { try await controller.run() })
    }

    /// Starts a broker, or starts it again on the same files and port; returns when it is ready.
    func start(_ name: String, _ change: (inout BrokerConfiguration) -> Void = { _ in })
        async throws
    {
        var configuration = self.members[name]?.configuration ?? BrokerConfiguration()
        if self.members[name] == nil {
            configuration.nameServers = [self.nameServer]
            configuration.controllers = self.controllers
            configuration.port = try ReservedPorts.pair()
            configuration.dataDirectory = self.data(of: name)
            configuration.segmentBytes = 1 << 20  // so that it rolls
        }
        change(&configuration)
        let running = try await BrokerStart(configuration, InProcessCluster.quiet()).run()
        self.members[name] = Member(
            configuration: configuration, running: running,
            registering: Task { await running.registrar.run() })
        _ = await running.readiness.first { true }
    }

    /// As SIGTERM does it.
    func stop(_ name: String) async {
        guard let running = self.members[name]?.running else { return }
        await running.door.handOver()
        await self.end(name, running)
    }

    /// From one moment to the next nothing is answered, acknowledged or written any more.
    func crash(_ name: String) async throws {
        guard let running = self.members[name]?.running else { return }
        try await running.door.loop.submit { running.door.worker?.fail(Crash()) }.get()
        await self.end(name, running)
    }

    struct Crash: Error {}

    private func end(_ name: String, _ running: RunningBroker) async {
        self.members[name]?.registering?.cancel()
        await self.members[name]?.registering?.value
        await running.stop()
        self.members[name]?.running = nil
    }

    func data(of name: String) -> String { "\(self.directory)/\(name)" }

    func address(of name: String) -> String {
        self.members[name]?.configuration.advertisedAddress ?? ""
    }

    /// The broker that is master, once the name server says so, too.
    func master(but former: String? = nil) async -> String? {
        var found: String?
        _ = await eventually {
            let addresses = try? await self.access.masters().map(\.address)
            found = self.members.keys.sorted().first { name in
                name != former && addresses?.contains(self.address(of: name)) == true
            }
            return found != nil
        }
        return found
    }

    /// Waits until the log of a broker ends where the master's does.
    func hasCaughtUp(_ name: String, with master: String) async throws -> Bool {
        try await eventually {
            let (own, other) = (try await self.logEnd(of: name), try await self.logEnd(of: master))
            return own != nil && own == other
        }
    }

    /// What the controllers' leader knows of the group.
    func groupState() async -> GroupReplicas? {
        let request = SyncStateDataRequest(brokerNames: []).command
        for address in self.controllers {
            guard let answer = try? await self.access.call(request, to: address),
                let data = try? SyncStateData(bodyOf: answer)
            else { continue }
            return data.groups.values.first
        }
        return nil
    }

    /// The epoch that a broker obeys.
    func epoch(of name: String) async throws -> Epoch? {
        guard let door = self.members[name]?.running?.door else { return nil }
        return try await door.loop.submit { door.worker?.currentCheckpoint?.masterEpoch }.get()
    }

    private func logEnd(of name: String) async throws -> PhysicalOffset? {
        guard let door = self.members[name]?.running?.door else { return nil }
        return try await door.loop.submit { door.worker?.currentCheckpoint?.confirmed }.get()
    }

    /// Waits until there is a master with enough replicas in step.
    func takesMessages() async -> Bool {
        await eventually {
            guard let master = await self.master() else { return false }
            let probe = TopicConfig(name: "probe", readQueues: 1, writeQueues: 1)
            do {
                try await self.access.putTopic(probe, at: self.address(of: master))
                return true
            } catch {
                return false
            }
        }
    }

    func shutdown() async throws {
        await self.access.shutdown()
        for (name, member) in self.members {
            if let running = member.running { await self.end(name, running) }
        }
        await self.stopControllers()
        for task in self.tasks { task.cancel() }
        for task in self.tasks { _ = await task.result }
        try await self.group.shutdownGracefully()
        try? FileManager.default.removeItem(atPath: self.directory)
    }
}

/// Runs `body` on a group of three brokers, and takes it down whatever happens.
func withGroup(
    configured change: (inout BrokerConfiguration) -> Void = { _ in },
    _ body: (GroupCluster) async throws -> Void
) async throws {
    let cluster = try await GroupCluster()
    do {
        for name in ["one", "two", "three"] { try await cluster.start(name, change) }
        #expect(await cluster.takesMessages(), "the group has come together")
        try await body(cluster)
    } catch {
        try? await cluster.shutdown()
        throw error
    }
    try await cluster.shutdown()
}
