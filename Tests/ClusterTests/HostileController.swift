import MessageFormat
import NIOCore
import NIOPosix
import PeerTransport
import Synchronization

/// A peer of a controller's Raft port that lies. Bytes as docs/formats/raft.md gives them.
struct HostileController {
    let address: String

    static func hello(group: String, from: String, to: String) -> [UInt8] {
        var bytes: [UInt8] = [1] + Array("APUSRAFT".utf8) + [1]
        for name in [group, from, to] { bytes += [UInt8(name.utf8.count)] + Array(name.utf8) }
        return bytes
    }

    /// A message of Raft: version, kind, from, to, term, and whatever comes then.
    static func message(_ kind: UInt8, from: String, term: UInt64, _ rest: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [4, 1, kind]
        for name in [from, "n0"] { bytes += [UInt8(name.utf8.count)] + Array(name.utf8) }
        bytes.append(bigEndian: term)
        return bytes + rest
    }

    static var speeches: [[[UInt8]]] {
        let greeting = Self.hello(group: "apus", from: "n1", to: "n0")
        let ones = [UInt8](repeating: 0xFF, count: 40)
        let leaderOfFuture = Self.message(5, from: "n1", term: .max, ones)
        let snapshot = Self.message(7, from: "n1", term: 1 << 19, ones + ones)
        let stranger = Self.message(3, from: "n2", term: 1, [UInt8](repeating: 0, count: 17))
        return [
            [[0]], [[4]], [[255, 1, 2]], [ones], [[5]], [[2]], [[1]],
            [[UInt8](repeating: 1, count: 100_000)],
            [Self.hello(group: "other", from: "n1", to: "n0")],
            [Self.hello(group: "apus", from: "n1", to: "n2")],
            [Self.hello(group: "apus", from: "n0", to: "n0")],
            [Self.hello(group: "apus", from: "who", to: "n0")],
            [greeting, greeting], [greeting, leaderOfFuture], [greeting, snapshot],
            [greeting, stranger], [greeting, [4]], [greeting, [4, 1, 99]], [greeting, [3, 65]],
        ]
    }

    /// Says all this, and goes when the other side has closed the link, or soon.
    func say(_ payloads: [[UInt8]]) async throws {
        _ = try await self.say(payloads) { link, _ in
            await eventually(within: .milliseconds(200)) { link.closeReason != nil }
        }
    }

    /// Says all this and returns the first answer.
    func ask(_ payloads: [[UInt8]]) async throws -> [UInt8]? {
        try await self.say(payloads) { _, ear in
            await eventually { ear.heard.withLock { !$0.isEmpty } }
        }.first
    }

    private func say(
        _ payloads: [[UInt8]], until isEnough: (PeerLink, Ear) async -> Bool
    ) async throws -> [[UInt8]] {
        let ear = Ear()
        let link = try await PeerConnector.connect(
            to: self.address, on: MultiThreadedEventLoopGroup.singleton.next(), delegate: ear,
            logger: InProcessCluster.quiet()
        ).get()
        for payload in payloads { link.send(payload) }
        _ = await isEnough(link, ear)
        link.close()
        return ear.heard.withLock { $0 }
    }

    private final class Ear: PeerLinkDelegate {
        let heard = Mutex<[[UInt8]]>([])

        func opened(_ link: PeerLink) {}
        func received(_ payloads: [ByteBuffer], from link: PeerLink) {
            self.heard.withLock { $0 += payloads.map { Array($0.readableBytesView) } }
        }
        func closed(_ link: PeerLink) {}
    }
}
