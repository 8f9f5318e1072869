import Chaos
import RemotingProtocol
import Testing

@testable import apus

@Suite("who the controllers are")
struct ControllerSurveyTests {
    private static let members = ["n0", "n1", "n2"]

    private static func answer(
        _ id: String, leader: String = "n2", term: Int64 = 4, committed: Int64 = 100,
        knows members: [String] = ControllerSurveyTests.members, learners: [String] = [],
        at address: String? = nil
    ) -> ControllerSurvey.Answer {
        ControllerSurvey.Answer(
            address: address ?? "\(id):9878", id: id,
            metadata: ControllerMetadata(
                group: "apus", leaderID: leader,
                leaderAddress: leader.isEmpty ? "" : "\(leader):9878",
                isLeader: id == leader,
                peers: members.map { ControllerPeer(id: $0, address: "\($0):9878") }),
            learners: learners, term: term, last: committed, committed: committed)
    }

    private static func survey(_ answers: [ControllerSurvey.Answer]) -> ControllerSurvey {
        var survey = ControllerSurvey()
        for answer in answers { survey.add(answer) }
        return survey
    }

    @Test("the leader says who belongs to them: others may never have heard of a change")
    func removed() {
        let survey = Self.survey([
            Self.answer("n0", leader: "", term: 1, committed: 7),
            Self.answer("n2", knows: ["n2"]),
        ])
        let states = survey.states
        #expect(states.map(\.id) == ["n2", "n0"])
        #expect(states.map(\.role) == ["leader", "stranger"])
        #expect(states.map(\.isMember) == [true, false])
        #expect(states[1].problem?.contains("no member") == true)
    }

    @Test("addresses that members name are asked as well")
    func unasked() {
        var survey = Self.survey([Self.answer("n0")])
        #expect(survey.unasked == ["n1:9878", "n2:9878"])
        survey.failed("n1:9878", .noMaster(topic: ""))
        #expect(survey.unasked == ["n2:9878"])
        survey.add(Self.answer("n2"))
        let states = survey.states
        #expect(states.map(\.address) == ["n0:9878", "n1:9878", "n2:9878"])
        #expect(states.map { $0.role ?? "-" } == ["follower", "-", "leader"])
        #expect(states[1].problem != nil)
    }

    @Test("who follows nobody, or does not get on, is named; who is on the way is not")
    func stuck() {
        var survey = Self.survey([
            Self.answer("n0", leader: "", term: 3), Self.answer("n1", committed: 60),
            Self.answer("n2"),
        ])
        #expect(survey.isUnsettled)
        #expect(survey.states[0].problem == "it follows nobody, the leader is n2")
        #expect(survey.states[1].problem == "it is 40 entries behind the leader")
        survey.add(Self.answer("n0", committed: 90))
        survey.add(Self.answer("n1", committed: 90))
        survey.toReach = 90
        #expect(!survey.isUnsettled)
        #expect(survey.states.allSatisfy { $0.problem == nil })
    }

    @Test("one that began with an empty disk is said to catch up, and a learner has no vote")
    func forgetful() {
        var forgetful = Self.answer("n0", committed: 3)
        forgetful.metadata.mayHaveForgotten = true
        let states = Self.survey([
            forgetful, Self.answer("n1"), Self.answer("n2", learners: ["n1"]),
        ]).states
        #expect(states[0].problem?.contains("empty disk") == true)
        #expect(states[1].role == "learner")
        #expect(states.map(\.hasVote) == [true, false, true])
        forgetful.metadata.leaderID = ""
        #expect(Self.survey([forgetful]).states[0].problem?.contains("empty disk") == true)
    }

    @Test("without a leader nobody is a stranger")
    func leaderless() {
        let states = Self.survey([
            Self.answer("n0", leader: "", knows: ["n0", "n1"]),
            Self.answer("n3", leader: "", term: 9, knows: ["n3"]),
        ]).states
        #expect(states.map(\.id) == ["n0", "n1", "n3"])
        #expect(states.allSatisfy { $0.isMember })
    }

