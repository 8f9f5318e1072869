package import Logging
package import NIOCore
import NIOPosix

/// Why there is no link to a peer.
package struct PeerConnectError: Error, Hashable, Sendable, CustomStringConvertible {
    package let address: String
    package let reason: String

    package var description: String { "cannot connect to \(self.address): \(self.reason)" }
}

/// Opens links to peers. Whether and when to try again is the caller's business.
package enum PeerConnector {
    /// Connects to `host:port` and completes on the link's loop, after the delegate's `opened`.
    ///
    /// Fails with `PeerConnectError`, and then the delegate has heard nothing.
    package static func connect(
        to address: String, on eventLoop: any EventLoop, delegate: any PeerLinkDelegate,
        limits: PeerLinkLimits = PeerLinkLimits(), logger: Logger
    ) -> EventLoopFuture<PeerLink> {
        let opening = eventLoop.makePromise(of: PeerLink.self)
        guard let target = PeerTarget(address) else {
            opening.fail(PeerConnectError(address: address, reason: "not an address of host:port"))
            return opening.futureResult
        }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(limits.connectTime))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.recvAllocator, value: PeerBuffers.allocator)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        PeerFrameHandler(
                            delegate: delegate, opening: opening, limits: limits, logger: logger))
                }
            }
        Self.connect(bootstrap, to: target).whenFailure { error in
            opening.fail(PeerConnectError(address: address, reason: "\(error)"))
        }
        return opening.futureResult
    }

    private static func connect(
        _ bootstrap: ClientBootstrap, to target: PeerTarget
    ) -> EventLoopFuture<any Channel> {
        // A number needs no resolver, and no second attempt in another address family.
        if let address = try? SocketAddress(ipAddress: target.host, port: target.port) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: target.host, port: target.port)
    }
}

/// The text `host:port`; an IPv6 host stands in brackets.
private struct PeerTarget {
    let host: String
    let port: Int

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }
}
