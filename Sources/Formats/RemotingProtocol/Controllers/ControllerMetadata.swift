/// A controller: its name among its peers, and where it answers requests.
package struct ControllerPeer: Hashable, Sendable {
    package var id: String
    package var address: String

    package init(id: String, address: String) {
        self.id = id
        self.address = address
    }
}

/// The answer to code 1005, which any controller gives: who leads, and who belongs to the group.
package struct ControllerMetadata: Hashable, Sendable {
    /// More than a Raft group can use; an answer may say anything.
    private static let peersMax = 64

    package var group: String
    /// Empty: unknown at the moment.
    package var leaderID: String
    package var leaderAddress: String
    /// Whether the controller that answers is the leader.
    package var isLeader: Bool
    package var peers: [ControllerPeer]
    /// The one that answers started with an empty disk and has not caught up since: its vote does
    /// not help anybody to a majority.
    package var mayHaveForgotten: Bool

    package init(
        group: String, leaderID: String, leaderAddress: String, isLeader: Bool,
        peers: [ControllerPeer], mayHaveForgotten: Bool = false
    ) {
        self.group = group
        self.leaderID = leaderID
        self.leaderAddress = leaderAddress
        self.isLeader = isLeader
        self.peers = peers
        self.mayHaveForgotten = mayHaveForgotten
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            group: command.string("group") ?? "",
            leaderID: command.string("controllerLeaderId") ?? "",
            leaderAddress: command.string("controllerLeaderAddress") ?? "",
            isLeader: try command.bool("isLeader") ?? false,
            peers: try Self.peers(command.string("peers") ?? ""),
            mayHaveForgotten: try command.bool("mayHaveForgotten") ?? false)
    }

    /// `n0:127.0.0.1:9878;n1:…;`: an id ends at the first colon.
    private static func peers(_ text: String) throws(HeaderFieldError) -> [ControllerPeer] {
        var peers: [ControllerPeer] = []
        for part in text.split(separator: ";") {
            let halves = part.split(separator: ":", maxSplits: 1)
            guard halves.count == 2, peers.count < Self.peersMax else {
                throw HeaderFieldError(
                    field: "peers", problem: "is not a list such as n0:127.0.0.1:9878;")
            }
            peers.append(ControllerPeer(id: String(halves[0]), address: String(halves[1])))
        }
        return peers
    }

    package var fields: [HeaderField] {
        [
            HeaderField("controllerLeaderAddress", self.leaderAddress),
            HeaderField("controllerLeaderId", self.leaderID),
            HeaderField("group", self.group),
            HeaderField("isLeader", self.isLeader),
            HeaderField("mayHaveForgotten", self.mayHaveForgotten),
            HeaderField("peers", self.peers.map { "\($0.id):\($0.address);" }.joined()),
        ]
    }

    package static var request: RemotingCommand { .request(.controllerGetMetadataInfo) }
}

/// What a controller that is not the leader says beside its refusal (`controllerNotLeader`).
package enum ControllerRedirect {
    package static func fields(leaderAddress: String) -> [HeaderField] {
        [HeaderField("controllerLeaderAddress", leaderAddress)]
    }

    /// Where the leader is, as far as the one that refused knows.
    package static func leaderAddress(in answer: ReceivedCommand) -> String? {
        answer.nonEmptyString("controllerLeaderAddress")
    }
}

/// A change of the controllers' own group, sent to its leader as properties with code 1009.
package enum ControllerChange: Hashable, Sendable {
    /// `transferLeaderTo=n1`
    case transferLeader(to: String)
    /// `addController=n3-127.0.0.1:9908`
    case add(ControllerPeer)
    /// `removeController=n3`
    case remove(id: String)

    /// Nil: the properties name no such change, or several.
    package init?(_ properties: PropertiesText) {
        guard properties.pairs.count == 1, let (key, value) = properties.pairs.first,
            !value.isEmpty
        else { return nil }
        switch key {
        case "transferLeaderTo": self = .transferLeader(to: value)
        case "removeController": self = .remove(id: value)
        case "addController":
            let halves = value.split(separator: "-", maxSplits: 1)
            guard halves.count == 2 else { return nil }
            self = .add(ControllerPeer(id: String(halves[0]), address: String(halves[1])))
        default: return nil
        }
    }

    package var command: RemotingCommand {
        let pair: (key: String, value: String) =
            switch self {
            case .transferLeader(let id): ("transferLeaderTo", id)
            case .add(let peer): ("addController", "\(peer.id)-\(peer.address)")
            case .remove(let id): ("removeController", id)
            }
        return .request(
            .updateControllerConfig, body: PropertiesText(pairs: [pair]).encoded)
    }
}
