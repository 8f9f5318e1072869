import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import TestSupport
import Testing

@testable import RemotingTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("What a server writes, accepts and closes", .realTime)
struct ServerTests {
    @Test("a port is free when its server has closed, even if a starting child has a copy of it")
    func inheritedSocket() async throws {
        func listen(_ port: Int) async throws -> RemotingServer {
            try await RemotingServer.bind(
                host: "127.0.0.1", port: port, group: loops, delegate: TestServer.silent(),
                logger: quiet)
        }
        let server = try await listen(0)
        let copy = try #require(copyOfListener(on: server.port))
        defer { close(copy) }
        await server.close()
        let next = try await listen(server.port)
        await next.close()
    }

    @Test("answers from many threads arrive whole, each thread's in its order")
    func manyThreads() async throws {
        let delegate = TestServer.silent()
        try await withServer(delegate) { server in
            var peer = try await RawPeer.connect(to: server.port)
            let connection = try #require(await delegate.nextOpen())
            await withTaskGroup { group in
                for task in Int32(0)..<8 {
                    group.addTask {
                        for index in Int32(0)..<100 {
                            connection.send(.response(.success, to: task * 100 + index))
                        }
                    }
                }
            }
            var next = (Int32(0)..<8).map { $0 * 100 }
            for _ in 0..<800 {
                let opaque = try #require(try await peer.next()).opaque
                #expect(opaque == next[Int(opaque / 100)])
                next[Int(opaque / 100)] += 1
            }
        }
    }

    @Test("large and small answers keep their order")
    func mixedSizes() async throws {
        let sizes = [10, 100_000, 20, 5_000, 30, 40, 1_000_000, 50]
        let delegate = TestServer { _, connection in
            for (index, size) in sizes.enumerated() {
                connection.send(
                    .response(
                        .success, to: Int32(index),
                        body: [UInt8](repeating: UInt8(index), count: size)))
            }
        }
        try await withServer(delegate) { server in
            var peer = try await RawPeer.connect(to: server.port)
            try await peer.send(frame(1))
            for (index, size) in sizes.enumerated() {
                let answer = try #require(try await peer.next())
                #expect(answer.opaque == Int32(index))
                #expect(
                    Array(answer.body.readableBytesView)
                        == [UInt8](repeating: UInt8(index), count: size))
            }
        }
    }

    @Test("a peer that does not read is cut off before it costs much memory")
    func slowReader() async throws {
        var options = RemotingServerOptions()
        options.connections.outboundBytesMax = 4 << 20
        let delegate = TestServer { _, connection in
            let piece = ByteBuffer(repeating: 0, count: 1 << 20)
            for _ in 0..<64 { connection.send(piece) }
        }
        try await withServer(delegate, options: options) { server in
            let peer = try await RawPeer.connect(to: server.port, isReading: false)
            try await peer.send(frame(1))
            guard case .slowReader(let bytes) = await delegate.nextClose() else {
                Issue.record("not closed as a slow reader")
                return
            }
            #expect(bytes <= 5 << 20)
        }
    }

    @Test("a connection is not writable while its peer rests, and says when it is again")
    func writability() async throws {
        let delegate = TestServer { _, connection in
            connection.send(
                .response(.success, to: 1, body: [UInt8](repeating: 1, count: 15 << 20)))
        }
        try await withServer(delegate) { server in
            var peer = try await RawPeer.connect(to: server.port, isReading: false)
            let connection = try #require(await delegate.nextOpen())
            try await peer.send(frame(1))
            #expect(await delegate.nextBurst() == 1)
            try await connection.eventLoop.submit {}.get()
            #expect(!connection.isWritable)

            try await peer.startReading()
            for await case .writable in delegate.events { break }
            #expect(connection.isWritable)
            #expect(try await peer.next()?.body.readableBytes == 15 << 20)
        }
    }

    @Test("connections beyond the limit are closed and nobody else notices")
    func connectionLimit() async throws {
        var options = RemotingServerOptions()
        options.connectionsMax = 1
        let delegate = TestServer.echo()
        try await withServer(delegate, options: options) { server in
            var first = try await RawPeer.connect(to: server.port)
            _ = await delegate.nextOpen()
            var second = try await RawPeer.connect(to: server.port)
            #expect(try await second.next() == nil)
            try await first.send(frame(1))
            #expect(try await first.next()?.opaque == 1)
            #expect(delegate.connectionsEver == 1)

            try await first.close()
            _ = await delegate.nextClose()
            var third = try await RawPeer.connect(to: server.port)
            try await third.send(frame(3))
            #expect(try await third.next()?.opaque == 3)
        }
    }

    @Test("a server that stops accepting still serves those who are connected")
    func stopAccepting() async throws {
        let delegate = TestServer.echo()
        try await withServer(delegate) { server in
            var peer = try await RawPeer.connect(to: server.port)
            _ = await delegate.nextOpen()
            server.stopAccepting()
            try await peer.send(frame(1))
            #expect(try await peer.next()?.opaque == 1)

            await server.close()
            #expect(try await peer.next() == nil)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("out of file descriptors, accepting rests for a while and goes on")
    func acceptPause() async throws {
        let registry = ConnectionRegistry(
            delegate: TestServer.echo(), options: RemotingServerOptions(), logger: quiet)
        let channel = try await RemotingServer.bootstrap(
            group: loops, registry: registry, options: RemotingServerOptions(), logger: quiet
        ).bind(host: "127.0.0.1", port: 0).get()
        let error = IOError(errnoCode: EMFILE, reason: "accept")
        let isAccepting = try await channel.eventLoop.submit {
            channel.pipeline.fireErrorCaught(error)
            return try channel.syncOptions?.getOption(.autoRead)
        }.get()
        #expect(isAccepting == false)

        var peer = try await RawPeer.connect(to: try #require(channel.localAddress?.port))
        try await peer.send(frame(1))
        #expect(try await peer.next()?.opaque == 1)
        #expect(try await channel.getOption(.autoRead).get())
        try await channel.close()
    }

    @Test("both ends know their addresses")
    func addresses() async throws {
        let delegate = TestServer.silent()
        try await withServer(delegate) { server in
            _ = try await RawPeer.connect(to: server.port)
            let connection = try #require(await delegate.nextOpen())
            #expect(connection.local.description == "127.0.0.1:\(server.port)")
            #expect(connection.remote.ip == [127, 0, 0, 1])
            #expect(connection.remote.port > 0)
        }
    }

    @Test("an IPv4 peer of a dual-stack socket keeps its own address")
    func mappedAddress() throws {
        let mapped = try SocketAddress(ipAddress: "::ffff:10.1.2.3", port: 77)
        #expect(HostAddress(mapped).description == "10.1.2.3:77")
    }
}
