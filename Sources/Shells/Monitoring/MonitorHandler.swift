import NIOCore
import NIOHTTP1
import Synchronization

/// Answers the requests of one connection, one after the other. On its loop only.
final class MonitorHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let source: any MonitorSource
    private let gate: RequestGate
    private let limits: MonitorLimits
    private let pending: PendingCount
    private var head: HTTPRequestHead?
    private var hasBody = false
    /// Counts the requests; what comes for an earlier one comes too late.
    private var turn: UInt64 = 0
    private var isAsking = false

    init(
        source: any MonitorSource, gate: RequestGate, limits: MonitorLimits, pending: PendingCount
    ) {
        self.source = source
        self.gate = gate
        self.limits = limits
        self.pending = pending
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            self.hasBody = false
        case .body: self.hasBody = true
        case .end:
            guard let head = self.head else { return }
            self.gate.requestEnded()
            self.answer(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard !self.hasBody else { return self.send(.bodyTooLarge, to: head, context) }
        switch MonitorRoute(head.method, head.uri) {
        case .page(let page): self.ask(for: page, head, context)
        case .notFound: self.send(.notFound, to: head, context)
        case .methodNotAllowed: self.send(.methodNotAllowed, to: head, context)
        }
    }

    /// Whichever comes first is sent: what the server says, or that it says nothing.
    private func ask(
        for page: MonitorPage, _ head: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        guard self.pending.begin(atMost: self.limits.pendingMax) else {
            return self.send(.busy, to: head, context)
        }
        self.turn += 1
        self.isAsking = true
        let (turn, loop) = (self.turn, context.eventLoop)
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        let late = loop.assumeIsolated().scheduleTask(in: TimeAmount(page.patience)) {
            self.finish(turn, .late(page), head, context)
        }
        let (source, pending) = (self.source, self.pending)
        Task {
            let answer = await MonitorAnswer.answer(to: page, by: source)
            loop.execute {
                pending.end()
                late.cancel()
                bound.value.0.finish(turn, answer, head, bound.value.1)
            }
        }
    }

    private func finish(
        _ turn: UInt64, _ answer: MonitorAnswer, _ head: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        guard self.isAsking, self.turn == turn else { return }
        self.isAsking = false
        self.send(answer, to: head, context)
    }

    private func send(
        _ answer: MonitorAnswer, to head: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        self.gate.answering()
        let isLast = !head.isKeepAlive || self.hasBody
        context.write(self.wrapOutboundOut(.head(answer.head(isLast: isLast))), promise: nil)
        if head.method != .HEAD {
            let body = context.channel.allocator.buffer(string: answer.body)
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete {
            result in
            if isLast || (try? result.get()) == nil {
                context.close(promise: nil)
            } else {
                self.gate.answered()
            }
        }
    }
}

extension MonitorAnswer {
    fileprivate func head(isLast: Bool) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: self.contentType)
        headers.add(name: "content-length", value: String(self.body.utf8.count))
        headers.add(name: "cache-control", value: "no-store")
        if self.status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
        if isLast { headers.add(name: "connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: self.status, headers: headers)
    }
}

/// Questions that the server has not answered yet.
final class PendingCount: Sendable {
    private let count = Mutex(0)

    func begin(atMost limit: Int) -> Bool {
        self.count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func end() { self.count.withLock { $0 -= 1 } }

    var isNone: Bool { self.count.withLock { $0 == 0 } }
}
