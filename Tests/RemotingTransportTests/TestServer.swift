import Logging
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import Synchronization

let loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A delegate whose behaviour is a closure and whose history can be awaited.
final class TestServer: RemotingServerDelegate {
    typealias Behaviour = @Sendable ([ReceivedCommand], RemotingConnection) -> Void

    enum Event: Sendable {
        case opened(RemotingConnection)
        case received(count: Int)
        case writable
        case closed(CloseReason?)
    }

    let events: AsyncStream<Event>
    private let log: AsyncStream<Event>.Continuation
    private let behaviour: Behaviour
    private let openedCount = Atomic<Int>(0)

    init(_ behaviour: @escaping Behaviour) {
        (self.events, self.log) = AsyncStream.makeStream()
        self.behaviour = behaviour
    }

    var connectionsEver: Int { self.openedCount.load(ordering: .relaxed) }

    func opened(_ connection: RemotingConnection) {
        self.openedCount.wrappingAdd(1, ordering: .relaxed)
        self.log.yield(.opened(connection))
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        self.behaviour(commands, connection)
        self.log.yield(.received(count: commands.count))
    }

    func becameWritable(_ connection: RemotingConnection) {
        self.log.yield(.writable)
    }

    func closed(_ connection: RemotingConnection) {
        self.log.yield(.closed(connection.closeReason))
    }

    /// The reason of the next connection that closes.
    func nextClose() async -> CloseReason? {
        for await case .closed(let reason) in self.events { return reason }
        return nil
    }

    func nextOpen() async -> RemotingConnection? {
        for await case .opened(let connection) in self.events { return connection }
        return nil
    }

    func nextBurst() async -> Int? {
        for await case .received(let count) in self.events { return count }
        return nil
    }
}

extension TestServer {
    /// Answers every request that wants an answer with its own body and `name` field.
    static func echo() -> TestServer {
        TestServer { commands, connection in
            for command in commands where !command.isOneWay { connection.send(command.echoed) }
        }
    }

    static func silent() -> TestServer { TestServer { _, _ in } }
}

extension ReceivedCommand {
    var echoed: RemotingCommand {
        .response(
            .success, to: self.opaque, fields: ["name": self.string("name") ?? ""],
            body: Array(self.body.readableBytesView))
    }
}

/// Runs a server on a free port for the length of `body`.
func withServer(
    _ delegate: TestServer, options: RemotingServerOptions = RemotingServerOptions(),
    _ body: (RemotingServer) async throws -> Void
) async throws {
    let server = try await RemotingServer.bind(
        host: "127.0.0.1", port: 0, group: loops, delegate: delegate, options: options,
        logger: quiet)
    do {
        try await body(server)
    } catch {
        await server.close()
        throw error
    }
    await server.close()
}

/// Runs a client against a server for the length of `body`.
func withClient(
    of delegate: TestServer, options: RemotingClientOptions = RemotingClientOptions(),
    onRequest: @escaping @Sendable (ReceivedCommand, RemotingConnection) -> Void = { _, _ in },
    onClosed: @escaping @Sendable (String) -> Void = { _ in },
    _ body: (RemotingClient, _ address: String) async throws -> Void
) async throws {
    try await withServer(delegate) { server in
        let client = RemotingClient(
            group: loops, options: options, logger: quiet, onRequest: onRequest,
            onClosed: onClosed)
        do {
            try await body(client, "127.0.0.1:\(server.port)")
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }
}

func request(_ name: String = "", body: [UInt8] = []) -> RemotingCommand {
    .request(.heartBeat, fields: ["name": name], body: body)
}
