import NIOCore
import NIOEmbedded
import RemotingProtocol
import TestSupport
import Testing

@testable import RemotingTransport

@Suite("Peers that cost more than they may")
struct HostileConnectionTests {
    @Test("a frame is complete ten seconds after its first byte, however often a byte comes")
    func dribble() throws {
        let peer = try VirtualConnection(of: .echo())
        let bytes = frame(1)
        for byte in bytes.prefix(9) {
            try peer.receive([byte])
            peer.pass(.seconds(1))
            #expect(peer.isOpen)
        }
        try peer.receive(bytes[9..<12])
        peer.pass(.milliseconds(999))
        #expect(peer.isOpen)
        peer.pass(.milliseconds(1))
        #expect(!peer.isOpen)
    }

    @Test("a frame in time is answered, and the next one has ten seconds of its own")
    func slowButInTime() throws {
        let peer = try VirtualConnection(of: .echo())
        for opaque in Int32(1)...3 {
            let bytes = frame(opaque)
            try peer.receive(bytes.prefix(20))
            peer.pass(.seconds(9))
            try peer.receive(bytes.dropFirst(20))
            #expect(try peer.sent() != nil)
        }
        #expect(peer.isOpen)
    }

    @Test("a peer that is half open is gone after 120 seconds, one that speaks is not")
    func halfOpen() throws {
        let silent = try VirtualConnection(of: .echo())
        let alive = try VirtualConnection(of: .echo())
        for second in 1...4 {
            silent.pass(.seconds(30))
            alive.pass(.seconds(30))
            try alive.receive(frame(Int32(second)))
        }
        #expect(!silent.isOpen)
        #expect(alive.isOpen)
    }

    @Test("who reads nothing and asks on is cut off at the limit of one connection")
    func unreadOfOne() throws {
        var options = RemotingServerOptions()
        options.connections.outboundBytesMax = 1_000
        let peer = try VirtualConnection(of: .echo(), options: options)
        peer.channel.isWritable = false
        for opaque in Int32(1)...3 { try peer.receive(frame(opaque, body: Self.body(200))) }
        #expect(peer.isOpen)
        for opaque in Int32(4)...6 { try peer.receive(frame(opaque, body: Self.body(200))) }
        #expect(!peer.isOpen)
        #expect(peer.registry.unread.bytes == 0)
    }

    @Test("when all together leave too much unread, those go who leave most")
    func unreadOfAll() throws {
        var options = RemotingServerOptions()
        options.unreadBytesMax = 10_000
        let delegate = TestServer.echo()
        let first = try VirtualConnection(of: delegate, options: options)
        let peers =
            [first]
            + (0..<4).map { _ in
                try? VirtualConnection(of: delegate, registry: first.registry, options: options)
            }.compactMap { $0 }
        for peer in peers { peer.channel.isWritable = false }
        for (peer, count) in zip(peers, [500, 1_000, 4_000, 3_000, 500]) {
            try peer.receive(frame(1, body: Self.body(count)))
        }
        #expect(peers.map(\.isOpen) == [true, true, true, true, true])
        try peers[0].receive(frame(2, body: Self.body(1_000)))
        #expect(peers.map(\.isOpen) == [true, true, false, true, true])
        #expect(first.registry.unread.bytes <= 7_500)

        for peer in peers { peer.becomeWritable() }
        #expect(first.registry.unread.bytes == 0)
        #expect(try peers[0].sent() != nil)
    }

    @Test("when all together keep too much incomplete, those go who have taken longest")
    func unfinishedOfAll() throws {
        var options = RemotingServerOptions()
        options.unfinishedBytesMax = 10_000
        let delegate = TestServer.echo()
        let first = try VirtualConnection(of: delegate, options: options)
        let second = try VirtualConnection(
            of: delegate, registry: first.registry, options: options)
        let third = try VirtualConnection(of: delegate, registry: first.registry, options: options)
        let long = frame(1, body: Self.body(5_000))
        for peer in [second, first, third] {
            for other in [first, second, third] { other.pass(.seconds(1)) }
            try peer.receive(long.prefix(3_400))
        }
        #expect([first, second, third].map(\.isOpen) == [true, false, true])
        #expect(first.registry.unfinished.bytes == 6_800)
        for peer in [first, third] {
            try peer.receive(long.dropFirst(3_400))
            #expect(try peer.sent() != nil)
        }
        #expect(first.registry.unfinished.bytes == 0)
    }

    @Test("a peer that ends leaves nothing counted")
    func ended() throws {
        let peer = try VirtualConnection(of: .echo())
        peer.channel.isWritable = false
        try peer.receive(frame(1, body: Self.body(300)) + frame(2).prefix(7))
        #expect(peer.registry.unread.bytes > 300)
        #expect(peer.registry.unfinished.bytes == 7)
        try peer.channel.close().wait()
        #expect(peer.registry.unread.bytes == 0)
        #expect(peer.registry.unfinished.bytes == 0)
    }

    @Test("a flood of connections is one line in the log, and those that are served go on")
    func flood() throws {
        var options = RemotingServerOptions()
        options.connectionsMax = 2
        let lines = LogLines()
        let registry = ConnectionRegistry(
            delegate: TestServer.echo(), options: options, logger: lines.logger)
        let peers = try (0..<50).map { _ in
            try VirtualConnection(of: .echo(), registry: registry, options: options)
        }
        #expect(peers.filter(\.isOpen).count == 2)
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("too many connections") == true)
        #expect(lines.all.first?.contains("limit=2") == true)
        try peers[0].receive(frame(1))
        #expect(try peers[0].sent() != nil)
    }

    @Test(
        "connections leave files for the store",
        arguments: [(20_000, 1 << 20, 20_000), (20_000, 1_024, 512), (100, 1_024, 100), (9, 8, 4)])
    func openFiles(asked: Int, limit: Int, admitted: Int) {
        #expect(OpenFiles.connectionsMax(asked: asked, limit: limit) == admitted)
    }

    @Test("JSON of a thousand levels is refused like any other nonsense")
    func deepJSON() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep =
                String(repeating: open, count: 1_000) + "1" + String(repeating: close, count: 1_000)
            let peer = try VirtualConnection(of: .echo())
            let header = Array(#"{"code":1,"x":\#(deep)}"#.utf8)
            var bytes = ByteBuffer()
            bytes.writeInteger(UInt32(4 + header.count))
            bytes.writeInteger(UInt32(header.count))
            bytes.writeBytes(header)
            try peer.receive(bytes.readableBytesView)
            #expect(!peer.isOpen)
            #expect(throws: BodyError.self) { try JSONValue(parsing: deep) }
        }
    }

    private static func body(_ count: Int) -> [UInt8] { [UInt8](repeating: 1, count: count) }
}
