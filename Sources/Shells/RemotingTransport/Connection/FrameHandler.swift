import Logging
import NIOCore
import RemotingProtocol

/// The one handler of a connection's pipeline: bytes in, bursts of whole frames out.
///
/// It gathers the frames of all reads of one readiness event and hands them over together, so that
/// the cost of a hand-over falls as load rises. All of it runs on the channel's loop.
final class FrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let delegate: any RemotingServerDelegate
    private let limits: ConnectionLimits
    /// All connections of the same server; nil on the client's side.
    private let registry: ConnectionRegistry?
    private let logger: Logger

    private var connection: RemotingConnection?
    private var decoder: FrameDecoder
    private var burst: [ReceivedCommand] = []
    private var patience: Patience?
    private var pace = ReadPace()
    private var burstBytes = 0
    /// Set once the peer sent nonsense; nothing after it can be trusted.
    private var problem: FrameError?

    init(
        delegate: any RemotingServerDelegate, limits: ConnectionLimits,
        registry: ConnectionRegistry? = nil, logger: Logger
    ) {
        self.delegate = delegate
        self.limits = limits
        self.registry = registry
        self.logger = logger
        self.decoder = FrameDecoder(bytesMax: limits.frameBytesMax)
    }

    func channelActive(context: ChannelHandlerContext) {
        let connection = RemotingConnection(
            channel: context.channel, limits: self.limits, registry: self.registry,
            logger: self.logger)
        self.connection = connection
        self.patience = Patience(with: connection, limits: self.limits)
        connection.gatheringWrites { self.delegate.opened(connection) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.problem == nil else { return }
        let bytes = self.unwrapInboundIn(data)
        self.burstBytes += bytes.readableBytes
        self.decoder.append(bytes)
        do throws(FrameError) {
            while let command = try self.decoder.next() { self.burst.append(command) }
        } catch {
            self.problem = error
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let connection = self.connection else { return }
        self.patience?.received(
            wholeFrames: self.burst.count, partialBytes: self.decoder.bufferedBytes)
        self.notePace(of: connection, in: context)
        self.handOver(to: connection)
        if let problem = self.problem { connection.close(because: .badFrame("\(problem)")) }
    }

    /// A peer that sends more than is read of it leaves a full socket behind; one that does not
    /// costs nothing here.
    private func notePace(of connection: RemotingConnection, in context: ChannelHandlerContext) {
        let bytes = exchange(&self.burstBytes, with: 0)
        guard self.registry != nil else { return }
        let left = bytes < ReadPace.burstBytesMin ? 0 : SocketBacklog.bytes(of: context)
        connection.backlogTime = self.pace.read(bytes, left: left, at: context.eventLoop.now)
    }

    private func handOver(to connection: RemotingConnection) {
        guard !self.burst.isEmpty else { return }
        connection.gatheringWrites { self.delegate.received(self.takeBurst(), from: connection) }
    }

    private func takeBurst() -> [ReceivedCommand] {
        var burst: [ReceivedCommand] = []
        burst.reserveCapacity(min(self.burst.count, Self.reservedFramesMax))
        swap(&burst, &self.burst)
        return burst
    }

    /// The next burst is likely as long as this one, but one long burst must not cost for ever.
    private static let reservedFramesMax = 256

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard let connection = self.connection, connection.isWritable else { return }
        connection.drain()
        self.reportLater(in: context) { delegate in
            if connection.isWritable { delegate.becameWritable(connection) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let connection = self.connection else { return context.close(promise: nil) }
        self.handOver(to: connection)  // what came whole before the error counts
        connection.close(because: .failed("\(error)"))
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard let connection = self.connection else { return }
        self.connection = nil
        self.patience?.stop()
        self.patience = nil
        connection.ended()
        self.reportLater(in: context) { $0.closed(connection) }
    }

    /// A write may find the socket broken or emptied, and the delegate may be the one who writes:
    /// it must not hear of that in the middle of what it is doing.
    private func reportLater(
        in context: ChannelHandlerContext,
        _ report: @escaping @Sendable (any RemotingServerDelegate) -> Void
    ) {
        context.eventLoop.execute { [delegate = self.delegate] in report(delegate) }
    }
}
