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
        let client = RemotingClient(
            group: group, logger: logger, onRequest: { _, _ in }, onClosed: { _ in })
        let background = NIOThreadPool(numberOfThreads: 1)
        background.start()
        let registrar = NameServerRegistrar(
            client: client, nameServers: configuration.nameServers,
            identity: RegistrarIdentity(configuration), logger: logger,
            table: { await door.registration(of: nil) })
        let outside = BrokerOutside(
            register: { topics in
                Task { await registrar.announce(await door.registration(of: topics)) }
            },
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
        let server = try await RemotingServer.bind(
            host: configuration.listenHost, port: configuration.port, group: group,
            delegate: door, logger: logger)
        return RunningBroker(
            server: server, registrar: registrar, client: client, store: store, writer: writer,
            group: group, background: background, ticker: ticker, failures: failures)
    }

    /// No new requests; what was taken is written and answered; then everything closes.
    func stop() async {
        self.server.stopAccepting()
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

    /// What name servers are told: these topics, or all of them.
    func registration(of topics: [TopicConfig]?) async -> RegisterBrokerBody {
        let body = try? await self.loop.submit {
            self.worker?.engine.registration(of: topics)
        }.get()
        return body
            ?? RegisterBrokerBody(
                topics: [], dataVersion: DataVersion(timestamp: Timestamp(milliseconds: 0)))
    }
}
