import BrokerEngine
import Logging
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import Storage

/// The parts of a broker that is up, and how they are put together and taken down.
struct RunningBroker: Sendable {
    let server: RemotingServer
    let door: BrokerDoor
    let registrar: NameServerRegistrar
    let client: RemotingClient
    let store: LogStore
    let writer: StoreWriter
    let group: MultiThreadedEventLoopGroup
    let background: NIOThreadPool
    let ticker: RepeatedTask
    /// At most one: the failure of the disk that ends the broker.
    let failures: AsyncStream<StorageError>

    private static let tickPeriod = TimeAmount.milliseconds(50)

    static func start(
        _ configuration: BrokerConfiguration, _ logger: Logger
    ) async throws -> RunningBroker {
        var options = LogStore.Options()
        options.segmentBytes = configuration.segmentBytes
        let store = try LogStore.open(
            directory: configuration.dataDirectory, options: options, logger: logger)
        do {
            return try await Self.start(configuration, store, logger)
        } catch {
            store.close()
            throw error
        }
    }

    private static func start(
        _ configuration: BrokerConfiguration, _ store: LogStore, _ logger: Logger
    ) async throws -> RunningBroker {
        let settings = try configuration.settings(segmentBytes: store.segmentBytes)
        var engine = BrokerEngine(settings: settings, logID: store.logID, at: Clock.now())
        try Recovery(store: store, logger: logger).run(&engine)

        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.ioThreads)
        let loop = group.next()
        let door = BrokerDoor(loop: loop)
        let writer = try StoreWriter.start(store) { completion in
            loop.execute { door.worker?.completed(completion) }
        }
        let (failures, failed) = AsyncStream.makeStream(of: StorageError.self)
        let (closures, closed) = AsyncStream.makeStream(of: String.self)
        let client = RemotingClient(
            group: group, logger: logger, onRequest: { _, _ in }, onClosed: { closed.yield($0) })
        let background = NIOThreadPool(numberOfThreads: 1)
        background.start()
        let registrar = NameServerRegistrar(
            client: client, nameServers: configuration.nameServers,
            identity: RegistrarIdentity(configuration), lostConnections: closures, logger: logger,
            table: { await door.registration() })
        let outside = BrokerOutside(
            register: { Task { await registrar.announce() } },
            spread: { config in
                let spreader = TopicSpreader(
                    client: client, nameServers: configuration.nameServers,
                    clusterName: configuration.clusterName, ownName: configuration.brokerName,
                    logger: logger)
                Task { await spreader.spread(config) }
            },
            background: { work in background.submit { _ in work() } },
            stop: { failed.yield($0) })
        let made = engine
        try await loop.submit {
            door.worker = BrokerWorker(
                engine: made, store: store, writer: writer, loop: loop, outside: outside,
                logger: logger)
            door.worker?.turn()
        }.get()
        let ticker = loop.scheduleRepeatedTask(
            initialDelay: Self.tickPeriod, delay: Self.tickPeriod
        ) { _ in door.worker?.tick() }
        let server: RemotingServer
        do {
            server = try await RemotingServer.bind(
                host: configuration.listenHost, port: configuration.port, group: group,
                delegate: door, logger: logger)
        } catch {
            ticker.cancel()
            writer.stop()
            await client.shutdown()
            try? await background.shutdownGracefully()
            try? await group.shutdownGracefully()
            throw ConfigurationError(
                "cannot listen on \(configuration.listenHost):\(configuration.port): \(error)")
        }
        return RunningBroker(
            server: server, door: door, registrar: registrar, client: client, store: store,
            writer: writer,
            group: group, background: background, ticker: ticker, failures: failures)
    }

    /// No new requests; what was taken is written and answered; then everything closes.
    func stop() async {
        self.server.stopAccepting()
        await self.door.settle()
        await self.client.shutdown()
        await self.server.close()
        self.ticker.cancel()
        self.writer.stop()
        self.store.close()
        try? await self.background.shutdownGracefully()
        try? await self.group.shutdownGracefully()
    }
}

extension RegistrarIdentity {
    init(_ configuration: BrokerConfiguration) {
        self.init(
            clusterName: configuration.clusterName, brokerName: configuration.brokerName,
            brokerID: 0, address: configuration.advertisedAddress)
    }
}

/// Brings what happens on connections to the worker's event loop.
///
/// Invariant: `worker` is touched on `loop` only.
final class BrokerDoor: RemotingServerDelegate, Sendable {
    private let loop: any EventLoop
    private let box: NIOLoopBoundBox<BrokerWorker?>

    init(loop: any EventLoop) {
        self.loop = loop
        self.box = .makeEmptyBox(valueType: BrokerWorker.self, eventLoop: loop)
    }

    var worker: BrokerWorker? {
        get { self.box.value }
        set { self.box.value = newValue }
    }

    func opened(_ connection: RemotingConnection) {
        self.onLoop { $0.opened(connection) }
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        self.onLoop { $0.received(commands, from: connection) }
    }

    func closed(_ connection: RemotingConnection) {
        self.onLoop { $0.closed(connection) }
    }

    /// Inline when the connection lives on the worker's loop, which is the usual case.
    private func onLoop(_ body: @escaping @Sendable (BrokerWorker) -> Void) {
        if self.loop.inEventLoop {
            if let worker = self.worker { body(worker) }
        } else {
            self.loop.execute { if let worker = self.worker { body(worker) } }
        }
    }

    /// Refuses further sends, and waits a little until those that were taken are answered.
    func settle() async {
        for _ in 0..<100 {
            let isSettled = try? await self.loop.submit {
                guard let worker = self.worker, !worker.hasFailed else { return true }
                worker.isStopping = true
                worker.lookAtDisk()
                worker.engine.gatherAllOffsets()
                worker.turn()
                return worker.engine.isSettled
            }.get()
            if isSettled ?? true { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// What name servers are told: all topics, as they are now.
    func registration() async -> RegisterBrokerBody {
        let body = try? await self.loop.submit {
            self.worker?.engine.registration
        }.get()
        return body
            ?? RegisterBrokerBody(
                topics: [], dataVersion: DataVersion(timestamp: Timestamp(milliseconds: 0)))
    }
}
