import BrokerEngine
import Logging
import MessageFormat
import Monitoring
import NIOCore
import NIOPosix
import PeerTransport
import RemotingProtocol
import RemotingTransport
import Storage

/// Puts a broker's parts together. What was started is taken down again when a later step fails.
final class BrokerStart {
    private let configuration: BrokerConfiguration
    private let logger: Logger
    private var undo: [@Sendable () async -> Void] = []

    private let (failures, failed) = AsyncStream.makeStream(of: (any Error).self)
    private let (readiness, ready) = AsyncStream.makeStream(of: Void.self)
    private let (closures, closed) = AsyncStream.makeStream(of: String.self)
    private var timers: [RepeatedTask] = []
    private var pools: [NIOThreadPool] = []

    private static let tickPeriod = TimeAmount.milliseconds(50)

    init(_ configuration: BrokerConfiguration, _ logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    func run() async throws -> RunningBroker {
        do {
            return try await self.start()
        } catch {
            for step in self.undo.reversed() { await step() }
            throw error
        }
    }

    private func start() async throws -> RunningBroker {
        try self.configuration.checkPorts()
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: self.configuration.ioThreads)
        self.undo.append { try? await loops.shutdownGracefully() }
        try await self.configuration.probePorts(on: loops)
        let door = BrokerDoor(loop: loops.next())
        let monitor = BrokerMonitor(self.configuration, door: door, loops: loops)
        let monitorServer = try await self.start(monitor)

        var options = LogStore.Options()
        options.segmentBytes = self.configuration.segmentBytes
        let store = try LogStore.open(
            directory: self.configuration.dataDirectory, options: options, logger: self.logger)
        self.undo.append { store.close() }
        _ = try self.configuration.settings(segmentBytes: store.segmentBytes)

        let membership = try await self.membership(store, door, loops)
        let worker = try await self.startWorker(store, membership, door, loops)
        let server = try await self.listen(door, loops)
        let listener = try await self.listenForReplicas(membership, door, loops)
        await self.startBeating(membership, door)
        monitor.served()
        return RunningBroker(
            server: server, listener: listener, monitor: monitorServer, door: door,
            registrar: worker.registrar,
            clients: [worker.client] + (membership.map { [$0.enrolment.caller.client] } ?? []),
            loops: loops, pools: self.pools, timers: self.timers, failures: self.failures,
            readiness: self.readiness)
    }
}

extension BrokerStart {
    /// The first of all ports: a broker that takes long to start says so there.
    private func start(_ monitor: BrokerMonitor) async throws -> MonitorServer? {
        do {
            let server = try await MonitorServer.start(
                at: self.configuration.monitor, source: monitor, logger: self.logger)
            self.undo.append { await server?.close() }
            return server
        } catch {
            throw ConfigurationError("\(error)")
        }
    }
}

// MARK: - The group

extension BrokerStart {
    /// What is known of the group before the engine is there.
    private struct Membership {
        let identity: BrokerIdentity
        let enrolment: Enrolment
    }

    /// Waits for the controllers only when this directory has no id yet.
    private func membership(
        _ store: LogStore, _ door: BrokerDoor, _ loops: MultiThreadedEventLoopGroup
    ) async throws -> Membership? {
        guard !self.configuration.controllers.isEmpty else {
            _ = try BrokerIdentity.read(of: store, for: self.configuration)
            return nil
        }
        var options = RemotingClientOptions()
        options.connectTime = .milliseconds(500)
        let client = RemotingClient(
            group: loops, options: options, logger: self.logger,
            onRequest: { command, _ in Self.notified(command, door) })
        self.undo.append { await client.shutdown() }
        let enrolment = Enrolment(
            caller: ControllerCaller(client: client, addresses: self.configuration.controllers),
            configuration: self.configuration, store: store, logger: self.logger)
        return Membership(identity: try await enrolment.identity(), enrolment: enrolment)
    }

    private static func notified(_ command: ReceivedCommand, _ door: BrokerDoor) {
        guard command.code == RequestCode.notifyBrokerRoleChanged.rawValue,
            let notification = try? RoleChangedNotification(command)
        else { return }
        door.onLoop { $0.group?.controllers?.heard(notification.view) }
    }

    private func listenForReplicas(
        _ membership: Membership?, _ door: BrokerDoor, _ loops: MultiThreadedEventLoopGroup
    ) async throws -> PeerListener? {
        guard membership != nil else { return nil }
        let (host, port) = (
            self.configuration.listenHost, self.configuration.replicationListenPort
        )
        var limits = PeerLinkLimits()
        limits.receivedPayloadBytesMax = Self.replicaWordBytesMax
        do {
            let listener = try await PeerListener.bind(
                host: host, port: port, group: loops, delegate: ReplicationDoor(door: door),
                limits: limits, logger: self.logger)
            self.undo.append { await listener.close() }
            return listener
        } catch {
            throw self.configuration.cannotListen(on: port, "haListenPort", error)
        }
    }

