import ArgumentParser
import Chaos
import RemotingProtocol

/// Where the controllers are.
struct ControllerOptions: ParsableArguments {
    static let defaultAddress = "127.0.0.1:9878"

    @Option(
        name: [.long, .customShort("c")],
        help: ArgumentHelp(
            "Addresses of controllers, separated by ';' or ','. One is enough.",
            discussion: """
                Default: APUS_CONTROLLER in the environment; else what brokers have told the name \
                servers; else 127.0.0.1:9878.
                """,
            valueName: "host:port"))
    var controller: String?

    func validate() throws {
        guard let named = self.named else { return }
        guard named.allSatisfy({ $0.contains(":") }), !named.isEmpty else {
            throw ValidationError("--controller wants HOST:PORT, such as 127.0.0.1:9878.")
        }
    }

    /// Those that the user named; nil: none.
    var named: [String]? {
        (self.controller ?? SystemText.environment("APUS_CONTROLLER")).map { text in
            text.split { ";, ".contains($0) }.map(String.init)
        }
    }
}

/// Calls to the controllers: any of them, or the one that leads.
struct ControllerAccess: Sendable {
    let access: ClusterAccess
    let addresses: [String]

    /// How often a request follows the leader, with a pause in between: an election takes a second.
    private static let attemptsMax = 12
    private static let pause = Duration.milliseconds(250)

    func metadata(of address: String) async throws(AccessError) -> ControllerMetadata {
        let answer = try await self.access.call(ControllerMetadata.request, to: address)
        do throws(HeaderFieldError) {
            return try ControllerMetadata(answer)
        } catch {
            throw .unreadable(problem: "\(error)", from: address)
        }
    }

    func configuration(of address: String) async throws(AccessError) -> PropertiesText {
        let answer = try await self.access.call(.request(.getControllerConfig), to: address)
        return answer.withBodyBytes { PropertiesText(parsing: Array($0)) }
    }

    /// Everybody of the group, from the first controller that answers.
    func peers() async throws(AccessError) -> [ControllerPeer] {
        var last: AccessError?
        for address in self.addresses {
            do throws(AccessError) {
                return try await self.metadata(of: address).peers.filter { !$0.address.isEmpty }
            } catch {
                last = error
            }
        }
        throw last ?? .noMaster(topic: "")
    }

    /// Whether the controllers have agreed that this one does not belong to them, by the word of the
    /// others: its own leader gives up the office with that and cannot answer any more.
    func isGone(_ id: String, of peers: [ControllerPeer]) async -> Bool {
        for attempt in 0..<Self.attemptsMax {
            if attempt > 0 { try? await Task.sleep(for: Self.pause) }
            for peer in peers where peer.id != id {
                guard let metadata = try? await self.metadata(of: peer.address),
                    !metadata.leaderID.isEmpty
                else { continue }
                if !metadata.peers.contains(where: { $0.id == id }) { return true }
            }
        }
        return false
    }

    /// Asks whoever leads, and looks for it a while.
    func callLeader(
        _ command: RemotingCommand, accepting: Set<ResponseCode> = [.success]
    ) async throws(AccessError) -> ReceivedCommand {
        var candidates = self.addresses
        var last: AccessError?
        for attempt in 0..<Self.attemptsMax {
            if attempt > 0 { try? await Task.sleep(for: Self.pause) }
            if let peers = try? await self.peers().map(\.address) {
                candidates = peers + self.addresses.filter { !peers.contains($0) }
            }
            for address in await self.leaderFirst(candidates) {
                do throws(AccessError) {
                    return try await self.access.call(command, to: address, accepting: accepting)
                } catch {
                    last = error
                    guard error.isOfFollower else {
                        if !error.mayHaveTakenEffect, error.responseCode == nil { continue }
                        throw error
                    }
                }
            }
            if case .unreachable? = last, (try? await self.peers()) == nil { break }
        }
        throw last ?? .noMaster(topic: "")
    }

    private func leaderFirst(_ addresses: [String]) async -> [String] {
        for address in addresses {
            guard let metadata = try? await self.metadata(of: address),
                !metadata.leaderAddress.isEmpty
            else { continue }
            return [metadata.leaderAddress] + addresses.filter { $0 != metadata.leaderAddress }
        }
        return addresses
    }

    /// The state of broker groups; of all without names.
    func groups(_ names: [String] = []) async throws(AccessError) -> SyncStateData {
        let request = SyncStateDataRequest(brokerNames: names).command
        let answer = try await self.callLeader(request)
        return try ClusterAccess.body(of: answer, from: "the controllers' leader")
    }

    func group(_ name: String) async throws(CommandFailure) -> GroupReplicas {
        let data = try await attempting("cannot look for broker group \(name)") {
            () async throws(AccessError) in
            try await self.groups([name])
        }
        guard let group = data.groups[name] else {
            throw .notFound(
                "cannot find broker group \(name)", try: "look at `apus broker status`")
        }
        return group
    }
}

extension AccessError {
    /// The one that was asked does not lead: another one may.
    fileprivate var isOfFollower: Bool { self.responseCode == .controllerNotLeader }
}

extension ConnectionOptions {
    /// Opens the way to the controllers.
    func withControllers<R: Sendable>(
        _ options: ControllerOptions, _ use: (ControllerAccess) async throws -> R
    ) async throws -> R {
        try await self.withCluster { access in
            let addresses = try await options.addresses(by: access)
            do {
                return try await use(ControllerAccess(access: access, addresses: addresses.list))
            } catch let failure as CommandFailure where failure.status == .unavailable {
                throw failure.explained(by: addresses)
            }
        }
    }
}

extension CommandFailure {
    /// None of the controllers could be asked: the address that was tried last says little.
    fileprivate func explained(by addresses: ControllerAddresses) -> Self {
        guard addresses.list.contains(where: { self.reason.hasSuffix(" \($0)") }) else {
            return self
        }
        var failure = self
        if addresses.list.count > 1 {
            failure.reason =
                "no controller answers at " + addresses.list.joined(separator: ", ")
        }
        failure.advice = addresses.advice
        return failure
    }
}

extension ControllerAddresses {
    /// What to do when none of them answers.
    var advice: String {
        switch self.source {
        case .named: "start one of them, or name one that runs with --controller"
        case .nameServers:
            "start one of them: a majority is needed. Brokers named them; if they are "
                + "elsewhere now, say where with --controller"
        case .assumed:
            "no name server that answers knows of controllers. Name one that runs with "
                + "--controller, or in APUS_CONTROLLER"
        }
    }
}
