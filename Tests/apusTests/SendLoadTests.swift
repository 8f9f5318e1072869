import Chaos
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import Synchronization
import TestSupport
import Testing

@testable import apus

@Suite("A generator of load and its connections", .realTime)
struct SendLoadTests {
    /// Longer and longer, until there was time enough for all.
    private static let times = (0..<7).map { Duration.milliseconds(200 << $0) }

    @Test("a broker that closes the connection is connected again, and refusals are told apart")
    func reconnecting() async throws {
        var counts = BenchTotals.Counts()
        for time in Self.times where counts.messages < 3 {
            counts = try await Self.load(for: time)
            #expect(counts.refused <= 1)
        }
        #expect(counts.messages >= 3)
        #expect(counts.refused == 1)
        #expect(counts.errors >= 2)
        #expect(counts.firstError?.hasSuffix(" closed") == true)
    }

    /// One send at a time. The broker answers the first, closes on the second and refuses the third.
    private static func load(for time: Duration) async throws -> BenchTotals.Counts {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let script = Script(.answer, .close, .refuse)
        let server = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ScriptedBroker(script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let totals = BenchTotals()
        let plan = SendFlow.Plan(
            bodyBytes: 1, inFlight: 1, rate: nil, beginAt: Recorder.now,
            endAt: Recorder.now + time, timeout: .seconds(10), turn: 0)
        let frame = SendFrame(RemotingCommand.request(.sendMessageV2, body: [1]))
        let address = "127.0.0.1:\(server.localAddress?.port ?? 0)"
        await SendLoad.run(plan, to: [(frame, address)], totals, on: loop)
        try await server.close()
        return totals.sum
    }
}

/// What happens to the requests of all connections, one after the other.
private final class Script: Sendable {
    enum Line { case answer, refuse, close }

    private let beginning: Mutex<[Line]>

    init(_ lines: Line...) { self.beginning = Mutex(lines) }

    /// At its end everything is answered.
    func next() -> Line {
        self.beginning.withLock { $0.isEmpty ? .answer : $0.removeFirst() }
    }
}

private final class ScriptedBroker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: Script
    private var decoder = FrameDecoder()

    init(_ script: Script) { self.script = script }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.append(self.unwrapInboundIn(data))
        while let request = try? self.decoder.next() {
            let line = self.script.next()
            guard line != .close else { return context.close(promise: nil) }
            var bytes = ByteBuffer()
            RemotingCommand.response(line == .refuse ? .systemBusy : .success, to: request.opaque)
                .encode(into: &bytes)
            context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
        }
    }
}
