import Logging
import NIOCore
import NIOPosix
import PeerTransport
import Synchronization

let loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A delegate whose behaviour is a closure and whose history can be awaited.
final class TestPeer: PeerLinkDelegate {
    typealias Behaviour = @Sendable ([ByteBuffer], PeerLink) -> Void

    enum Event: Sendable {
        case opened(PeerLink)
        case received([[UInt8]])
        case writable
        case closed(PeerCloseReason?)
    }

    private let events: AsyncStream<Event>
    private let log: AsyncStream<Event>.Continuation
    private let behaviour: Behaviour

    init(_ behaviour: @escaping Behaviour = { _, _ in }) {
        (self.events, self.log) = AsyncStream.makeStream()
        self.behaviour = behaviour
    }

    static func echo() -> TestPeer {
        TestPeer { payloads, link in for payload in payloads { link.send(payload.bytes) } }
    }

    func opened(_ link: PeerLink) { self.log.yield(.opened(link)) }

    func received(_ payloads: [ByteBuffer], from link: PeerLink) {
        self.behaviour(payloads, link)
        self.log.yield(.received(payloads.map(\.bytes)))
    }

    func becameWritable(_ link: PeerLink) { self.log.yield(.writable) }

    func closed(_ link: PeerLink) { self.log.yield(.closed(link.closeReason)) }

    func nextOpen() async -> PeerLink? {
        for await case .opened(let link) in self.events { return link }
        return nil
    }

    func nextBurst() async -> [[UInt8]] {
        for await case .received(let payloads) in self.events { return payloads }
        return []
    }

    func nextClose() async -> PeerCloseReason? {
        for await case .closed(let reason) in self.events { return reason }
        return nil
    }

    func nextWritable() async -> Bool {
        for await case .writable in self.events { return true }
        return false
    }
}

extension ByteBuffer {
    var bytes: [UInt8] { Array(self.readableBytesView) }
}

/// Runs a listener on a free port for the length of `body`.
func withListener(
    _ delegate: TestPeer, limits: PeerLinkLimits = PeerLinkLimits(),
    _ body: (PeerListener) async throws -> Void
) async throws {
    let listener = try await PeerListener.bind(
        host: "127.0.0.1", port: 0, group: loops, delegate: delegate, limits: limits, logger: quiet)
    do {
        try await body(listener)
    } catch {
        await listener.close()
        throw error
    }
    await listener.close()
}

func connect(
    to port: Int, _ delegate: TestPeer, limits: PeerLinkLimits = PeerLinkLimits()
) async throws -> PeerLink {
    try await PeerConnector.connect(
        to: "127.0.0.1:\(port)", on: loops.next(), delegate: delegate, limits: limits,
        logger: quiet
    ).get()
}

/// A peer that sends any bytes, and reads only when it wants to.
struct RawPeer {
    private let channel: any Channel
    private let ended: EventLoopFuture<Void>

    static func connect(to port: Int, isReading: Bool = true) async throws -> RawPeer {
        let channel = try await ClientBootstrap(group: loops)
            .channelOption(.autoRead, value: isReading)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_rcvbuf), value: 64 << 10)
            .connect(host: "127.0.0.1", port: port).get()
        return RawPeer(channel: channel, ended: channel.closeFuture)
    }

    func send(_ bytes: [UInt8]) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func startReading() async throws {
        try await self.channel.setOption(.autoRead, value: true).get()
    }

    func untilClosed() async throws { try await self.ended.get() }
}
