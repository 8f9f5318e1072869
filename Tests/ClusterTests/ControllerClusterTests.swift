import Controller
import Foundation
import Logging
import NIOCore
import NIOPosix
import RemotingProtocol
import RemotingTransport
import TestSupport
import Testing

/// Three controllers as tasks of the test's process, with real sockets and real files.
final class InProcessControllers {
    struct Member {
        var configuration: ControllerConfiguration
        var task: Task<Void, any Error>?
    }

    let directory: String
    private(set) var members: [String: Member] = [:]
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let client: RemotingClient

    init(_ names: [String] = ["n0", "n1", "n2"]) throws {
        self.directory = NSTemporaryDirectory() + "apus-controllers-\(UUID().uuidString)"
        self.client = RemotingClient(
            group: self.group, logger: InProcessCluster.quiet(), onRequest: { _, _ in },
            onClosed: { _ in })
        let ports = try names.map { _ in try ReservedPorts.pair() }
        let peers = zip(names, ports).map {
            ControllerPeer(id: $0, address: "127.0.0.1:\($1)")
        }
        for name in names {
            var configuration = ControllerConfiguration()
            configuration.id = name
            configuration.peers = peers
            configuration.dataDirectory = "\(self.directory)/\(name)"
            self.members[name] = Member(configuration: configuration)
        }
    }

    var names: [String] { self.members.keys.sorted() }

    func start(
        _ name: String, _ change: (inout ControllerConfiguration) -> Void = { _ in }
    ) async throws {
        guard var configuration = self.members[name]?.configuration else { return }
        change(&configuration)
        let (addresses, ready) = AsyncStream.makeStream(of: String.self)
        let controller = Controller(
            configuration: configuration, logger: InProcessCluster.quiet(),
            onReady: { _, address in ready.yield(address) })
        let task = Task {
            defer { ready.finish() }
            try await controller.run()
        }
        self.members[name]?.task = task
        if await addresses.first(where: { _ in true }) == nil { try await task.value }
    }

    func stop(_ name: String) async throws {
        guard let task = self.members[name]?.task else { return }
        self.members[name]?.task = nil
        task.cancel()
        try await task.value
    }

    func address(_ name: String) -> String? {
        self.members[name]?.configuration.peers.first { $0.id == name }?.address
    }

    /// Where a controller's peers speak to it: the port after.
    func raftAddress(_ name: String) -> String? {
        guard let parts = self.address(name)?.split(separator: ":"), let port = Int(parts[1])
        else { return nil }
        return "\(parts[0]):\(port + 1)"
    }

    func term(of name: String) async -> String? {
        guard let address = self.address(name),
            let answer = try? await self.client.call(
                .request(.getControllerConfig), to: address, timeout: .seconds(1))
        else { return nil }
        let text = answer.withBodyBytes { PropertiesText(parsing: Array($0)) }
        return text.pairs.first { $0.key == "raftTerm" }?.value
    }

    /// What a controller says of itself and its leader; nil when it does not answer.
    func metadata(of name: String) async -> (isLeader: Bool, leader: String)? {
        guard
            let address = self.members[name]?.configuration.peers.first(where: { $0.id == name })?
                .address,
            let answer = try? await self.client.call(
                .request(.controllerGetMetadataInfo), to: address, timeout: .seconds(1))
        else { return nil }
        let isLeader = (try? answer.bool("isLeader")) ?? false
        return (isLeader, answer.string("controllerLeaderId") ?? "")
    }

    /// The leader that all of these name, and that says so itself.
    func agreedLeader(of names: [String]) async -> String? {
        var leaders: Set<String> = []
        var claims: [String] = []
        for name in names {
            guard let metadata = await self.metadata(of: name) else { return nil }
            leaders.insert(metadata.leader)
            if metadata.isLeader { claims.append(name) }
        }
        return claims.count == 1 && leaders == [claims[0]] ? claims[0] : nil
    }

    func leader(of names: [String]) async -> String? {
        var found: String?
        _ = await eventually {
            found = await self.agreedLeader(of: names)
            return found != nil
        }
        return found
    }

    func shutdown() async throws {
        for name in self.names { try? await self.stop(name) }
        await self.client.shutdown()
        try await self.group.shutdownGracefully()
        try? FileManager.default.removeItem(atPath: self.directory)
    }
}

