import Broker
import Chaos
import Controller
import Foundation
import MessageFormat
import Monitoring
import NIOCore
import NIOPosix
import NameServer
import RemotingProtocol
import TestSupport
import Testing

@Suite("servers tell how they are", .realTime)
struct MonitorTests {
    @Test("a broker's metrics count what was sent, and all of them can be read by Prometheus")
    func broker() async throws {
        try await withCluster(brokers: []) { cluster in
            let port = try ReservedPorts.one()
            try await cluster.start("broker-a") { $0.monitor = .init(port: .chosen(port)) }
            let health = try await Self.get("/healthz", at: port)
            #expect(health == "ok\n")
            let readiness = try await Self.get("/readyz", at: port)
            #expect(readiness == "ready: alone\n")
            let isUp = await eventually { (try? await cluster.access.masters().count) == 1 }
            #expect(isUp)
            try await Self.send(3, to: "orders", through: cluster)

            let text = try await Self.get("/metrics", at: port)
            let samples = try ExpositionGrammar.check(text)
            func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
                samples.first { sample in
                    sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
                }?.value
            }
            #expect(value("rocketmq_messages_in_total", ["topic": "orders"]) == 3)
            #expect(value("rocketmq_storage_flush_behind_bytes") == 0)
            #expect(value("apus_broker_role", ["role": "alone"]) == 1)
            #expect(value("apus_flush_duration_seconds_count") ?? 0 >= 3)
            #expect(value("apus_ready") == 1)
            #expect(Self.isAboutRight(bytesFree: value("apus_disk_free_bytes")))
            #expect(value("process_resident_memory_bytes") ?? 0 > 0)
            #expect(value("apus_confirm_offset_bytes") == value("apus_log_end_offset_bytes"))
            let own = samples.filter { !$0.name.hasPrefix("process_") }
            #expect(own.allSatisfy { $0.labels["node_id"] == "broker-a" })
        }
    }

    /// Beside what the system says now; nothing on a file system that does not tell its size.
    private static func isAboutRight(bytesFree: Double?) -> Bool {
        let disk = try? FileManager.default.attributesOfFileSystem(
            forPath: NSTemporaryDirectory())
        guard let size = disk?[.systemSize] as? NSNumber, size.doubleValue > 0,
            let free = disk?[.systemFreeSize] as? NSNumber
        else { return bytesFree == nil }
        return bytesFree.map { abs($0 - free.doubleValue) < size.doubleValue / 2 } ?? false
    }

    @Test("a replica is ready when it follows its master")
    func replica() async throws {
        try await withGroup { cluster in
            let port = try ReservedPorts.one()
            try await cluster.start("four") { $0.monitor = .init(port: .chosen(port)) }
            let isReady = try await Self.isReady(at: port)
            #expect(isReady)
            let samples = try ExpositionGrammar.check(try await Self.get("/metrics", at: port))
            let names = Set(samples.map(\.name))
            #expect(names.isSuperset(of: ["apus_master_epoch", "apus_replica_following"]))
            #expect(!names.contains("rocketmq_consumer_lag_messages"), "only the master tells it")
        }
    }

    @Test("a controller is ready when it knows a leader, a name server when it listens")
    func controllerAndNameServer() async throws {
        let directory = NSTemporaryDirectory() + "apus-monitor-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var controller = ControllerConfiguration()
        controller.peers = [
            ControllerPeer(id: "n0", address: "127.0.0.1:\(try ReservedPorts.pair())")
        ]
        controller.dataDirectory = directory
        let controllerPort = try ReservedPorts.one()
        controller.monitor = .init(port: .chosen(controllerPort))
        var nameServer = NameServerConfiguration()
        nameServer.port = 0
        let nameServerPort = try ReservedPorts.one()
        nameServer.monitor = .init(port: .chosen(nameServerPort))

        let first = Controller(configuration: controller, logger: InProcessCluster.quiet())
        let second = NameServer(
            configuration: nameServer, logger: InProcessCluster.quiet(), onReady: { _, _ in })
        let tasks = [Task { try await first.run() }, Task { try await second.run() }]
        for port in [controllerPort, nameServerPort] {
            let isReady = try await Self.isReady(at: port)
            #expect(isReady)
        }
        let led = try ExpositionGrammar.check(try await Self.get("/metrics", at: controllerPort))
        #expect(led.first { $0.name == "apus_controller_leader" }?.value == 1)
        let named = try ExpositionGrammar.check(try await Self.get("/metrics", at: nameServerPort))
        #expect(named.first { $0.name == "apus_name_server_brokers" }?.value == 0)
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
    }

    // MARK: The world around

    private static func send(
        _ count: Int, to topic: String, through cluster: InProcessCluster
    ) async throws {
        for master in try await cluster.access.masters() {
            for number in 0..<count {
                let command = RemotingCommand.request(
                    .sendMessageV2,
                    fields: [
                        "a": "PG", "b": topic, "c": SystemTopic.autoCreate, "d": "4", "e": "0",
                        "f": "0", "g": "1700000000000", "h": "0", "i": "", "j": "0", "k": "false",
                        "m": "false",
                    ], body: Array("m\(number)".utf8))
                _ = try await cluster.access.call(command, to: master.address)
            }
        }
    }

    private static func isReady(at port: Int) async throws -> Bool {
        await eventually(within: .seconds(30)) {
            (try? await Self.get("/readyz", at: port))?.hasPrefix("ready: ") ?? false
        }
    }

    /// The body of the answer.
    private static func get(_ path: String, at port: Int) async throws -> String {
        let web = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await web.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "GET \(path) HTTP/1.0\r\n\r\n"))
            var text = ""
            for try await bytes in inbound { text += String(buffer: bytes) }
            let body = text.range(of: "\r\n\r\n").map { text[$0.upperBound...] } ?? ""
            return String(body)
        }
    }
}
