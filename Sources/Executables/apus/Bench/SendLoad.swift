import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol

/// Keeps a number of sends in flight, over one connection to each broker.
///
/// It speaks the protocol itself, and in bursts: all answers of one read bring the next sends, which
/// leave in one write. On a machine that it shares with the broker its own cost counts twice. All of
/// it runs on one event loop; times are those of the bursts.
final class SendLoad {
    struct Plan: Sendable {
        var targets: [(frame: SendFrame, address: String)]
        var bodyBytes: Int
        var inFlight: Int
        /// Messages a second; nil: each answer brings the next send.
        var rate: Double?
        var beginAt: Tick
        var endAt: Tick
        var timeout: Duration
        /// Which target comes first.
        var turn: Int
    }

    private let loop: any EventLoop
    private let plan: Plan
    private let totals: BenchTotals
    private let key: SendKey
    private let frames: [(frame: SendFrame, link: SendLink)]
    private let links: [SendLink]
    private var slots: [SendSlot]
    private var turn: Int
    /// Slots that wait for their next send to be due.
    private var idle: [Int] = []
    /// Sends that were due until now.
    private var due = 0
    private var open: Int
    private let finished: EventLoopPromise<Void>
    private var clocks: [RepeatedTask] = []

    private init(_ plan: Plan, _ totals: BenchTotals, on loop: any EventLoop) {
        var links: [String: SendLink] = [:]
        for target in plan.targets where links[target.address] == nil {
            links[target.address] = SendLink(target.address)
        }
        self.loop = loop
        self.plan = plan
        self.totals = totals
        self.key = SendKey(connection: plan.turn)
        self.frames = plan.targets.compactMap { target in
            links[target.address].map { (target.frame, $0) }
        }
        self.links = Array(links.values)
        self.slots = (0..<plan.inFlight).map { SendSlot($0) }
        self.turn = plan.turn
        self.open = plan.inFlight
        self.finished = loop.makePromise()
    }

    /// Returns when the time is over and every send has been answered or given up.
    static func run(_ plan: Plan, _ totals: BenchTotals, on loop: any EventLoop) async {
        try? await loop.flatSubmit {
            let load = SendLoad(plan, totals, on: loop)
            load.begin()
            return load.finished.futureResult
        }.get()
    }

    private func begin() {
        let opened = self.links.map { $0.open(self, on: self.loop) }
        EventLoopFuture.andAllComplete(opened, on: self.loop).assumeIsolated().whenComplete { _ in
            let now = Recorder.now
            for slot in self.slots.indices { self.goOn(slot, at: now) }
            self.flush()
            if self.plan.rate != nil { self.every(.milliseconds(1)) { $0.sendDue() } }
        }
        self.every(.milliseconds(100)) { $0.giveUpOverdue() }
    }

    private func every(_ time: TimeAmount, _ work: @escaping @Sendable (SendLoad) -> Void) {
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.clocks.append(
            self.loop.scheduleRepeatedTask(initialDelay: time, delay: time) { _ in
                work(bound.value)
            })
    }

    private func end() {
        for clock in self.clocks { clock.cancel() }
        let closed = self.links.compactMap { $0.close() }
        EventLoopFuture.andAllComplete(closed, on: self.loop).cascade(to: self.finished)
    }
}

// Sending.
extension SendLoad {
    private func goOn(_ slot: Int, at now: Tick) {
        if now >= self.plan.endAt {
            self.retire(1)
        } else if self.plan.rate == nil {
            self.send(slot, at: now)
        } else {
            self.idle.append(slot)
        }
    }

    private func retire(_ slots: Int) {
        self.open -= slots
        if self.open == 0 { self.end() }
    }

    /// What cannot be sent in time, as too many sends have no answer, is not sent later either.
    private func sendDue() {
        let now = Recorder.now
        guard now < self.plan.endAt else {
            return self.retire(exchange(&self.idle, with: []).count)
        }
        let seconds = Double(now.since(self.plan.beginAt)) / 1e9
        let due = Int(seconds * (self.plan.rate ?? 0))
        for _ in 0..<min(due - self.due, self.idle.count) {
            self.send(self.idle.removeLast(), at: now)
        }
        self.due = due
        self.flush()
    }

    private func send(_ slot: Int, at now: Tick) {
        self.turn += 1
        let (frame, link) = self.frames[self.turn % self.frames.count]
        guard link.isOpen else { return self.failed(slot, "no connection to \(link.address)") }
        let opaque = self.slots[slot].begin(at: now, over: link, of: self.slots.count)
        frame.write(numbered: opaque, of: self.key, into: &link.outgoing)
    }

    private func flush() { for link in self.links { link.flush() } }

