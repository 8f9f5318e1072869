import Chaos
import RemotingProtocol

/// A controller as it speaks of itself.
struct ControllerState: Hashable, Sendable {
    var id: String
    var address: String
    /// `leader`, `follower` or `learner`; nil: it does not answer.
    var role: String?
    /// The leader that it knows.
    var leaderID = ""
    var term = ""
    var last = ""
    var committed = ""
    var problem: String?

    var json: JSONValue {
        [
            "id": .string(self.id), "address": .string(self.address),
            "role": self.role.map { .string($0) } ?? .null, "leader": .string(self.leaderID),
            "term": Self.number(self.term), "lastIndex": Self.number(self.last),
            "committedIndex": Self.number(self.committed),
            "problem": self.problem.map { .string($0) } ?? .null,
        ]
    }

    private static func number(_ text: String) -> JSONValue {
        Int64(text).map { .integer($0) } ?? .null
    }

    static func table(_ states: [ControllerState]) -> String {
        var table = Table("ID", "ADDRESS", "ROLE", "TERM", "LAST", "COMMITTED", "PROBLEM")
        for state in states {
            table.add(
                state.id, state.address, state.role ?? "-", state.term, state.last,
                state.committed, state.problem ?? "")
        }
        return table.text
    }
}

extension ControllerAccess {
    /// Every member of the group, asked about itself.
    func states() async throws(AccessError) -> [ControllerState] {
        var states: [ControllerState] = []
        for peer in try await self.peers() { states.append(await self.state(of: peer)) }
        return states
    }

    private func state(of peer: ControllerPeer) async -> ControllerState {
        var state = ControllerState(id: peer.id, address: peer.address)
        do throws(AccessError) {
            let metadata = try await self.metadata(of: peer.address)
            let settings = try await self.configuration(of: peer.address)
            let learners = (settings["learners"] ?? "").split(separator: ";").map(String.init)
            state.role =
                metadata.isLeader ? "leader" : learners.contains(peer.id) ? "learner" : "follower"
            state.leaderID = metadata.leaderID
            state.term = settings["raftTerm"] ?? ""
            state.last = settings["raftLastIndex"] ?? ""
            state.committed = settings["raftCommitted"] ?? ""
        } catch {
            state.problem = error.plainText
        }
        return state
    }
}
