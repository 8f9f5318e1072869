import Logging
import NIOCore
import NIOPosix

extension ClientLink {
    /// Connects on the link's own loop; once, right after the link was made.
    func connect(_ options: RemotingClientOptions, logger: Logger) {
        guard let target = PeerAddress(self.address) else {
            return self.eventLoop.execute { self.connectFailed("not an address of host:port") }
        }
        self.channel(to: target, options, logger: logger).whenFailure { error in
            self.connectFailed("\(error)")
        }
    }

    private func channel(
        to target: PeerAddress, _ options: RemotingClientOptions, logger: Logger
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = self.bootstrap(options, logger: logger)
        // A number needs no resolver, and no second attempt in another address family.
        if let address = try? SocketAddress(ipAddress: target.host, port: target.port) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: target.host, port: target.port)
    }

    private func bootstrap(_ options: RemotingClientOptions, logger: Logger) -> ClientBootstrap {
        // Requests are bounded in the inbox, where they do not count as sent yet. An inbox's worth
        // may be handed over at once; what exceeds it are answers to a peer that does not read.
        var limits = options.connections
        limits.outboundBytesMax *= 2
        return ClientBootstrap(group: self.eventLoop)
            .connectTimeout(TimeAmount(options.connectTime))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: limits.waterMark)
            .channelInitializer { [limits] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FrameHandler(delegate: self, limits: limits, logger: logger))
                }
            }
    }
}