    @Test("another controller at the address of a member, and a member at another address")
    func misplaced() {
        let states = Self.survey([
            Self.answer("n2"), Self.answer("n7", leader: "", at: "n0:9878"),
            Self.answer("n1", at: "elsewhere:1"),
        ]).states
        #expect(states[0].problem == "controller n7 answers at its address")
        #expect(states[1].problem?.contains("answers at elsewhere:1") == true)
    }

    @Test("brokers tell where controllers are; of two groups the user has to choose")
    func discovery() throws {
        let shared = try ControllerAddresses(registered: [
            "A": ["x:1", "x:2"], "B": ["x:2", "x:3"],
        ])
        #expect(shared == ControllerAddresses(list: ["x:1", "x:2", "x:3"], source: .nameServers))
        #expect(try ControllerAddresses(registered: [:]).source == .assumed)
        let failure = #expect(throws: CommandFailure.self) {
            _ = try ControllerAddresses(registered: ["A": ["x:1"], "B": ["y:1"]])
        }
        #expect(failure?.status == .usage)
        #expect(failure?.reason.contains("A has x:1, B has y:1") == true)
    }

    @Test("what name servers say is read with care")
    func directory() {
        let table = KVTable(table: [
            "C": "a:1;b:2", "empty": "", "odd": ";;nonsense;c:3",
            "long": "x:1;"
                + String(
                    repeating: "y:1;", count: 100),
        ])
        let addresses = ControllerDirectory.addresses(in: table)
        #expect(addresses["C"] == ["a:1", "b:2"])
        #expect(addresses["empty"] == nil)
        #expect(addresses["odd"] == ["c:3"])
        #expect(addresses["long"]?.count == 16)
    }
}

@Suite("what a forced election may lose")
struct ForcedElectionTests {
    @Test("nothing while a member lives, unless somebody else is wanted")
    func living() {
        let healthy = group(master: nil, inSync: [replica(1), replica(2, isAlive: false)])
        #expect(healthy.warningOfForce(to: nil) == nil)
        let other = group(
            master: nil, inSync: [replica(1, end: 100)], others: [replica(3, end: 40)])
        let warning = other.warningOfForce(to: 3)
        #expect(warning?.contains("broker 3 does not hold everything") == true)
        #expect(warning?.contains("60 bytes") == true)
        #expect(warning?.contains("broker 1 does, and lives") == true)
    }

    @Test("what dead members alone held, with their names")
    func dead() {
        let warning = group(
            inSync: [replica(1, isAlive: false), replica(2, isAlive: false)],
            others: [replica(3, end: 30)]
        ).warningOfForce(to: nil)
        #expect(warning?.contains("(broker 1, 2)") == true)
        #expect(warning?.contains("70 bytes") == true)
    }

    @Test("a group that the controllers forgot names whom it waits for, never nobody")
    func forgotten() {
        let waiting = group(
            master: nil, epoch: 0, inSync: [], others: [replica(1)],
            recollecting: ForgottenGroup(waitingFor: [2, 3], members: [1, 2, 3]))
        #expect(waiting.warningOfForce(to: nil)?.contains("broker 2, 3 alone held") == true)
        let unknown = group(
            master: nil, epoch: 0, inSync: [], others: [replica(1), replica(2, isAlive: false)])
        #expect(unknown.warningOfForce(to: nil)?.contains("what broker 2 alone held") == true)
        let new = group(master: nil, epoch: 0, inSync: [], others: [replica(1)])
        #expect(new.warningOfForce(to: nil) == nil)
    }
}

@Suite("brokers as a table")
struct BrokerRowsTests {
    @Test("what a dead broker has is not known")
    func dead() {
        let data = SyncStateData(groups: [
            "a": group(
                inSync: [replica(1, role: "master"), replica(2, isAlive: false)],
                others: [replica(3, end: nil, isAlive: false), replica(4, isDrained: true)])
        ])
        let lines = BrokerRows.table(data).split(separator: "\n")
            .map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines[1] == "a 3 1 h1:1 master yes 100 0")
        #expect(
            lines[2]
                == "a 3 2 h2:1 dead unknown - - in the SyncStateSet, last seen 0s ago, with 100 bytes"
        )
        #expect(lines[3] == "a 3 3 h3:1 dead no - - not heard by this leader")
        #expect(lines[4] == "a 3 4 h4:1 replica no 100 0 drained")
    }
}
