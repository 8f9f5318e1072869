import Chaos
import RemotingProtocol

/// What controllers say of themselves and of each other, and who belongs to them by that.
///
/// The leader's word counts: others may have been removed, or may never have heard of a change.
struct ControllerSurvey: Sendable {
    struct Answer: Hashable, Sendable {
        /// Where it was asked.
        var address: String
        var id: String
        var metadata: ControllerMetadata
        var learners: [String] = []
        var term: Int64?
        var last: Int64?
        var committed: Int64?

        fileprivate var isNewer: (Int, Int64, Int64) {
            (self.metadata.isLeader ? 1 : 0, self.term ?? 0, self.committed ?? 0)
        }
    }

    /// By the address that was asked.
    private(set) var answers: [String: Answer] = [:]
    private(set) var failures: [String: AccessError] = [:]
    /// What the leader had committed some time ago: who has that keeps pace.
    var toReach: Int64?

    mutating func add(_ answer: Answer) {
        self.answers[answer.address] = answer
        self.failures[answer.address] = nil
    }

    mutating func failed(_ address: String, _ error: AccessError) {
        self.failures[address] = error
    }

    /// Addresses that somebody names and that were not asked.
    var unasked: Set<String> {
        let named = self.answers.values.flatMap(\.metadata.peers).map(\.address)
        return Set(named).filter {
            !$0.isEmpty && self.answers[$0] == nil && self.failures[$0] == nil
        }
    }

    /// The leader; without one the controller that has heard most.
    var reference: Answer? { self.answers.values.max { $0.isNewer < $1.isNewer } }

    var leader: Answer? { self.reference.flatMap { $0.metadata.isLeader ? $0 : nil } }
}

// What is shown of each.
extension ControllerSurvey {
    var states: [ControllerState] {
        guard let reference = self.reference else { return [] }
        let members = self.members(by: reference)
        return members.map { self.state(of: $0, by: reference) }
            + self.strangers(to: members).map { self.state(ofStranger: $0, by: reference) }
    }

    /// Without a leader nobody's word rules out what another one says.
    private func members(by reference: Answer) -> [ControllerPeer] {
        var members = reference.metadata.peers
        if self.leader == nil {
            for peer in self.answers.values.sorted(by: { $0.address < $1.address })
                .flatMap(\.metadata.peers) where !members.contains(where: { $0.id == peer.id })
            {
                members.append(peer)
            }
        }
        return members.sorted { $0.id < $1.id }
    }

    private func strangers(to members: [ControllerPeer]) -> [Answer] {
        let others = self.answers.values.filter { answer in
            self.leader != nil && !members.contains { $0.id == answer.id }
        }
        return others.sorted { ($0.id, $0.address) < ($1.id, $1.address) }
    }

    private func state(of member: ControllerPeer, by reference: Answer) -> ControllerState {
        var state = ControllerState(id: member.id, address: member.address)
        state.hasVote = !reference.learners.contains(member.id)
        guard let answer = self.answer(of: member) else {
            (state.problem, state.advice) = self.silence(of: member)
            return state
        }
        self.describe(&state, answer)
        state.role =
            answer == reference && answer.metadata.isLeader
            ? "leader" : state.hasVote ? "follower" : "learner"
        if answer != self.leader {
            (state.problem, state.advice) = self.trouble(of: answer, under: self.leader)
        }
        if answer.address != member.address {
            state.problem = "it answers at \(answer.address), where the others do not look for it"
            state.advice =
                "mend its address in controllerPeers of every controller, and start them again "
                + "one by one"
        }
        return state
    }

    private func describe(_ state: inout ControllerState, _ answer: Answer) {
        state.leaderID = answer.metadata.leaderID
        state.mayHaveForgotten = answer.metadata.mayHaveForgotten
        state.term = answer.term.map(String.init) ?? ""
        state.last = answer.last.map(String.init) ?? ""
        state.committed = answer.committed.map(String.init) ?? ""
    }

    private func answer(of member: ControllerPeer) -> Answer? {
        if let there = self.answers[member.address], there.id == member.id { return there }
        return self.answers.values.filter { $0.id == member.id }.min { $0.address < $1.address }
    }

