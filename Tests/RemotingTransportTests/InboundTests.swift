import NIOCore
import RemotingProtocol
import RemotingTransport
import TestSupport
import Testing

@Suite("What a server reads", .realTime)
struct InboundTests {
    @Test("frames of one write reach the delegate as one burst and are answered in order")
    func oneBurst() async throws {
        let delegate = TestServer.echo()
        try await withServer(delegate) { server in
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.send((1...10).flatMap { frame($0) })
            for opaque in Int32(1)...10 {
                #expect(try await peer.next()?.opaque == opaque)
            }
            #expect(await delegate.nextBurst() == 10)
        }
    }

    @Test("frames that come byte by byte are whole when they arrive")
    func byteByByte() async throws {
        try await withServer(.echo()) { server in
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.sendSingly(frame(1, body: [7, 8]) + frame(2, body: [9]))
            let first = try #require(try await peer.next())
            let second = try #require(try await peer.next())
            #expect(Array(first.body.readableBytesView) == [7, 8])
            #expect(Array(second.body.readableBytesView) == [9])
        }
    }

    @Test("a frame larger than any read buffer comes whole")
    func largeFrame() async throws {
        try await withServer(.echo()) { server in
            let body = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.send(frame(1, body: body) + frame(2))
            let first = try #require(try await peer.next())
            #expect(Array(first.body.readableBytesView) == body)
            #expect(try await peer.next()?.opaque == 2)
        }
    }

    @Test("bytes that are no frame close the connection without an answer, and only that one")
    func garbage() async throws {
        let delegate = TestServer.echo()
        try await withServer(delegate) { server in
            var good = try await RawPeer.connect(to: server.port)
            var bad = try await RawPeer.connect(to: server.port)
            try await bad.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            #expect(try await bad.next() == nil)
            #expect(await delegate.nextClose()?.isBadFrame == true)

            try await good.send(frame(1))
            #expect(try await good.next()?.opaque == 1)
        }
    }

    @Test(
        "a length that cannot be true closes the connection",
        arguments: [
            [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0], [1, 0, 0, 0],
            [0, 0, 0, 8, 0, 0, 0, 9, 1, 2, 3, 4],
        ] as [[UInt8]])
    func lyingLength(bytes: [UInt8]) async throws {
        let delegate = TestServer.echo()
        try await withServer(delegate) { server in
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.send(bytes)
            #expect(try await peer.next() == nil)
            #expect(await delegate.nextClose()?.isBadFrame == true)
        }
    }

    @Test("what came whole before the nonsense is still served")
    func goodThenBad() async throws {
        try await withServer(.echo()) { server in
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.send(frame(1) + frame(2) + [0xff, 0xff, 0xff, 0xff])
            #expect(try await peer.next()?.opaque == 1)
            #expect(try await peer.next()?.opaque == 2)
            #expect(try await peer.next() == nil)
        }
    }

    @Test("a sender that does not finish its frame in time is cut off")
    func slowSender() async throws {
        var options = RemotingServerOptions()
        options.connections.frameTime = .milliseconds(50)
        let delegate = TestServer.echo()
        try await withServer(delegate, options: options) { server in
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.send(frame(1) + frame(2).prefix(9))
            #expect(try await peer.next()?.opaque == 1)
            #expect(try await peer.next() == nil)
            #expect(await delegate.nextClose() == .slowSender(bytes: 9))
        }
    }

    @Test("a connection that neither reads nor writes is closed")
    func idle() async throws {
        var options = RemotingServerOptions()
        options.connections.idleTime = .milliseconds(50)
        let delegate = TestServer.echo()
        try await withServer(delegate, options: options) { server in
            var peer = try await RawPeer.connect(to: server.port)
            #expect(try await peer.next() == nil)
            #expect(await delegate.nextClose() == .idle)
        }
    }
}

extension CloseReason {
    var isBadFrame: Bool {
        if case .badFrame = self { true } else { false }
    }
}
