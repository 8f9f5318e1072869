import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The one handler of a link's pipeline: bytes in, bursts of whole payloads out.
///
/// It gathers the frames of all reads of one readiness event and hands them over together. All of
/// it runs on the channel's loop.
final class PeerFrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let delegate: any PeerLinkDelegate
    private let isOutgoing: Bool
    private let limits: PeerLinkLimits
    private let logger: Logger
    /// For whoever waits for the connection.
    private let opening: EventLoopPromise<PeerLink>?

    private var link: PeerLink?
    private var decoder: PeerFrameDecoder
    private var burst: [ByteBuffer] = []
    private var patience: PeerPatience?
    /// Set once the peer sent nonsense; nothing after it can be trusted.
    private var problem: PeerFrameError?

    init(
        delegate: any PeerLinkDelegate, opening: EventLoopPromise<PeerLink>? = nil,
        limits: PeerLinkLimits, logger: Logger
    ) {
        self.delegate = delegate
        self.isOutgoing = opening != nil
        self.opening = opening
        self.limits = limits
        self.logger = logger
        self.decoder = PeerFrameDecoder(
            bytesMax: limits.receivedPayloadBytesMax ?? limits.payloadBytesMax,
            firstBytesMax: limits.firstPayloadBytesMax)
    }

    func channelActive(context: ChannelHandlerContext) {
        let link = PeerLink(
            channel: context.channel, isOutgoing: self.isOutgoing, limits: self.limits,
            logger: self.logger)
        self.link = link
        self.patience = PeerPatience(with: link, limits: self.limits)
        link.gatheringWrites { self.delegate.opened(link) }
        self.opening?.succeed(link)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.problem == nil else { return }
        self.decoder.append(self.unwrapInboundIn(data))
        do throws(PeerFrameError) {
            while let payload = try self.decoder.next() { self.burst.append(payload) }
        } catch {
            self.problem = error
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let link = self.link else { return }
        self.patience?.received(
            wholeFrames: self.burst.count, partialBytes: self.decoder.bufferedBytes)
        self.handOver(to: link)
        if let problem = self.problem { link.close(because: .badFrame(problem)) }
    }

    private func handOver(to link: PeerLink) {
        guard !self.burst.isEmpty else { return }
        var burst: [ByteBuffer] = []
        swap(&burst, &self.burst)
        link.gatheringWrites { self.delegate.received(burst, from: link) }
    }

    /// In a turn of its own: a delegate must not hear of it in the middle of what it is doing.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is PeerWritable, let link = self.link else {
            return context.fireUserInboundEventTriggered(event)
        }
        context.eventLoop.execute { [delegate = self.delegate] in
            if link.closeReason == nil { delegate.becameWritable(link) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let link = self.link else { return context.close(promise: nil) }
        self.handOver(to: link)  // what came whole before the error counts
        let isGone = (error as? IOError)?.errnoCode == ECONNRESET
        link.close(because: isGone ? .closedByPeer : .failed("\(error)"))
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard let link = self.link else { return }
        self.link = nil
        self.patience?.stop()
        self.patience = nil
        link.ended()
        context.eventLoop.execute { [delegate = self.delegate] in delegate.closed(link) }
    }
}
