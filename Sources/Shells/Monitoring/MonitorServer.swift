import Glibc
import Listening
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Tells over HTTP how a server is: `/healthz`, `/readyz`, `/metrics`.
///
/// It has a thread of its own: whoever asks takes no time from messages, and a loop that hangs can
/// be told of.
package final class MonitorServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let pending: PendingCount

    /// The port that is listened on; the system's choice when 0 was asked for.
    package let port: Int

    private init(
        group: MultiThreadedEventLoopGroup, channel: any Channel, pending: PendingCount
    ) {
        self.group = group
        self.channel = channel
        self.pending = pending
        self.port = channel.localAddress?.port ?? 0
    }

    /// Nil: it is off, or the usual port is somebody else's, which a line in the log says.
    ///
    /// Throws `MonitorError` when the port that an operator chose cannot be had.
    package static func start(
        at address: MonitorAddress, source: any MonitorSource,
        limits: MonitorLimits = MonitorLimits(), logger: Logger
    ) async throws(MonitorError) -> MonitorServer? {
        let port: Int
        switch address.port {
        case .off: return nil
        case .usual(let usual): port = usual
        case .chosen(let chosen): port = chosen
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let pending = PendingCount()
        do {
            let channel = try await Self.bootstrap(group, source, limits, pending, logger)
                .bind(host: address.host, port: port).get()
            let server = MonitorServer(group: group, channel: channel, pending: pending)
            logger.info("/healthz, /readyz, /metrics at http://\(address.host):\(server.port)")
            return server
        } catch {
            try? await group.shutdownGracefully()
            let failure = MonitorError(host: address.host, port: port, error)
            guard case .usual = address.port else { throw failure }
            logger.warning("no /healthz, /readyz, /metrics: \(failure); --http-port names another")
            return nil
        }
    }

    /// Takes no more questions. While one waits for a loop that hangs, its thread stays: the answer
    /// would find nobody.
    package func close() async {
        try? await self.channel.stopListening().get()
        for _ in 0..<100 where !self.pending.isNone {
            try? await Task.sleep(for: .milliseconds(10))
        }
        if self.pending.isNone { try? await self.group.shutdownGracefully() }
    }
}

extension MonitorServer {
    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ source: any MonitorSource,
        _ limits: MonitorLimits, _ pending: PendingCount, _ logger: Logger
    ) -> ServerBootstrap {
        let connections = PendingCount()
        return
            ServerBootstrap
            .listener(on: group, acceptPause: limits.acceptPause, logger: logger)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in
                guard connections.begin(atMost: limits.connectionsMax) else {
                    return channel.eventLoop.makeFailedFuture(TooManyConnections())
                }
                channel.closeFuture.whenComplete { _ in connections.end() }
                return channel.eventLoop.makeCompletedFuture {
                    let gate = RequestGate(limits: limits)
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(gate)
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(
                        MonitorHandler(
                            source: source, gate: gate, limits: limits, pending: pending))
                }
            }
    }

    private struct TooManyConnections: Error {}
}

/// Why nobody can ask how a server is.
package struct MonitorError: Error, Hashable, CustomStringConvertible {
    package var description: String

    init(host: String, port: Int, _ error: any Error) {
        let reason =
            (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        self.description = "cannot listen on \(host):\(port) (httpPort): \(reason)"
    }
}
