import Glibc
package import Logging
import Monitoring
import NIOCore
import NIOPosix
import NameServerEngine
import RemotingTransport
import ServiceLifecycle

/// A name server on its port.
///
/// One event loop runs everything: its sockets, the engine and the clock. The engine answers in
/// microseconds, so more threads would only add locks.
package struct NameServer: Service {
    private let configuration: NameServerConfiguration
    private let logger: Logger
    private let onReady: @Sendable (_ host: String, _ port: Int) -> Void

    /// - parameter onReady: called once, when connections are accepted, with the real port.
    package init(
        configuration: NameServerConfiguration, logger: Logger,
        onReady: @escaping @Sendable (_ host: String, _ port: Int) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onReady = onReady
    }

    /// Serves until the task is cancelled or a graceful shutdown begins.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await self.serve(on: group.next())
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func serve(on eventLoop: any EventLoop) async throws {
        let host = self.configuration.host
        let engine = NameServerEngine(
            settings: self.configuration.settings, limits: self.configuration.limits)
        let loop = NameServerLoop(engine: engine, eventLoop: eventLoop, logger: self.logger)
        let monitor = NameServerMonitor(loop: loop)
        let monitorServer = try await self.start(monitor)
        let server: RemotingServer
        do {
            server = try await RemotingServer.bind(
                host: host, port: self.configuration.port, group: eventLoop, delegate: loop,
                options: RemotingServerOptions(), logger: self.logger)
        } catch {
            await monitorServer?.close()
            throw NameServerError.cannotListen(
                host: host, port: self.configuration.port, reason: Self.reason(of: error))
        }
        let ticks = loop.startTicking()
        monitor.served()
        self.onReady(host, server.port)

        // Also thrown when the task is cancelled: either way it is time to stop.
        try? await gracefulShutdown()
        ticks.cancel()
        await server.close()
        await monitorServer?.close()
    }

    private func start(_ monitor: NameServerMonitor) async throws(NameServerError) -> MonitorServer?
    {
        do {
            return try await MonitorServer.start(
                at: self.configuration.monitor, source: monitor, logger: self.logger)
        } catch {
            throw .cannotMonitor(error.description)
        }
    }

    private static func reason(of error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}
