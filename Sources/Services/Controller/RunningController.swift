import ControllerEngine
import Glibc
import Logging
import Monitoring
import NIOCore
import NIOPosix
import PeerTransport
import Raft
import RemotingProtocol
import RemotingTransport
import Storage

/// The parts of a controller that is up, and how they are put together and taken down.
struct RunningController: Sendable {
    let id: String
    let address: String
    let server: RemotingServer
    let listener: PeerListener
    /// Nil: it is off.
    let monitor: MonitorServer?
    let door: ControllerDoor
    let group: MultiThreadedEventLoopGroup
    let ticker: RepeatedTask
    /// At most one: what ends the controller.
    let failures: AsyncStream<any Error>

    private static let tickPeriod = TimeAmount.milliseconds(10)

    static func start(
        _ configuration: ControllerConfiguration, _ logger: Logger
    ) async throws -> RunningController {
        let (id, endpoint) = try configuration.checkedSelf()
        let host = configuration.listenHost ?? endpoint.host
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let door = ControllerDoor(loop: loop)
        let (failures, failed) = AsyncStream.makeStream(of: (any Error).self)
        let monitor = ControllerMonitor(door: door, id: id)
        var monitorServer: MonitorServer?
        do {
            monitorServer = try await Self.start(monitor, configuration, logger)
            try await loop.submit {
                door.worker = try Self.worker(
                    configuration, id: NodeID(id), loop: loop, logger: logger
                ) { failed.yield($0) }
            }.get()
            let listener = try await Self.listen(host, endpoint.raftPort) {
                try await door.listen(
                    host: host, port: endpoint.raftPort, logger: logger)
            }
            let server = try await Self.listen(host, endpoint.port) {
                try await RemotingServer.bind(
                    host: host, port: endpoint.port, group: loop, delegate: door, logger: logger)
            }
            let ticker = loop.scheduleRepeatedTask(
                initialDelay: .zero, delay: Self.tickPeriod
            ) { _ in door.worker?.tick() }
            monitor.served()
            return RunningController(
                id: id, address: "\(host):\(server.port)", server: server, listener: listener,
                monitor: monitorServer, door: door, group: group, ticker: ticker, failures: failures
            )
        } catch {
            await monitorServer?.close()
            await door.leave()
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// A leader hands over first; then everything closes.
    func stop() async {
        self.server.stopAccepting()
        await self.door.handOver()
        self.ticker.cancel()
        await self.server.close()
        await self.listener.close()
        await self.monitor?.close()
        await self.door.leave()
        try? await self.group.shutdownGracefully()
    }

    private static func worker(
        _ configuration: ControllerConfiguration, id: NodeID, loop: any EventLoop, logger: Logger,
        stop: @escaping @Sendable (any Error) -> Void
    ) throws -> ControllerWorker {
        let (store, stored) = try RaftStore.open(
            directory: configuration.dataDirectory,
            identity: RaftIdentity(group: configuration.groupName, node: id.value), logger: logger)
        let membership = Membership(voters: configuration.peers.map { NodeID($0.id) })
        let settings = ControllerSettings(
            id: id, peers: configuration.peers, raft: RaftSettings(firstMembership: membership),
            groupName: configuration.groupName)
        let engine = try ControllerEngine(
            settings: settings, restored: try RaftRestored(stored),
            seed: UInt64.random(in: 0...UInt64.max), at: Clock.now())
        return ControllerWorker(
            engine: engine, store: store, loop: loop, logger: logger, stop: stop)
    }

    private static func start(
        _ monitor: ControllerMonitor, _ configuration: ControllerConfiguration, _ logger: Logger
    ) async throws(ControllerConfigurationError) -> MonitorServer? {
        do {
            return try await MonitorServer.start(
                at: configuration.monitor, source: monitor, logger: logger)
        } catch {
            throw ControllerConfigurationError(error.description)
        }
    }

    private static func listen<Server>(
        _ host: String, _ port: Int, _ bind: () async throws -> Server
    ) async throws -> Server {
        do {
            return try await bind()
        } catch {
            let reason =
                (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw ControllerConfigurationError("cannot listen on \(host):\(port): \(reason)")
        }
    }
}

/// Brings what happens on connections to the worker's event loop, on which they all live.
final class ControllerDoor: RemotingServerDelegate, Sendable {
    private static let handOverTime = Duration.milliseconds(1_000)

    private let loop: any EventLoop
    private let box: NIOLoopBoundBox<ControllerWorker?>

    init(loop: any EventLoop) {
        self.loop = loop
        self.box = .makeEmptyBox(valueType: ControllerWorker.self, eventLoop: loop)
    }

    var worker: ControllerWorker? {
        get { self.box.value }
        set { self.box.value = newValue }
    }

    func opened(_ connection: RemotingConnection) { self.worker?.opened(connection) }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        self.worker?.received(commands, from: connection)
    }

    func closed(_ connection: RemotingConnection) { self.worker?.closed(connection) }

    func listen(host: String, port: Int, logger: Logger) async throws -> PeerListener {
        let peers = try await self.loop.submit {
            self.worker?.peers.map { PeerDoor($0, loop: self.loop) }
        }.get()
        guard let peers else { throw CancellationError() }
        return try await PeerListener.bind(
            host: host, port: port, group: self.loop, delegate: peers,
            limits: PeerLinks.linkLimits, logger: logger)
    }

    /// Nil: there is no worker any more.
    func ask<Answer: Sendable>(
        _ question: @escaping @Sendable (ControllerWorker) -> Answer
    ) async -> Answer? {
        (try? await self.loop.submit { self.worker.map(question) }.get()) ?? nil
    }

    /// Returns when another controller leads, or none can be found.
    func handOver() async {
        let pause = Duration.milliseconds(10)
        for _ in 0..<Int(Self.handOverTime / pause) {
            let isDone = try? await self.loop.submit {
                guard let worker = self.worker, !worker.hasFailed else { return true }
                return worker.handOver()
            }.get()
            if isDone ?? true { return }
            try? await Task.sleep(for: pause)
        }
    }

    /// Closes the links that this side opened, and gives the directory back.
    func leave() async {
        try? await self.loop.submit {
            self.worker?.peers?.close()
            self.worker = nil
        }.get()
    }
}