    /// Replicas say hello and acknowledge; only masters send bytes of the log.
    private static let replicaWordBytesMax = 16 << 10

    /// From here on the controllers hear of this broker.
    private func startBeating(_ membership: Membership?, _ door: BrokerDoor) async {
        guard let membership else {
            self.ready.yield()
            return
        }
        let (logger, ready) = (self.logger, self.ready)
        try? await door.loop.submit {
            guard let worker = door.worker else { return }
            worker.group?.controllers = ControllerLink(
                caller: membership.enrolment.caller, enrolment: membership.enrolment,
                identity: membership.identity,
                incarnation: worker.engine.settings.group?.incarnation ?? 0, worker: worker,
                logger: logger, onRegistered: { ready.yield() })
        }.get()
        self.timers.append(
            door.loop.scheduleRepeatedTask(initialDelay: .zero, delay: ControllerLink.period) { _ in
                door.worker?.beat()
            })
    }
}

// MARK: - The worker

extension BrokerStart {
    private func startWorker(
        _ store: LogStore, _ membership: Membership?, _ door: BrokerDoor,
        _ loops: MultiThreadedEventLoopGroup
    ) async throws -> (registrar: NameServerRegistrar, client: RemotingClient) {
        let rebuilding = LogRebuilding(
            configuration: self.configuration, identity: membership?.identity,
            logger: self.logger,
            onCompletion: { completion, generation in
                door.loop.execute { door.worker?.completed(completion, of: generation) }
            })
        let log = try rebuilding.start(store, generation: 0)
        self.undo.append { log.writer.stop() }

        let closed = self.closed
        let client = RemotingClient(
            group: loops, logger: self.logger, onRequest: { _, _ in },
            onClosed: { closed.yield($0) })
        self.undo.append { await client.shutdown() }
        let registrar = NameServerRegistrar(
            client: client, nameServers: self.configuration.nameServers,
            identity: RegistrarIdentity(self.configuration), lostConnections: self.closures,
            logger: self.logger,
            controllers: { [caller = membership?.enrolment.caller] in caller?.members ?? [] },
            table: { await door.registration() })
        let outside = self.outside(client, registrar)
        let readers = membership == nil ? nil : self.pool()
        let logger = self.logger
        try await door.loop.submit {
            let group = readers.map { pool in
                GroupHands(
                    door: door, readers: { work in pool.submit { _ in work() } },
                    rebuilding: rebuilding)
            }
            door.worker = BrokerWorker(
                log: log, group: group, loop: door.loop, outside: outside, logger: logger)
            door.worker?.lookAtDisk()
            door.worker?.turn()
        }.get()
        self.undo.append { try? await door.loop.submit { door.worker = nil }.get() }
        self.timers.append(
            door.loop.scheduleRepeatedTask(
                initialDelay: Self.tickPeriod, delay: Self.tickPeriod
            ) { _ in door.worker?.tick() })
        return (registrar, client)
    }

    private func outside(
        _ client: RemotingClient, _ registrar: NameServerRegistrar
    ) -> BrokerOutside {
        let (configuration, logger, failed) = (self.configuration, self.logger, self.failed)
        let background = self.pool()
        return BrokerOutside(
            register: { Task { await registrar.announce() } },
            spread: { config in
                let spreader = TopicSpreader(
                    client: client, nameServers: configuration.nameServers,
                    clusterName: configuration.clusterName, ownName: configuration.brokerName,
                    logger: logger)
                Task { await spreader.spread(config) }
            },
            lookUpRoute: { topic, done in
                let lookup = RouteLookup(client: client, nameServers: configuration.nameServers)
                Task { done(await lookup.route(of: topic)) }
            },
            call: { command, address, timeout, done in
                if command.flag & CommandFlag.oneWay != 0 {
                    client.sendOneWay(command, to: address, timeout: timeout)
                } else {
                    client.call(command, to: address, timeout: timeout, completion: done)
                }
            },
            background: { work in background.submit { _ in work() } },
            stop: { failed.yield($0) })
    }

    /// One thread: what is begun on it is done in that order.
    private func pool() -> NIOThreadPool {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        self.pools.append(pool)
        self.undo.append { try? await pool.shutdownGracefully() }
        return pool
    }

    private func listen(
        _ door: BrokerDoor, _ loops: MultiThreadedEventLoopGroup
    ) async throws -> RemotingServer {
        let (host, port) = (self.configuration.listenHost, self.configuration.port)
        do {
            let server = try await RemotingServer.bind(
                host: host, port: port, group: loops, delegate: door, options: self.serverOptions,
                logger: self.logger)
            self.undo.append { await server.close() }
            return server
        } catch {
            throw self.configuration.cannotListen(on: port, "listenPort", error)
        }
    }

    private var serverOptions: RemotingServerOptions {
        var options = RemotingServerOptions()
        options.connectionsMax = self.configuration.connectionsMax
        options.connections.idleTime = self.configuration.idleTime
        return options
    }
}