    private func failed(_ slot: Int, _ problem: String) {
        self.slots[slot].end()
        self.totals.failed(problem)
        self.goOnLater(slot)
    }

    /// A server that fails at once would otherwise be asked without end in the same breath.
    private func goOnLater(_ slot: Int) {
        self.loop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
            for link in self.links where !link.isOpen { _ = link.open(self, on: self.loop) }
            self.goOn(slot, at: Recorder.now)
            self.flush()
        }
    }

    private func giveUpOverdue() {
        let now = Recorder.now
        for (number, slot) in self.slots.enumerated() {
            guard let since = slot.since, since + self.plan.timeout < now else { continue }
            self.failed(number, "no answer within \(self.plan.timeout)")
        }
    }
}

// Answers.
extension SendLoad {
    fileprivate func answered(_ answers: [ReceivedCommand]) {
        let now = Recorder.now
        for answer in answers { self.answered(answer, at: now) }
        self.flush()
    }

    /// An answer to a send that was given up is nobody's.
    private func answered(_ answer: ReceivedCommand, at now: Tick) {
        let number = (Int(answer.opaque) - Int(SendFrame.opaques.lowerBound)) % self.slots.count
        guard self.slots.indices.contains(number), self.slots[number].opaque == answer.opaque,
            let since = self.slots[number].since
        else { return }
        self.slots[number].end()
        let nanoseconds = now.since(since)
        switch answer.responseCode {
        case .success:
            self.totals.succeeded(bytes: self.plan.bodyBytes, nanoseconds: nanoseconds)
            self.goOn(number, at: now)
        case .systemBusy:
            self.totals.refused(Self.text(answer), nanoseconds: nanoseconds)
            if self.plan.rate == nil { self.goOnLater(number) } else { self.goOn(number, at: now) }
        default: self.failed(number, Self.text(answer))
        }
    }

    private static func text(_ answer: ReceivedCommand) -> String {
        "\(answer.responseCode.name): \(answer.remark ?? "")"
    }

    fileprivate func lost(_ link: SendLink) {
        for number in self.slots.indices where self.slots[number].isWaiting(for: link) {
            self.failed(number, "the connection to \(link.address) closed")
        }
    }
}

/// One send in flight.
private struct SendSlot {
    /// Number of the latest send; those of different slots never meet.
    private(set) var opaque: Int32
    /// Nil: none is in flight.
    private(set) var since: Tick?
    private var link: SendLink?

    init(_ number: Int) { self.opaque = SendFrame.opaques.lowerBound + Int32(number) }

    func isWaiting(for link: SendLink) -> Bool { self.since != nil && self.link === link }

    mutating func begin(at now: Tick, over link: SendLink, of slots: Int) -> Int32 {
        let step = Int32(slots)
        let next = self.opaque + step
        self.opaque =
            SendFrame.opaques.contains(next)
            ? next
            : SendFrame.opaques.lowerBound
                + (self.opaque - SendFrame.opaques.lowerBound) % step
        self.since = now
        self.link = link
        return self.opaque
    }

    mutating func end() { self.since = nil }
}

/// A connection to one broker.
private final class SendLink {
    let address: String
    var outgoing = ByteBuffer()
    private var channel: (any Channel)?
    private var isOpening = false

    init(_ address: String) { self.address = address }

    var isOpen: Bool { self.channel?.isActive ?? false }

    func open(_ load: SendLoad, on loop: any EventLoop) -> EventLoopFuture<Void> {
        guard !self.isOpening, let colon = self.address.lastIndex(of: ":"),
            let port = Int(self.address[self.address.index(after: colon)...])
        else { return loop.makeSucceededVoidFuture() }
        self.isOpening = true
        self.outgoing.clear()
        let bound = NIOLoopBound((load, self), eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (load, link) = bound.value
                    try channel.pipeline.syncOperations.addHandler(SendHandler(load, link))
                }
            }
            .connect(host: String(self.address[..<colon]), port: port)
            .assumeIsolated()
            .map { self.channel = $0 }
            .always { _ in self.isOpening = false }
            .nonisolated()
    }

    func flush() {
        guard self.outgoing.readableBytes > 0, let channel = self.channel else { return }
        channel.writeAndFlush(self.outgoing, promise: nil)
        self.outgoing = ByteBuffer()
    }

    func close() -> EventLoopFuture<Void>? { self.channel?.close() }
}

private final class SendHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let load: SendLoad
    private let link: SendLink
    private var decoder = FrameDecoder()
    private var answers: [ReceivedCommand] = []

    init(_ load: SendLoad, _ link: SendLink) {
        self.load = load
        self.link = link
    }

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

    func channelInactive(context: ChannelHandlerContext) { self.load.lost(self.link) }
}
