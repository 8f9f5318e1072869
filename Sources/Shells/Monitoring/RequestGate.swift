import NIOCore

/// Counts the bytes of a request and watches its time, before anything looks into them.
///
/// On the connection's loop only.
final class RequestGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limits: MonitorLimits
    private var bytes = 0
    private var deadline: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(limits: MonitorLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.close(after: self.limits.idleTime)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.deadline?.cancel()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.bytes == 0 { self.close(after: self.limits.requestTime) }
        self.bytes += self.unwrapInboundIn(data).readableBytes
        guard self.bytes <= self.limits.requestBytesMax else { return context.close(promise: nil) }
        context.fireChannelRead(data)
    }

    /// A whole request is there; the server is asked.
    func requestEnded() {
        self.bytes = 0
        self.deadline?.cancel()
        self.deadline = nil
    }

    /// The answer is on its way.
    func answering() { self.close(after: self.limits.answerTime) }

    /// The answer has left; the next request may come.
    func answered() { self.close(after: self.limits.idleTime) }

    private func close(after time: Duration) {
        self.deadline?.cancel()
        self.deadline = self.context?.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(time)
        ) {
            self.context?.close(promise: nil)
        }
    }
}
