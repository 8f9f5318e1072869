public import ApusClient
import BrokerEngine
import LogCore
import Logging
import MessageFormat
import NIOCore
import NIOPosix
import RemotingTransport
import Synchronization

/// A broker and a name server for tests, in the test's own process.
///
/// ```swift
/// let broker = try await TestBroker.start()
/// let producer = Producer(broker.configuration)
/// try await producer.send(Message(topic: "orders", body: "two coffees"))
/// #expect(await broker.messages(in: "orders").count == 1)
/// await producer.close()
/// await broker.stop()
/// ```
///
/// It decides with the code of the real broker, so retries, delays, transactions, pops and filters
/// are what a cluster makes of them; clients connect over loopback. There is no disk: the log is
/// in memory, and what an answer promises survives `restart()`, not the process. Each test can have
/// a broker of its own; it starts within milliseconds.
public final class TestBroker: Sendable {
    private let loop: any EventLoop
    private let door: BrokerDoor
    private let nameServer: RemotingServer
    private let port: Int
    private let server: Mutex<RemotingServer?>
    private let ticks: Mutex<RepeatedTask?>

    /// What clients of this broker are made with.
    public let configuration: ApusClient.Configuration

    private init(
        loop: any EventLoop, door: BrokerDoor, nameServer: RemotingServer, server: RemotingServer
    ) {
        self.loop = loop
        self.door = door
        self.nameServer = nameServer
        self.port = server.port
        self.server = Mutex(server)
        self.configuration = ApusClient.Configuration(
            nameServers: "\(Self.host):\(nameServer.port)")
        self.ticks = Mutex(
            loop.scheduleRepeatedTask(initialDelay: Self.tickTime, delay: Self.tickTime) { _ in
                door.hands?.tick()
            })
    }

    private static let host = "127.0.0.1"
    private static let tickTime = TimeAmount.milliseconds(10)
    private static let segmentBytes = 64 << 20
    private static let quiet = Logger(label: "apus.testing") { _ in SwiftLogNoOpLogHandler() }

    /// Starts a broker on free ports of the loopback.
    ///
    /// - Parameter createsTopics: whether the first message makes its topic. Without, use
    ///   `Admin.createTopic`.
    /// - Throws: an error of the system when no port can be had.
    public static func start(createsTopics: Bool = true) async throws -> TestBroker {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let door = BrokerDoor(loop: loop)
        let nameServer = try await Self.listen(NameServerDoor(door: door), on: loop)
        let server: RemotingServer
        do {
            server = try await Self.listen(door, on: loop)
        } catch {
            await nameServer.close()
            throw error
        }
        let broker = TestBroker(loop: loop, door: door, nameServer: nameServer, server: server)
        let names = BrokerNames(address: "\(Self.host):\(server.port)")
        let settings = Self.settings(names, port: server.port, createsTopics)
        try await loop.submit { try door.open(settings, names) }.get()
        return broker
    }

    private static func listen(
        _ delegate: any RemotingServerDelegate, on loop: any EventLoop, port: Int = 0
    ) async throws -> RemotingServer {
        try await RemotingServer.bind(
            host: Self.host, port: port, group: loop, delegate: delegate, logger: Self.quiet)
    }

    private static func settings(
        _ names: BrokerNames, port: Int, _ createsTopics: Bool
    ) -> BrokerSettings {
        var settings = BrokerSettings(
            cluster: names.cluster, brokerName: names.broker, autoCreateTopics: createsTopics,
            autoCreateGroups: true)
        settings.storeHost = HostAddress(ip: [127, 0, 0, 1], port: Int32(port))
        settings.fitTables(toSegment: Self.segmentBytes)
        settings.retention.age = .seconds(100 * 365 * 86_400)
        return settings
    }

    /// Closes all connections and ports. What was stored is gone.
    public func stop() async {
        self.ticks.withLock { $0.take() }?.cancel()
        await self.takeDown()
        await self.nameServer.close()
    }

    func onLoop<T: Sendable>(_ body: @escaping @Sendable (BrokerHands) -> T) async -> T {
        do {
            return try await self.loop.submit {
                guard let hands = self.door.hands else {
                    preconditionFailure("start() opens the door before anybody has the broker")
                }
                return body(hands)
            }.get()
        } catch {
            preconditionFailure("the process's shared event loops do not end: \(error)")
        }
    }
}

// MARK: - Time

extension TestBroker {
    /// The broker's clock, in milliseconds since 1970.
    public var time: Int64 {
        get async { await self.onLoop { $0.clock.now.wall.milliseconds } }
    }

    /// Sets the broker's clock forward, and returns when what is due by it has begun.
    ///
    /// Delays, retries that wait at the broker, invisible times and the broker's questions about
    /// open transactions follow this clock. What clients measure themselves, such as a send's
    /// deadline, follows the machine's. Clients that are connected stay connected.
    public func advance(by time: Duration) async {
        precondition(time >= .zero, "a broker's clock is set forward only")
        await self.onLoop { $0.advance(by: time) }
    }
}

// MARK: - Failure

extension TestBroker {
    /// Ends the broker and starts another one on the same log and port: all connections break, and
    /// what was only in memory, such as who consumes what, is forgotten.
    public func restart() async throws {
        await self.takeDown()
        try await self.bringUp()
    }

    /// Ends the broker: connections break, and new ones are refused. Nothing happens if it is down.
    public func takeDown() async {
        guard let server = self.server.withLock({ $0.take() }) else { return }
        await self.onLoop { $0.takeDown() }
        await server.close()
    }

    /// Starts the broker again on its log and port. Nothing happens if it is up.
    ///
    /// - Throws: an error of the system when the port has been taken meanwhile.
    public func bringUp() async throws {
        guard self.server.withLock({ $0 == nil }) else { return }
        let server = try await Self.listen(self.door, on: self.loop, port: self.port)
        self.server.withLock { $0 = server }
        try await self.loop.submit { try self.door.hands?.startAgain() }.get()
    }
}

/// Runs `body` with a broker of its own and stops it afterwards, whatever happened.
@discardableResult
public func withTestBroker<Success>(
    createsTopics: Bool = true, _ body: (TestBroker) async throws -> Success
) async throws -> Success {
    let broker = try await TestBroker.start(createsTopics: createsTopics)
    do {
        let result = try await body(broker)
        await broker.stop()
        return result
    } catch {
        await broker.stop()
        throw error
    }
}
