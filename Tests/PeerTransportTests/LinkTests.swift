import Glibc
import NIOCore
import PeerTransport
import TestSupport
import Testing

@Suite("Links between servers", .realTime)
struct LinkTests {
    @Test("a port is free when its listener has closed, even if a starting child has a copy of it")
    func inheritedSocket() async throws {
        func listen(_ port: Int) async throws -> PeerListener {
            try await PeerListener.bind(
                host: "127.0.0.1", port: port, group: loops, delegate: TestPeer(), logger: quiet)
        }
        let listener = try await listen(0)
        let copy = try #require(copyOfListener(on: listener.port))
        defer { close(copy) }
        await listener.close()
        let next = try await listen(listener.port)
        await next.close()
    }

    @Test("a payload goes there and back; both sides hear of opening and closing")
    func roundTrip() async throws {
        let server = TestPeer.echo()
        let client = TestPeer()
        try await withListener(server) { listener in
            let link = try await connect(to: listener.port, client)
            #expect(link.isOutgoing)
            #expect(await client.nextOpen()?.id == link.id)
            #expect(await server.nextOpen()?.isOutgoing == false)
            link.send([1, 2, 3])
            #expect(await client.nextBurst() == [[1, 2, 3]])
            link.close()
            #expect(await client.nextClose() == .closedHere)
            #expect(await server.nextClose() == .closedByPeer)
        }
    }

    @Test("payloads of one turn arrive together and in order")
    func oneBurst() async throws {
        let server = TestPeer()
        try await withListener(server) { listener in
            let link = try await connect(to: listener.port, TestPeer())
            link.eventLoop.execute { for number in UInt8(1)...20 { link.send([number], [0]) } }
            #expect(await server.nextBurst() == (1...20).map { [$0, 0] })
        }
    }

    @Test("a payload of sixteen megabytes in two pieces comes whole, and the next one, too")
    func largePayload() async throws {
        let server = TestPeer()
        try await withListener(server) { listener in
            let link = try await connect(to: listener.port, TestPeer())
            let body = [UInt8](repeating: 0xA7, count: 16 << 20)
            link.send([1, 2], body)
            link.send([9])
            var payloads: [[UInt8]] = []
            while payloads.count < 2 { payloads += await server.nextBurst() }
            #expect(payloads[0] == [1, 2] + body)
            #expect(payloads[1] == [9])
            #expect(link.closeReason == nil)
        }
    }

    @Test("too large a payload is never sent: the link ends and says why")
    func tooLarge() async throws {
        var limits = PeerLinkLimits()
        limits.payloadBytesMax = 100
        let client = TestPeer()
        try await withListener(TestPeer()) { listener in
            let link = try await connect(to: listener.port, client, limits: limits)
            link.send([UInt8](repeating: 0, count: 101))
            guard case .failed(let reason)? = await client.nextClose() else {
                return #expect(Bool(false), "closed because of its own mistake")
            }
            #expect(reason.contains("101"))
        }
    }

    @Test("nobody listens: the attempt fails with the address, and the delegate hears nothing")
    func nobodyThere() async throws {
        let server = TestPeer()
        var port = 0
        try await withListener(server) { port = $0.port }
        let error = await #expect(throws: PeerConnectError.self) {
            _ = try await connect(to: port, TestPeer())
        }
        #expect(error?.address == "127.0.0.1:\(port)")
        await #expect(throws: PeerConnectError.self) {
            _ = try await PeerConnector.connect(
                to: "nonsense", on: loops.next(), delegate: TestPeer(), logger: quiet
            ).get()
        }
    }

    @Test("a listener that closes takes its links with it")
    func closing() async throws {
        let client = TestPeer()
        try await withListener(.echo()) { listener in
            let link = try await connect(to: listener.port, client)
            link.send([1])
            _ = await client.nextBurst()
        }
        #expect(await client.nextClose() == .closedByPeer)
    }
}