private func withControllers(
    _ body: (InProcessControllers) async throws -> Void
) async throws {
    let controllers = try InProcessControllers()
    do {
        try await body(controllers)
    } catch {
        try? await controllers.shutdown()
        throw error
    }
    try await controllers.shutdown()
}

@Suite("a group of controllers", .realTime)
struct ControllerClusterTests {
    @Test("elects, survives the loss of its leader, and a restart of all")
    func survives() async throws {
        try await withControllers { controllers in
            for name in controllers.names { try await controllers.start(name) }
            let first = try #require(await controllers.leader(of: controllers.names))
            try await controllers.stop(first)
            let rest = controllers.names.filter { $0 != first }
            let second = try #require(await controllers.leader(of: rest))
            #expect(second != first)
            for name in rest { try await controllers.stop(name) }
            for name in controllers.names.reversed() { try await controllers.start(name) }
            #expect(await controllers.leader(of: controllers.names) != nil)
        }
    }

    @Test("one of three alone does not lead")
    func noMajority() async throws {
        try await withControllers { controllers in
            try await controllers.start("n0")
            let leads = await eventually(within: .seconds(2)) {
                await controllers.metadata(of: "n0")?.isLeader == true
            }
            #expect(!leads)
            try await controllers.start("n1")
            #expect(await controllers.leader(of: ["n0", "n1"]) != nil)
        }
    }

    @Test("a controller of another group gets no link, and harms nobody")
    func otherGroup() async throws {
        try await withControllers { controllers in
            try await controllers.start("n0")
            try await controllers.start("n1")
            let leader = try #require(await controllers.leader(of: ["n0", "n1"]))
            try await controllers.start("n2") { $0.groupName = "others" }
            let joins = await eventually(within: .seconds(2)) {
                await controllers.metadata(of: "n2")?.leader != ""
            }
            #expect(!joins)
            #expect(await controllers.agreedLeader(of: ["n0", "n1"]) == leader)
        }
    }

    @Test("whatever is said on the Raft port, the leader stays and says why it refuses")
    func hostileRaftPort() async throws {
        try await withControllers { controllers in
            for name in controllers.names { try await controllers.start(name) }
            let leader = try #require(await controllers.leader(of: controllers.names))
            let term = await controllers.term(of: leader)
            let hostile = HostileController(address: try #require(controllers.raftAddress("n0")))
            for speech in HostileController.speeches { try await hostile.say(speech) }
            let answer = try await hostile.ask([
                HostileController.hello(group: "other", from: "n1", to: "n0")
            ])
            let reason = String(decoding: answer?.dropFirst() ?? [], as: UTF8.self)
            #expect(reason == "this is group 'apus', not 'other'")
            #expect(await controllers.leader(of: controllers.names) == leader)
            #expect(await controllers.term(of: leader) == term)
        }
    }

    @Test("a directory of another controller or group is refused, with the reason")
    func foreignDirectory() async throws {
        try await withControllers { controllers in
            try await controllers.start("n0")
            try await controllers.stop("n0")
            let directory = controllers.directory
            let error = await #expect(throws: (any Error).self) {
                try await controllers.start("n1") { $0.dataDirectory = "\(directory)/n0" }
            }
            #expect(error.map(Controller.isConfigurationMistake) == true)
            #expect("\(error.map { "\($0)" } ?? "")".contains("member 'n0'"))
        }
    }

    @Test("mistakes in the configuration are told before anything is opened")
    func mistakes() async throws {
        try await withControllers { controllers in
            for change: @Sendable (inout ControllerConfiguration) -> Void in [
                { $0.id = "n9" }, { $0.id = nil }, { $0.peers = [] }, { $0.groupName = "" },
                // One has the port that the other needs for its peers.
                {
                    $0.peers = [
                        ControllerPeer(id: "n0", address: "127.0.0.1:9878"),
                        ControllerPeer(id: "n1", address: "127.0.0.1:9879"),
                    ]
                },
            ] {
                await #expect(throws: ControllerConfigurationError.self) {
                    try await controllers.start("n0", change)
                }
            }
            #expect(!FileManager.default.fileExists(atPath: controllers.directory))
        }
        for text in ["n0", "n0-", "n0-host", "n0-host:0", "n0-host:65535", "n0-:1"] {
            #expect(throws: ControllerConfigurationError.self) {
                try ControllerConfiguration.peers(text)
            }
        }
    }
}
