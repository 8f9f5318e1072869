import Listening
package import Logging
package import NIOCore
import NIOPosix

/// Listens on one port and hands the frames of its connections to a delegate.
package final class RemotingServer: Sendable {
    private let channel: any Channel
    private let registry: ConnectionRegistry

    /// The port that is listened on; the system's choice when 0 was asked for.
    package let port: Int

    private init(channel: any Channel, registry: ConnectionRegistry) {
        self.channel = channel
        self.registry = registry
        self.port = channel.localAddress?.port ?? 0
    }

    package static func bind(
        host: String, port: Int, group: any EventLoopGroup, delegate: any RemotingServerDelegate,
        options: RemotingServerOptions = RemotingServerOptions(), logger: Logger
    ) async throws -> RemotingServer {
        let options = Self.affordable(options, logger: logger)
        let registry = ConnectionRegistry(delegate: delegate, options: options, logger: logger)
        let bootstrap = Self.bootstrap(
            group: group, registry: registry, options: options, logger: logger)
        let channel = try await bootstrap.bind(host: host, port: port).get()
        return RemotingServer(channel: channel, registry: registry)
    }

    /// With as many connections as there can be files open.
    private static func affordable(
        _ options: RemotingServerOptions, logger: Logger
    ) -> RemotingServerOptions {
        var options = options
        let asked = options.connectionsMax
        options.connectionsMax = OpenFiles.connectionsMax(asked: asked)
        if options.connectionsMax < asked {
            logger.info(
                "fewer connections than asked for: the limit of open files (ulimit -n) is low",
                metadata: [
                    "asked": "\(asked)", "connections": "\(options.connectionsMax)",
                    "files": "\(OpenFiles.limit)",
                ])
        }
        return options
    }

    package var connectionCount: Int { self.registry.count }

    /// New connections are refused from now on; those that are open go on.
    package func stopAccepting() {
        self.channel.stopListening()
    }

    /// Stops accepting, closes every connection, and returns when the delegate has heard of all.
    package func close() async {
        self.stopAccepting()
        let open = self.registry.beginClosing()
        for connection in open { connection.close() }
        for connection in open { try? await connection.closed.get() }
        try? await self.channel.closeFuture.get()
    }
}

extension RemotingServer {
    static func bootstrap(
        group: any EventLoopGroup, registry: ConnectionRegistry, options: RemotingServerOptions,
        logger: Logger
    ) -> ServerBootstrap {
        .listener(on: group, acceptPause: options.acceptPause, logger: logger)
            .serverChannelOption(.backlog, value: options.backlog)
            .serverChannelOption(.maxMessagesPerRead, value: options.acceptsAtOnce)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: options.connections.waterMark)
            .childChannelOption(.maxMessagesPerRead, value: options.readsAtOnce)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FrameHandler(
                            delegate: registry, limits: options.connections,
                            registry: registry, logger: logger))
                }
            }
    }
}

extension ConnectionLimits {
    /// Writable again at a quarter: an answer or two must not toggle it.
    var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: max(1, self.writableBytesMax / 4), high: max(2, self.writableBytesMax))
    }
}
