import MessageFormat
import NIOCore
import PeerTransport
import TestSupport
import Testing

@Suite("Hostile peers", .realTime)
struct HostilePeerTests {
    private static func frame(_ payload: [UInt8]) -> [UInt8] { PeerFrame.encode(payload).bytes }

    @Test("a wrong checksum closes the link, and only that one; what came before it counts")
    func wrongChecksum() async throws {
        let server = TestPeer()
        try await withListener(server) { listener in
            let good = try await connect(to: listener.port, TestPeer())
            let bad = try await RawPeer.connect(to: listener.port)
            var broken = Self.frame([4, 5, 6])
            broken[broken.count - 1] ^= 1
            try await bad.send(Self.frame([1]) + broken + Self.frame([2]))
            #expect(await server.nextBurst() == [[1]])
            guard case .badFrame(.wrongChecksum)? = await server.nextClose() else {
                return #expect(Bool(false), "closed because of the checksum")
            }
            try await bad.untilClosed()
            good.send([7])
            #expect(await server.nextBurst() == [[7]])
        }
    }

    @Test(
        "a length that no payload has closes the link at once",
        arguments: [0, 20 << 20 + 1, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func lyingLength(length: UInt32) async throws {
        let server = TestPeer()
        try await withListener(server) { listener in
            let bad = try await RawPeer.connect(to: listener.port)
            try await bad.send((0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) })
            #expect(
                await server.nextClose()
                    == .badFrame(.wrongLength(Int(length), bytesMax: 20 << 20)))
            try await bad.untilClosed()
        }
    }

    @Test("who only listens for short words takes no long ones, and sends what it likes")
    func receivedLimit() async throws {
        let long = [UInt8](repeating: 3, count: 10_000)
        let server = TestPeer { _, link in link.send(long) }
        let client = TestPeer()
        var limits = PeerLinkLimits()
        limits.receivedPayloadBytesMax = 100
        try await withListener(server, limits: limits) { listener in
            let link = try await connect(to: listener.port, client)
            link.send([1])
            #expect(await client.nextBurst() == [long])
            link.send(long)
            #expect(await server.nextClose() == .badFrame(.wrongLength(10_000, bytesMax: 100)))
        }
    }

    @Test("who has not said yet who it is makes nobody hold much")
    func firstPayload() async throws {
        let server = TestPeer()
        var limits = PeerLinkLimits()
        limits.firstPayloadBytesMax = 100
        try await withListener(server, limits: limits) { listener in
            let bad = try await RawPeer.connect(to: listener.port)
            try await bad.send([0, 0, 0, 101])
            #expect(await server.nextClose() == .badFrame(.wrongLength(101, bytesMax: 100)))

            let long = [UInt8](repeating: 3, count: 10_000)
            let link = try await connect(to: listener.port, TestPeer())
            link.send([1])
            #expect(await server.nextBurst() == [[1]])
            link.send(long)
            #expect(await server.nextBurst() == [long])
        }
    }

    @Test("a frame that does not become whole in time closes the link")
    func slowFrame() async throws {
        let server = TestPeer()
        var limits = PeerLinkLimits()
        limits.frameTime = .milliseconds(100)
        try await withListener(server, limits: limits) { listener in
            let bad = try await RawPeer.connect(to: listener.port)
            try await bad.send([0, 0, 1, 0, 9])
            #expect(await server.nextClose() == .slowSender(bytes: 5))
        }
    }

    @Test("a link on which nothing happens is closed")
    func idle() async throws {
        let server = TestPeer()
        var limits = PeerLinkLimits()
        limits.idleTime = .milliseconds(100)
        try await withListener(server, limits: limits) { listener in
            _ = try await RawPeer.connect(to: listener.port)
            #expect(await server.nextClose() == .idle)
        }
    }

    @Test("who never reads what was asked for is cut off; memory stays bounded")
    func flood() async throws {
        let server = TestPeer { payloads, link in
            for _ in payloads { link.send([UInt8](repeating: 1, count: 1 << 20)) }
        }
        var limits = PeerLinkLimits()
        limits.outboundBytesMax = 8 << 20
        try await withListener(server, limits: limits) { listener in
            let bad = try await RawPeer.connect(to: listener.port, isReading: false)
            for _ in 0..<64 { try? await bad.send(Self.frame([1])) }
            guard case .slowReader? = await server.nextClose() else {
                return #expect(Bool(false), "closed because nothing was read")
            }
        }
    }

    @Test("a peer whose system takes nothing for a while is cut off")
    func stalled() async throws {
        let server = TestPeer { payloads, link in
            link.send([UInt8](repeating: 1, count: 12 << 20))
        }
        var limits = PeerLinkLimits()
        limits.stallTime = .milliseconds(200)
        try await withListener(server, limits: limits) { listener in
            let bad = try await RawPeer.connect(to: listener.port, isReading: false)
            try await bad.send(Self.frame([1]))
            guard case .slowReader? = await server.nextClose() else {
                return #expect(Bool(false), "closed because nothing was read")
            }
        }
    }

    @Test("a link says when it is writable again")
    func writable() async throws {
        let server = TestPeer { _, link in
            for _ in 0..<12 { link.send([UInt8](repeating: 1, count: 1 << 20)) }
        }
        try await withListener(server) { listener in
            let peer = try await RawPeer.connect(to: listener.port, isReading: false)
            try await peer.send(Self.frame([1]))
            let link = try #require(await server.nextOpen())
            _ = await server.nextBurst()
            #expect(!link.isWritable)
            try await peer.startReading()
            #expect(await server.nextWritable())
            #expect(link.isWritable)
        }
    }

    @Test("more links than admitted are closed; those that are there stay")
    func tooManyLinks() async throws {
        let server = TestPeer.echo()
        let client = TestPeer()
        var limits = PeerLinkLimits()
        limits.linksMax = 1
        try await withListener(server, limits: limits) { listener in
            let first = try await connect(to: listener.port, client)
            _ = await server.nextOpen()
            let second = try await RawPeer.connect(to: listener.port)
            try await second.untilClosed()
            first.send([5])
            #expect(await client.nextBurst() == [[5]])
            #expect(listener.linkCount == 1)
        }
    }
}

@Suite("Frames of peers")
struct PeerFrameTests {
    @Test("whatever the cuts, the same payloads come out")
    func anyCuts() throws {
        let payloads = (1...40).map { [UInt8](repeating: UInt8($0), count: $0 * 37 % 300 + 1) }
        let stream = payloads.flatMap { PeerFrame.encode($0).bytes }
        for step in [1, 2, 3, 7, 8, 9, 100, 1_000] {
            var decoder = PeerFrameDecoder(bytesMax: 1 << 20)
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: stream.count, by: step) {
                let end = min(start + step, stream.count)
                decoder.append(ByteBuffer(bytes: stream[start..<end]))
                while let payload = try decoder.next() { found.append(payload.bytes) }
            }
            #expect(found == payloads, "cut each \(step) bytes")
            #expect(decoder.bufferedBytes == 0)
        }
    }

    @Test("random bytes are refused or wait for more; they never come out as a payload")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let count = Int.random(in: 1...64, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var decoder = PeerFrameDecoder(bytesMax: 1 << 20)
            decoder.append(ByteBuffer(bytes: bytes))
            #expect(((try? decoder.next()) ?? nil) == nil, "\(bytes)")
        }
    }
}
