import Chaos
import RemotingProtocol

/// Where controllers may be found.
struct ControllerAddresses: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        /// The user said so.
        case named
        /// Brokers have told the name servers.
        case nameServers
        /// Nobody said anything.
        case assumed
    }

    var list: [String]
    var source: Source
}

extension ControllerOptions {
    func addresses(by access: ClusterAccess) async throws(CommandFailure) -> ControllerAddresses {
        if let named = self.named { return ControllerAddresses(list: named, source: .named) }
        return try ControllerAddresses(registered: await access.registeredControllers())
    }
}

extension ControllerAddresses {
    /// One group of controllers may steer several clusters; of two groups the user must choose.
    init(registered: [String: Set<String>]) throws(CommandFailure) {
        let sets = registered.values.reduce(into: [Set<String>]()) { sets, addresses in
            let joined = sets.filter { !$0.isDisjoint(with: addresses) }
            sets.removeAll { !$0.isDisjoint(with: addresses) }
            sets.append(joined.reduce(addresses) { $0.union($1) })
        }
        guard sets.count < 2 else {
            let clusters = registered.sorted { $0.key < $1.key }.map {
                "\($0.key) has \($0.value.sorted().joined(separator: ";"))"
            }
            throw CommandFailure(
                .usage, "cannot tell which controllers are meant",
                because: "by the name servers " + clusters.joined(separator: ", "),
                try: "name one with --controller, or in APUS_CONTROLLER")
        }
        self =
            sets.first.map { Self(list: $0.sorted(), source: .nameServers) }
            ?? Self(list: [ControllerOptions.defaultAddress], source: .assumed)
    }
}

extension ClusterAccess {
    /// By cluster, what any of the name servers was told.
    fileprivate func registeredControllers() async -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for nameServer in self.nameServers {
            guard let answer = try? await self.call(ControllerDirectory.question, to: nameServer),
                let table = try? KVTable(bodyOf: answer)
            else { continue }
            for (cluster, addresses) in ControllerDirectory.addresses(in: table) {
                found[cluster, default: []].formUnion(addresses)
            }
        }
        return found
    }
}
