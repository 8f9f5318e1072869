import Listening
package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// Listens on one port for links of peers.
package final class PeerListener: Sendable {
    private let channel: any Channel
    private let registry: PeerRegistry

    /// The port that is listened on; the system's choice when 0 was asked for.
    package let port: Int

    private init(channel: any Channel, registry: PeerRegistry) {
        self.channel = channel
        self.registry = registry
        self.port = channel.localAddress?.port ?? 0
    }

    package static func bind(
        host: String, port: Int, group: any EventLoopGroup, delegate: any PeerLinkDelegate,
        limits: PeerLinkLimits = PeerLinkLimits(), logger: Logger
    ) async throws -> PeerListener {
        let registry = PeerRegistry(
            delegate: delegate, linksMax: limits.linksMax, logger: logger)
        let channel = try await ServerBootstrap.listener(on: group, logger: logger)
            .peerLinkOptions(limits)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        PeerFrameHandler(delegate: registry, limits: limits, logger: logger))
                }
            }
            .bind(host: host, port: port).get()
        return PeerListener(channel: channel, registry: registry)
    }

    package var linkCount: Int { self.registry.count }

    /// Stops listening, closes every link, and returns when their sockets are gone.
    package func close() async {
        try? await self.channel.stopListening().get()
        let open = self.registry.beginClosing()
        for link in open { link.close() }
        for link in open { try? await link.closed.get() }
    }
}

extension ServerBootstrap {
    fileprivate func peerLinkOptions(_ limits: PeerLinkLimits) -> ServerBootstrap {
        self.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.recvAllocator, value: PeerBuffers.allocator)
    }
}

/// How a link reads: small at rest, large while it is fed.
enum PeerBuffers {
    static let allocator = AdaptiveRecvByteBufferAllocator(
        minimum: 2 << 10, initial: 16 << 10, maximum: 1 << 20)
}

/// A listener's open links. It stands between them and the listener's delegate, which hears only of
/// those that were admitted.
final class PeerRegistry: PeerLinkDelegate {
    private struct State {
        var open: [ObjectIdentifier: PeerLink] = [:]
        var isClosing = false
        var closedForCause = SparseReport()
    }

    private let delegate: any PeerLinkDelegate
    private let linksMax: Int
    private let logger: Logger
    private let state = Mutex(State())

    init(delegate: any PeerLinkDelegate, linksMax: Int, logger: Logger) {
        self.delegate = delegate
        self.linksMax = linksMax
        self.logger = logger
    }

    var count: Int { self.state.withLock { $0.open.count } }

    func beginClosing() -> [PeerLink] {
        self.state.withLock { state in
            state.isClosing = true
            return Array(state.open.values)
        }
    }

    func opened(_ link: PeerLink) {
        if let refusal = self.admit(link) {
            link.close(because: refusal)
            self.report(link, refusal)
        } else {
            self.delegate.opened(link)
        }
    }

    private func admit(_ link: PeerLink) -> PeerCloseReason? {
        self.state.withLock { state in
            if state.isClosing { return .closedHere }
            guard state.open.count < self.linksMax else {
                return .tooManyLinks(limit: self.linksMax)
            }
            state.open[ObjectIdentifier(link)] = link
            return nil
        }
    }

    private func isAdmitted(_ link: PeerLink) -> Bool {
        self.state.withLock { $0.open[ObjectIdentifier(link)] != nil }
    }

    func received(_ payloads: [ByteBuffer], from link: PeerLink) {
        if self.isAdmitted(link) { self.delegate.received(payloads, from: link) }
    }

    func becameWritable(_ link: PeerLink) {
        if self.isAdmitted(link) { self.delegate.becameWritable(link) }
    }

    func closed(_ link: PeerLink) {
        let wasAdmitted = self.state.withLock {
            $0.open.removeValue(forKey: ObjectIdentifier(link)) != nil
        }
        guard wasAdmitted else { return }
        if let reason = link.closeReason { self.report(link, reason) }
        self.delegate.closed(link)
    }

    /// At most one line in ten seconds: whoever reaches the port must not fill the log.
    private func report(_ link: PeerLink, _ reason: PeerCloseReason) {
        guard !reason.isOrdinary else { return }
        guard
            let count = self.state.withLock({ $0.closedForCause.note(1, at: link.eventLoop.now) })
        else { return }
        self.logger.warning(
            "links of peers closed",
            metadata: ["count": "\(count)", "peer": "\(link.remote)", "reason": "\(reason)"])
    }
}
