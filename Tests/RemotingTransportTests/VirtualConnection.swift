import Logging
import NIOCore
import NIOEmbedded
import RemotingProtocol

@testable import RemotingTransport

/// One connection of a server without sockets, on a clock that the test moves.
struct VirtualConnection {
    let channel = EmbeddedChannel()
    let registry: ConnectionRegistry

    /// Connections with the same registry are connections of one server.
    init(
        of delegate: TestServer, registry: ConnectionRegistry? = nil,
        options: RemotingServerOptions = RemotingServerOptions()
    ) throws {
        self.registry =
            registry ?? ConnectionRegistry(delegate: delegate, options: options, logger: quiet)
        try self.channel.pipeline.syncOperations.addHandler(
            FrameHandler(
                delegate: self.registry, limits: options.connections, registry: self.registry,
                logger: quiet))
        try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    var isOpen: Bool { self.channel.isActive }

    func receive(_ bytes: some Sequence<UInt8>) throws {
        try self.channel.writeInbound(ByteBuffer(bytes: bytes))
    }

    func pass(_ time: TimeAmount) { self.channel.embeddedEventLoop.advanceTime(by: time) }

    func becomeWritable() {
        self.channel.isWritable = true
        self.channel.pipeline.fireChannelWritabilityChanged()
    }

    /// What the peer would read next.
    func sent() throws -> ByteBuffer? { try self.channel.readOutbound(as: ByteBuffer.self) }
}
