import Chaos
import RemotingProtocol

/// A controller as it speaks of itself, and as its leader sees it.
struct ControllerState: Hashable, Sendable {
    var id: String
    var address: String
    /// `leader`, `follower`, `learner`, or `stranger` to the group; nil: it does not answer.
    var role: String?
    /// The leader that it knows.
    var leaderID = ""
    var term = ""
    var last = ""
    var committed = ""
    var isMember = true
    var hasVote = true
    /// It began with an empty disk and has not caught up since.
    var mayHaveForgotten = false
    var problem: String?
    var advice: String?

    var json: JSONValue {
        [
            "id": .string(self.id), "address": .string(self.address),
            "role": self.role.map { .string($0) } ?? .null, "leader": .string(self.leaderID),
            "term": Self.number(self.term), "lastIndex": Self.number(self.last),
            "committedIndex": Self.number(self.committed), "isMember": .bool(self.isMember),
            "hasVote": .bool(self.hasVote), "mayHaveForgotten": .bool(self.mayHaveForgotten),
            "problem": self.problem.map { .string($0) } ?? .null,
        ]
    }

    private static func number(_ text: String) -> JSONValue {
        Int64(text).map { .integer($0) } ?? .null
    }

    private var note: String {
        self.mayHaveForgotten ? "began empty: it makes no majority until it has caught up" : ""
    }

    static func table(_ states: [ControllerState]) -> String {
        var table = Table("ID", "ADDRESS", "ROLE", "TERM", "LAST", "COMMITTED", "PROBLEM")
        for state in states {
            table.add(
                state.id, state.address, state.role ?? "-", state.term, state.last,
                state.committed, state.problem ?? state.note)
        }
        return table.text
    }
}

extension ControllerAccess {
    /// Every member of the group, and others that answer as if they were.
    func states() async throws(AccessError) -> [ControllerState] {
        let survey = await self.survey()
        if survey.answers.isEmpty, let address = self.addresses.first,
            let error = survey.failures[address]
        {
            throw error
        }
        return survey.states
    }
}