    private func silence(of member: ControllerPeer) -> (problem: String, advice: String) {
        if member.address.isEmpty {
            return (
                "nobody knows where it is",
                "`apus controller add \(member.id) HOST:PORT` tells them"
            )
        }
        if let other = self.answers[member.address] {
            return (
                "controller \(other.id) answers at its address",
                "mend controllerPeers, or start \(member.id) where it belongs"
            )
        }
        return (
            self.failures[member.address]?.plainText ?? "it was not asked",
            "start it again, with the directory that it had"
        )
    }

    private func trouble(
        of answer: Answer, under leader: Answer?
    ) -> (problem: String?, advice: String?) {
        if answer.metadata.mayHaveForgotten {
            return (
                "it started with an empty disk and has not caught up yet",
                "keep the others running: its vote counts once it has everything"
            )
        }
        guard let leader else { return (nil, nil) }
        guard answer.metadata.leaderID == leader.id else {
            let known = answer.metadata.leaderID
            return (
                "it follows \(known.isEmpty ? "nobody" : known), the leader is \(leader.id)",
                "can it and \(leader.id) reach each other at the ports behind those for requests? "
                    + "Look into its log"
            )
        }
        let lag = (self.toReach ?? leader.committed ?? 0) - (answer.committed ?? 0)
        guard lag > 0 else { return (nil, nil) }
        return (
            "it is \(lag) entries behind the leader",
            "wait while the number falls; if it does not, look into its log"
        )
    }

    /// Whether somebody is not as the leader is: what is on its way arrives within a moment.
    var isUnsettled: Bool {
        guard let leader = self.leader else { return false }
        return leader.metadata.peers.contains { member in
            self.answer(of: member).map {
                $0 != leader && self.trouble(of: $0, under: leader).problem != nil
            } ?? false
        }
    }

    private func state(ofStranger answer: Answer, by reference: Answer) -> ControllerState {
        var state = ControllerState(id: answer.id, address: answer.address)
        state.isMember = false
        state.hasVote = false
        self.describe(&state, answer)
        state.role = "stranger"
        state.problem = "it is no member of the group, says the leader, \(reference.id)"
        state.advice =
            "stop it; to take it in: `apus controller add \(answer.id) \(answer.address)`"
        return state
    }
}

// Asking.
extension ControllerAccess {
    /// Between two looks at controllers that are not as their leader is.
    private static let settleTime = Duration.milliseconds(400)
    /// Controllers name others, which name others.
    private static let roundsMax = 3

    /// Asks everybody of whom one of the controllers knows.
    func survey() async -> ControllerSurvey {
        var survey = await self.look()
        if survey.isUnsettled, let leader = survey.leader {
            try? await Task.sleep(for: Self.settleTime)
            survey = await self.look()
            if survey.leader?.id == leader.id { survey.toReach = leader.committed }
        }
        return survey
    }

    private func look() async -> ControllerSurvey {
        var survey = ControllerSurvey()
        var next = Set(self.addresses)
        for _ in 0..<Self.roundsMax where !next.isEmpty {
            await withTaskGroup(of: (String, Result<ControllerSurvey.Answer, AccessError>).self) {
                for address in next {
                    $0.addTask { (address, await self.answer(of: address)) }
                }
                for await (address, result) in $0 {
                    switch result {
                    case .success(let answer): survey.add(answer)
                    case .failure(let error): survey.failed(address, error)
                    }
                }
            }
            next = survey.unasked
        }
        return survey
    }

    private func answer(
        of address: String
    ) async -> Result<ControllerSurvey.Answer, AccessError> {
        do throws(AccessError) {
            let metadata = try await self.metadata(of: address)
            let settings = try await self.configuration(of: address)
            return .success(
                ControllerSurvey.Answer(
                    address: address, id: settings["controllerSelfId"] ?? "", metadata: metadata,
                    learners: (settings["learners"] ?? "").split(separator: ";").map(String.init),
                    term: settings["raftTerm"].flatMap { Int64($0) },
                    last: settings["raftLastIndex"].flatMap { Int64($0) },
                    committed: settings["raftCommitted"].flatMap { Int64($0) }))
        } catch {
            return .failure(error)
        }
    }
}
