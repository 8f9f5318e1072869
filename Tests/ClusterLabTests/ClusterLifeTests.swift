import Foundation
import Glibc
import TestSupport
import Testing

@testable import ClusterLab

/// Method: real processes, but shell scripts in place of the servers.
@Suite("a cluster's life", .serialized, .realTime)
struct ClusterLifeTests {
    @Test("up, killed, restarted, paused, resumed, down, wiped")
    func life() throws {
        let checkout = try StandInCheckout()
        defer { checkout.scratch.delete() }
        let cluster = try Cluster.up(checkout.options(), in: checkout.directories) { _ in }
        #expect(cluster.nodes.map(\.name) == ["name-server-1", "broker-a", "broker-b"])
        #expect(cluster.nodes.map(\.state) == [.starting, .starting, .starting])

        let broker = try cluster.node("broker-a")
        let first = try #require(broker.process)
        try broker.kill()
        #expect(broker.state == .dead)
        #expect(first.condition == .gone)
        #expect(throws: LabError.self) { try broker.kill() }

        try cluster.restart([broker]) { _ in }
        #expect(broker.isAlive)
        #expect(broker.process != first)
        try broker.pause()
        #expect(try wait(atMost: .seconds(5)) { broker.state == .paused })
        try broker.resume()
        #expect(try wait(atMost: .seconds(5)) { broker.state != .paused })
        try broker.pause()

        let processes = cluster.nodes.compactMap(\.process)
        try cluster.down { _ in }
        #expect(processes.allSatisfy { $0.condition == .gone })
        #expect(cluster.nodes.map(\.state) == [.stopped, .stopped, .stopped])
        try cluster.wipe { _ in }
        #expect(try Cluster.find("default", in: checkout.directories) == nil)
    }

    @Test("a replicated cluster starts its controllers too, and grows by a broker")
    func replicated() throws {
        let checkout = try StandInCheckout()
        defer { checkout.scratch.delete() }
        let options = checkout.options {
            $0.controllers = 1
            $0.groups = 1
            $0.replicas = 2
        }
        let small = try Cluster.up(options, in: checkout.directories) { _ in }
        defer { try? small.down { _ in } }
        #expect(
            small.nodes.map(\.name) == [
                "name-server-1", "controller-1", "broker-a-1", "broker-a-2",
            ])
        let plan = small.plan.anotherBroker(of: "broker-a", dataDirectory: small.dataDirectory)
        let large = try small.adding(plan) { _ in }
        #expect(large.living.map(\.name).last == "broker-a-3")
        #expect(try Cluster.find("default", in: checkout.directories)?.plan == large.plan)
        try large.down { _ in }
        #expect(large.living.isEmpty)
    }

    @Test("up twice is up once: what runs goes on, what died is started again")
    func upTwice() throws {
        let checkout = try StandInCheckout()
        defer { checkout.scratch.delete() }
        let options = checkout.options()
        let cluster = try Cluster.up(options, in: checkout.directories) { _ in }
        defer { try? cluster.down { _ in } }
        let before = cluster.nodes.map(\.process)
        try cluster.node("broker-b").kill()
        _ = try Cluster.up(options, in: checkout.directories) { _ in }
        let after = cluster.nodes.map(\.process)
        #expect(after[0...1] == before[0...1])
        #expect(after[2] != before[2])
        #expect(cluster.living.count == 3)
    }

    @Test("other options while the cluster runs are refused, and harm nothing")
    func otherOptions() throws {
        let checkout = try StandInCheckout()
        defer { checkout.scratch.delete() }
        var options = checkout.options()
        let cluster = try Cluster.up(options, in: checkout.directories) { _ in }
        defer { try? cluster.down { _ in } }
        options.groups = 3
        #expect(throws: LabError.self) {
            try Cluster.up(options, in: checkout.directories) { _ in }
        }
        #expect(cluster.living.count == 3)
        #expect(try Cluster.find("default", in: checkout.directories)?.plan == cluster.plan)
    }

    @Test("a node that dies at its start is shown with the end of its log, and no other stays")
    func deadAtStart() throws {
        let checkout = try StandInCheckout(broker: "echo 'disk on fire' >&2; exit 74")
        defer { checkout.scratch.delete() }
        let error = #expect(throws: LabError.self) {
            try Cluster.up(checkout.options(), in: checkout.directories) { _ in }
        }
        #expect(error?.description.contains("broker-a ended before it was ready") == true)
        #expect(error?.description.contains("disk on fire") == true)
        let cluster = try #require(try Cluster.find("default", in: checkout.directories))
        #expect(cluster.living.isEmpty)
    }

    @Test("a taken port is an error that names it")
    func takenPort() throws {
        let checkout = try StandInCheckout()
        defer { checkout.scratch.delete() }
        let options = checkout.options()
        let port = ClusterPlan(options: options, dataDirectory: "/").nodes[1].port
        let listener = try Listener(port: port)
        defer { listener.close() }
        let error = #expect(throws: LabError.self) {
            try Cluster.up(options, in: checkout.directories) { _ in }
        }
        #expect(error?.description.contains("port \(port), which broker-a needs, is taken") == true)
        let cluster = try #require(try Cluster.find("default", in: checkout.directories))
        #expect(cluster.living.isEmpty)
    }
}

/// Somebody else's server.
private struct Listener {
    private let file: Int32

    init(port: Int) throws {
        self.file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0 && listen(self.file, 1) == 0)
    }

    func close() { Glibc.close(self.file) }
}
