import Chaos
import Foundation
import MessageFormat
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import TestSupport
import Testing

@testable import Broker

@Suite("Brokers that are set up wrongly", .serialized, .realTime)
struct StartUpTests {
    private func reason(
        _ change: (inout BrokerConfiguration) -> Void
    ) async throws -> String {
        let directory = NSTemporaryDirectory() + "apus-start-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var configuration = BrokerConfiguration()
        configuration.dataDirectory = directory
        configuration.port = try ReservedPorts.pair()
        configuration.controllers = ["127.0.0.1:1"]
        change(&configuration)
        let error = await #expect(throws: ConfigurationError.self) {
            _ = try await BrokerStart(configuration, InProcessCluster.quiet()).run()
        }
        #expect(!FileManager.default.fileExists(atPath: directory), "nothing was begun")
        return error?.description ?? ""
    }

    @Test("ports that cannot be used are told before anything is opened")
    func ports() async throws {
        let last = try await self.reason { $0.port = 65_535 }
        #expect(last.contains("set haListenPort"))
        let same = try await self.reason { $0.replicationPort = $0.port }
        #expect(same.contains("are both"))
        let none = try await self.reason { $0.port = 0 }
        #expect(none.contains("from 1 to 65535"))
        let noneForReplicas = try await self.reason { $0.replicationPort = 0 }
        #expect(noneForReplicas.contains("from 1 to 65535"))
    }

    @Test("ports that are taken are told before an id is asked for", arguments: [0, 1])
    func taken(offset: Int) async throws {
        let port = try ReservedPorts.pair()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: port + offset).get()
        let reason = try await self.reason { $0.port = port }
        #expect(reason.contains("127.0.0.1:\(port + offset)"))
        #expect(reason.contains("Address already in use"))
        try await channel.close()
    }

    @Test("a group's name that is taken in another cluster ends the start, with both names")
    func otherCluster() async throws {
        try await withGroup { cluster in
            let error = await #expect(throws: ConfigurationError.self) {
                try await cluster.start("four") { $0.clusterName = "Elsewhere" }
            }
            let text = error?.description ?? ""
            #expect(text.contains("Elsewhere"))
            #expect(text.contains("DefaultCluster"))
        }
    }

    @Test("what is no controller is named as such")
    func noController() async throws {
        try await withCluster { cluster in
            let client = RemotingClient(
                group: MultiThreadedEventLoopGroup.singleton, logger: InProcessCluster.quiet())
            let dead = "127.0.0.1:\(try ReservedPorts.one())"
            let caller = ControllerCaller(client: client, addresses: [cluster.nameServer, dead])
            #expect(
                await caller.ask(.request(.controllerGetNextBrokerID), timeout: .seconds(1)) == nil)
            #expect(caller.troubles.contains("\(cluster.nameServer) (no controller is there"))
            #expect(caller.troubles.contains("\(dead) ("))
            await client.shutdown()
        }
    }
}

@Suite("What a group of brokers tells", .serialized, .realTime)
struct GroupNewsTests {
    @Test("name servers know the controllers, also of brokers that are gone")
    func directory() async throws {
        try await withGroup { cluster in
            func found() async -> [String] {
                guard
                    let answer = try? await cluster.access.callNameServer(
                        ControllerDirectory.question),
                    let table = try? KVTable(bodyOf: answer)
                else { return [] }
                return ControllerDirectory.addresses(in: table)["DefaultCluster"] ?? []
            }
            #expect(await eventually { await found().count == 3 })
            for name in ["one", "two", "three"] { await cluster.stop(name) }
            #expect(await found().count == 3)
        }
    }

    @Test("the last broker that serves is not drained, whoever asks for it")
    func drain() async throws {
        try await withGroup { cluster in
            let names = ["one", "two", "three"]
            for name in names.dropLast() {
                let isDrained = await eventually {
                    let answer = try? await cluster.access.call(
                        .request(.drainBroker), to: cluster.address(of: name))
                    return answer?.responseCode == .success
                }
                #expect(isDrained)
            }
            let error = await #expect(throws: AccessError.self) {
                _ = try await cluster.access.call(
                    .request(.drainBroker), to: cluster.address(of: "three"))
            }
            #expect(error?.responseCode == .serviceNotAvailable)
            #expect(await cluster.master() != nil)
            #expect(await cluster.takesMessages())
        }
    }

    @Test("when only drained ones are left, the mastership does not go round in haste")
    func onlyDrained() async throws {
        try await withGroup { cluster in
            for name in ["one", "two"] {
                _ = try await cluster.access.call(
                    .request(.drainBroker), to: cluster.address(of: name))
            }
            let isServing = await eventually { await cluster.master() == "three" }
            #expect(isServing)
            try await cluster.crash("three")
            let isDrained = await eventually { await cluster.master(but: "three") != nil }
            #expect(isDrained)
            let epoch = try #require(await cluster.groupState()).masterEpoch.value
            let isHasty = await eventually(within: .seconds(3)) {
                await cluster.groupState().map { $0.masterEpoch.value > epoch + 3 } ?? false
            }
            #expect(!isHasty)
        }
    }
}
