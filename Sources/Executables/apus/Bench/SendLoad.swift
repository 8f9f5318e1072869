import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol

/// Keeps a number of sends in flight, over one connection to each broker.
///
/// It speaks the protocol itself, and in bursts: all answers of one read bring the next sends, which
/// leave in one write. On a machine that it shares with the broker its own cost counts twice. All of
/// it runs on one event loop; times are those of the bursts. What is sent, `SendFlow` decides.
final class SendLoad {
    /// A send, and the broker that it is for.
    typealias Target = (frame: SendFrame, address: String)

    private let loop: any EventLoop
    private let key: SendKey
    private let frames: [(frame: SendFrame, link: SendLink)]
    private let links: [SendLink]
    private var flow: SendFlow
    private let finished: EventLoopPromise<Void>
    private var clocks: [RepeatedTask] = []

    private init(
        _ plan: SendFlow.Plan, to targets: [Target], _ totals: BenchTotals, on loop: any EventLoop
    ) {
        let flow = SendFlow(plan, to: targets.map(\.address), totals)
        let links = flow.links.map { SendLink($0) }
        self.loop = loop
        self.key = SendKey(connection: plan.turn)
        self.frames = targets.compactMap { target in
            links.first { $0.address == target.address }.map { (target.frame, $0) }
        }
        self.links = links
        self.flow = flow
        self.finished = loop.makePromise()
    }

    /// Returns when the time is over and every send has been answered or given up.
    static func run(
        _ plan: SendFlow.Plan, to targets: [Target], _ totals: BenchTotals, on loop: any EventLoop
    ) async {
        try? await loop.flatSubmit {
            let load = SendLoad(plan, to: targets, totals, on: loop)
            load.begin(isPaced: plan.rate != nil)
            return load.finished.futureResult
        }.get()
    }

    private func begin(isPaced: Bool) {
        self.tell { flow, _ in flow.connect() }
        if isPaced { self.every(.milliseconds(1)) { $0.sendDue(at: $1) } }
        self.every(.milliseconds(100)) { $0.giveUpOverdue(at: $1) }
    }

    private func every(
        _ time: TimeAmount, _ input: @escaping @Sendable (inout SendFlow, Tick) -> Void
    ) {
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.clocks.append(
            self.loop.scheduleRepeatedTask(initialDelay: time, delay: time) { _ in
                bound.value.tell(input)
            })
    }

    private func end() {
        for clock in self.clocks { clock.cancel() }
        let closed = self.links.compactMap { $0.channel?.close() }
        EventLoopFuture.andAllComplete(closed, on: self.loop).cascade(to: self.finished)
    }
}

// What happens is told to the flow, and what it wants is done.
extension SendLoad {
    /// Never while it is doing something.
    private func tell(_ input: (inout SendFlow, Tick) -> Void) {
        input(&self.flow, Recorder.now)
        for effect in self.flow.effects { self.perform(effect) }
        self.flow.forgetEffects()
        for link in self.links { link.flush() }
    }

    private func perform(_ effect: SendFlow.Effect) {
        switch effect {
        case .transmit(let number, let target):
            let (frame, link) = self.frames[target]
            frame.write(numbered: number, of: self.key, into: &link.outgoing)
        case .connect(let number): self.connect(number)
        case .rest(let place):
            self.loop.assumeIsolated().scheduleTask(in: TimeAmount(SendFlow.pause)) {
                self.tell { $0.hasRested(place, at: $1) }
            }
        case .finish: self.end()
        }
    }

    private func connect(_ number: Int) {
        let loop = self.loop.assumeIsolated()
        self.links[number].open(self, on: self.loop).assumeIsolated().whenComplete { opened in
            loop.execute { self.ended(opened, number) }
        }
    }

    private func ended(_ connecting: Result<any Channel, any Error>, _ number: Int) {
        guard case .success(let channel) = connecting else {
            return self.tell { $0.lost(number, at: $1) }
        }
        self.links[number].channel = channel
        self.tell { $0.connected(number, at: $1) }
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            self.tell { $0.lost(number, at: $1) }
        }
    }

    fileprivate func answered(_ answers: [ReceivedCommand]) {
        self.tell { flow, now in
            for answer in answers {
                flow.answered(
                    answer.opaque, answer.responseCode,
                    "\(answer.responseCode.name): \(answer.remark ?? "")", at: now)
            }
        }
    }
}

/// A connection to one broker.
private final class SendLink {
    let address: String
    var outgoing = ByteBuffer()
    var channel: (any Channel)?

    init(_ address: String) { self.address = address }

    func open(_ load: SendLoad, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        let colon = self.address.lastIndex(of: ":") ?? self.address.startIndex
        let port = Int(self.address[colon...].dropFirst()) ?? 0
        let bound = NIOLoopBound(load, eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SendHandler(bound.value))
                }
            }
            .connect(host: String(self.address[..<colon]), port: port)
    }

    func flush() {
        guard self.outgoing.readableBytes > 0, let channel = self.channel else { return }
        channel.writeAndFlush(self.outgoing, promise: nil)
        self.outgoing = ByteBuffer()
    }
}

private final class SendHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let load: SendLoad
    private var decoder = FrameDecoder()
    private var answers: [ReceivedCommand] = []

    init(_ load: SendLoad) { self.load = load }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.append(self.unwrapInboundIn(data))
        do {
            while let answer = try self.decoder.next() { self.answers.append(answer) }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.load.answered(self.answers)
        self.answers.removeAll(keepingCapacity: true)
    }
}
