import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport

/// A peer that sends any bytes and sees what comes back: frames until the end.
struct RawPeer {
    private let channel: any Channel
    private var arrived: AsyncStream<ByteBuffer>.Iterator
    private var decoder = FrameDecoder()

    static func connect(to port: Int, isReading: Bool = true) async throws -> RawPeer {
        let (stream, continuation) = AsyncStream<ByteBuffer>.makeStream()
        let channel = try await ClientBootstrap(group: loops)
            .channelOption(.autoRead, value: isReading)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawPeer(channel: channel, arrived: stream.makeAsyncIterator())
    }

    private init(channel: any Channel, arrived: AsyncStream<ByteBuffer>.Iterator) {
        self.channel = channel
        self.arrived = arrived
    }

    func send(_ bytes: some Sequence<UInt8> & Sendable) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Each byte with a system call of its own.
    func sendSingly(_ bytes: some Sequence<UInt8> & Sendable) async throws {
        let channel = self.channel
        try await channel.eventLoop.flatSubmit {
            for byte in bytes { channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil) }
            return channel.writeAndFlush(ByteBuffer())
        }.get()
    }

    func startReading() async throws {
        try await self.channel.setOption(.autoRead, value: true).get()
    }

    func close() async throws {
        try await self.channel.close()
    }

    /// The next frame, or nil when the other side has closed.
    mutating func next() async throws -> ReceivedCommand? {
        while true {
            if let command = try self.decoder.next() { return command }
            guard let bytes = await self.arrived.next(isolation: nil) else { return nil }
            self.decoder.append(bytes)
        }
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let arrived: AsyncStream<ByteBuffer>.Continuation

    init(_ arrived: AsyncStream<ByteBuffer>.Continuation) { self.arrived = arrived }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.arrived.yield(self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.arrived.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// The bytes of a request's frame.
func frame(_ opaque: Int32, name: String = "", body: [UInt8] = []) -> [UInt8] {
    var command = request(name, body: body)
    command.opaque = opaque
    var bytes = ByteBuffer()
    command.encode(into: &bytes)
    return Array(bytes.readableBytesView)
}
