import Chaos
import Foundation
import Glibc
import MessageFormat
import RemotingProtocol
import TestSupport
import Testing

@Suite("Bad input costs the sender only", .serialized, .realTime)
struct HostileBytesTests {
    /// Opens a connection, sends the bytes, and waits until the peer answers or closes.
    private func throwBytes(_ bytes: [UInt8], at port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var timeout = timeval(tv_sec: 0, tv_usec: 20_000)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return }
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer = [UInt8](repeating: 0, count: 4_096)
        _ = recv(descriptor, &answer, answer.count, 0)
    }

    /// Frames that lie, garbage, and sound frames with absurd fields; from a fixed seed.
    private func hostileFrames() -> [[UInt8]] {
        var random = SeededRandom(state: 42)
        var frames: [[UInt8]] = [
            [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0],
            [0, 0, 0, 4, 0, 0xFF, 0xFF, 0xFF], [0, 0, 0, 8, 9, 0, 0, 4, 1, 2, 3, 4],
        ]
        for _ in 0..<60 {
            let count = Int(random.next() % 300)
            frames.append((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
        let headers = [
            #"{"code":310,"flag":0,"opaque":1,"extFields":{"a":"g","b":"../x","e":"-5"}}"#,
            #"{"code":310,"extFields":{"b":"\u0000"}}"#,
            #"{"code":11,"extFields":{"consumerGroup":"g","topic":"T","queueId":"-1","#
                + #""queueOffset":"-9","maxMsgNums":"-3","sysFlag":"0","commitOffset":"0","#
                + #""suspendTimeoutMillis":"99999999999999","subVersion":"0"}}"#,
            #"{"code":15,"extFields":{"consumerGroup":"/","topic":"T","queueId":"9","#
                + #""commitOffset":"-1"}}"#,
            String(repeating: "[", count: 100_000), #"{"code":1e400}"#,
        ]
        for header in headers {
            let bytes = Array(header.utf8)
            var frame: [UInt8] = []
            frame.append(bigEndian: UInt32(4 + bytes.count))
            frame.append(bigEndian: UInt32(bytes.count))
            frames.append(frame + bytes)
        }
        return frames
    }

    @Test("garbage on both servers' ports harms nobody, and nothing of it is stored")
    func garbage() async throws {
        try await withCluster { cluster in
            let broker = try #require(try await cluster.access.masters().first).address
            let ports = [broker, cluster.nameServer].compactMap {
                $0.split(separator: ":").last.flatMap { UInt16($0) }
            }
            let frames = self.hostileFrames()
            let attack = Task.detached {
                for frame in frames { for port in ports { self.throwBytes(frame, at: port) } }
            }
            let queue = MessageQueue(topic: "T", brokerName: "broker-a", queueID: 0)
            var acknowledged: Int64 = 0
            for number in 0..<100 {
                let command = SendTemplate(producerGroup: "PG").command(
                    Array("m\(number)".utf8), to: queue, at: Timestamp(milliseconds: 1))
                _ = try await cluster.access.call(command, to: broker)
                acknowledged += 1
            }
            await attack.value
            let end = try await cluster.access.maxOffset(
                of: RoutedQueue(queue: queue, address: broker))
            #expect(end.value == acknowledged)
            #expect(try await cluster.access.topics().contains("../x") == false)
        }
    }
}

/// A small generator with a fixed start: the same bytes each run.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return self.state >> 11
    }
}
