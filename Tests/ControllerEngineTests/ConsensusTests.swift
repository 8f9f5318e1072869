import ControllerCore
import ControllerEngine
import MessageFormat
@testable import Raft
import RemotingProtocol
import Testing

@Suite("controllers among themselves")
struct ConsensusTests {
    private static let info = GetReplicaInfo(brokerName: "broker-a").command

    @Test("without a majority nothing is answered as if it were agreed, and nobody waits forever")
    func minority() throws {
        var world = try ControllerWorld()
        _ = try world.group()
        let leader = try world.elect()
        for other in world.nodes where other != leader { world.stopped.insert(other) }
        let claim = ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 4, registerCheckCode: "c")
        #expect(try world.ask(leader, claim.command) == nil)
        #expect(try world.ask(leader, Self.info) == nil)
        // It notices that it is alone, and says so to both.
        world.pass(.seconds(4))
        let answers = world.takeAnswers(of: .tool)
        #expect(answers.count == 2)
        for answer in answers {
            #expect([.controllerNotLeader, .systemError].contains(answer.responseCode))
        }
    }

    @Test("a proposal that another leader's entry has replaced is not answered with its outcome")
    func replacedProposal() throws {
        var world = try ControllerWorld()
        try world.join(BrokerStandIn(1))
        let old = try world.elect()
        let others = world.nodes.filter { $0 != old }
        world.stopped.formUnion(others)
        let lost = ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 2, registerCheckCode: "x")
        #expect(try world.ask(old, lost.command, over: BrokerStandIn(2).connection) == nil)
        // It sleeps; the others go on, with entries of their own at the same places.
        world.stopped = [old]
        world.pass(.seconds(2))
        try world.join(BrokerStandIn(1, name: "broker-b"))
        world.frozen = [old]
        world.stopped = []
        world.pass(.seconds(1))
        let answers = world.takeAnswers(of: BrokerStandIn(2).connection)
        #expect(answers.map(\.responseCode) == [.controllerNotLeader])
        #expect(world.engines[old]?.state.groups["broker-a"]?.brokers[2] == nil)
    }

    @Test("whoever hangs up is not answered any more")
    func hangsUp() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        for other in world.nodes where other != leader { world.stopped.insert(other) }
        #expect(try world.ask(leader, Self.info) == nil)
        world.close(.tool)
        world.pass(.seconds(4))
        #expect(world.takeAnswers(of: .tool).isEmpty)
    }

    @Test("too many that wait are refused, with the reason")
    func tooMany() throws {
        var world = try ControllerWorld { $0.pendingMax = 5 }
        let leader = try world.elect()
        for other in world.nodes where other != leader { world.stopped.insert(other) }
        for _ in 0..<5 { #expect(try world.ask(leader, Self.info) == nil) }
        let answer = try #require(try world.ask(leader, Self.info))
        #expect(answer.responseCode == .systemBusy)
        #expect(answer.remark?.contains("5 requests wait") == true)
    }

    @Test("everything survives a restart of all controllers at once")
    func restart() throws {
        var world = try ControllerWorld { $0.snapshotInterval = 8 }
        let brokers = try world.group()
        let before = try world.view()
        for id in world.nodes { world.kill(id) }
        #expect(world.disks.values.contains { $0.snapshot != nil }, "snapshots were taken")
        for id in world.nodes { try world.start(id) }
        #expect(try world.view() == before)
        var again = brokers
        try world.pass(.seconds(2), with: &again)
        #expect(try world.view() == before, "their master never died")
    }

    @Test("all controllers hold the same state")
    func sameState() throws {
        var world = try ControllerWorld { $0.snapshotInterval = 8 }
        var brokers = try world.group()
        world.close(brokers[0].connection)
        try world.pass(.seconds(1), with: &brokers)
        let states = world.nodes.compactMap { world.engines[$0]?.state }
        #expect(Set(states).count == 1)
    }

    @Test("a controller that missed everything catches up from a snapshot")
    func snapshotForFollower() throws {
        var world = try ControllerWorld {
            $0.snapshotInterval = 4
            $0.raft.entriesKeptBehindSnapshot = 0
        }
        let leader = try world.elect()
        let late = try #require(world.nodes.first { $0 != leader })
        world.kill(late)
        _ = try world.group()
        try world.start(late, restored: RaftRestored())
        world.pass(.seconds(1))
        #expect(world.engines[late]?.state == world.engines[leader]?.state)
        #expect(world.engines[late]?.state.groups.isEmpty == false)
        let told = world.events.contains {
            if case .groupChanged("broker-a", _) = $0 { true } else { false }
        }
        #expect(told)
    }

    @Test("a disk whose snapshot is no state of controllers is refused at the start")
    func badDisk() throws {
        var world = try ControllerWorld(nodes: 1)
        let snapshot = RaftSnapshot(
            position: LogPosition(index: LogIndex(5), term: Term(1)),
            membership: Membership(voters: ["n0"]), bytes: [1, 2, 3])
        #expect(throws: ControllerBytesError.self) {
            try world.start(
                "n0", restored: RaftRestored(snapshot: snapshot))
        }
    }

    @Test("a leader's snapshot that lies stops the follower before it reaches its disk")
    func lyingSnapshot() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        let victim = try #require(world.nodes.first { $0 != leader })
        let term = try #require(world.engines[leader]?.raft.term)
        let lie: [UInt8] = [0xDE, 0xAD]
        let checksum = lie.withUnsafeBytes { Checksum.crc32c($0) }
        let chunk = RaftMessage.SnapshotChunk(
            position: LogPosition(index: LogIndex(500), term: term),
            membership: Membership(voters: world.nodes), total: 2, checksum: checksum, offset: 0,
            bytes: lie, round: 1)
        world.send(
            RaftMessage(from: leader, to: victim, term: term, content: .snapshotChunk(chunk)),
            from: leader, to: victim)
        #expect(world.failures.count == 1)
        #expect(world.failures.first?.contains("snapshot") == true)
        #expect(world.disks[victim]?.snapshot == nil)
        // It answers nobody with a state that is none.
        #expect(try world.ask(victim, ControllerMetadata.request) == nil)
    }

    @Test("an entry that cannot be read stops the controller, it is not skipped")
    func unreadableEntry() throws {
        var world = try ControllerWorld(nodes: 1)
        _ = try world.elect()
        let disk = try #require(world.disks["n0"])
        var restored = disk
        let last = try #require(disk.entries.last)
        restored.entries.append(
            RaftEntry(index: last.index.next, term: last.term, content: .command([9, 9, 9])))
        try world.start("n0", restored: restored)
        world.pass(.seconds(2))
        #expect(world.failures.first?.contains("cannot be applied") == true)
    }

    @Test("a message that comes in another's name is ignored, and told")
    func impostor() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        let term = try #require(world.engines[leader]?.raft.term)
        let message = RaftMessage(
            from: "n9", to: leader, term: Term(term.value + 5), content: .campaignNow)
        world.send(message, from: "n1", to: leader)
        #expect(world.engines[leader]?.raft.term == term)
        #expect(world.events.contains { if case .peerRefused = $0 { true } else { false } })
    }
}

@Suite("changes of the controllers' group")
struct ControllerChangeTests {
    @Test("leadership goes where it is sent")
    func transfer() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        let target = try #require(world.nodes.last { $0 != leader })
        world.pass(.milliseconds(200))
        let command = ControllerChange.transferLeader(to: target.value).command
        var answer = try world.ask(leader, command)
        if answer == nil {
            world.pass(.seconds(1))
            answer = world.takeAnswers(of: .tool).last
        }
        #expect(answer?.responseCode == .success, "\(answer?.remark ?? "no answer")")
        #expect(try world.elect() == target)
        // To the leader itself it has gone already.
        let again = try #require(try world.ask(target, command))
        #expect(again.responseCode == .success)
    }

    @Test("leadership does not go to strangers")
    func transferToStranger() throws {
        var world = try ControllerWorld()
        let answer = try world.askLeader(ControllerChange.transferLeader(to: "n9").command)
        #expect(answer.responseCode == .controllerInvalidRequest)
        #expect(answer.remark?.contains("n9") == true)
    }

    @Test("a new controller gets its vote when it has caught up, and everybody learns where it is")
    func add() throws {
        var world = try ControllerWorld()
        _ = try world.group()
        let peer = ControllerPeer(id: "n3", address: "127.0.0.1:9908")
        let answer = try world.askLeader(ControllerChange.add(peer).command)
        #expect(answer.responseCode == .success, "\(answer.remark ?? "")")
        for id in world.nodes {
            world.pass(.milliseconds(100))
            #expect(world.peersTold[id]?.last == peer)
        }
        try world.start("n3")
        world.pass(.seconds(3))
        let leader = try world.elect()
        #expect(world.engines[leader]?.raft.membership.voters.map(\.value).contains("n3") == true)
        #expect(world.engines["n3"]?.state == world.engines[leader]?.state)
        let again = try world.askLeader(ControllerChange.add(peer).command)
        #expect(again.responseCode == .controllerInvalidRequest)
    }

    @Test("a new controller that nobody can reach gets no vote, and can be removed")
    func addUnreachable() throws {
        var world = try ControllerWorld(nodes: 1)
        let typo = ControllerPeer(id: "n1", address: "127.0.0.1:1")
        #expect(try world.askLeader(ControllerChange.add(typo).command).responseCode == .success)
        world.pass(.seconds(3))
        #expect(world.leader == "n0")
        #expect(world.engines["n0"]?.raft.membership.voters == ["n0"])
        let answer = try world.askLeader(ControllerChange.remove(id: "n1").command)
        #expect(answer.responseCode == .success)
        #expect(world.peersTold["n0"]?.map(\.id) == ["n0"])
    }

    @Test("who is a member already is not added, and stays where it is", arguments: ["n1", "n3"])
    func addMember(id: String) throws {
        var world = try ControllerWorld()
        _ = try world.group()
        let learner = ControllerPeer(id: "n3", address: "127.0.0.1:9908")
        #expect(try world.askLeader(ControllerChange.add(learner).command).responseCode == .success)
        world.pass(.seconds(1))
        let leader = try world.elect()
        #expect(world.engines[leader]?.raft.membership.learners == ["n3"])
        let before = (peers: world.peersTold, state: world.engines[leader]?.state)

        let typo = ControllerPeer(id: id, address: "127.0.0.1:1")
        let answer = try world.askLeader(ControllerChange.add(typo).command)
        #expect(answer.responseCode == .controllerInvalidRequest)
        #expect(answer.remark?.contains("a member already") == true)
        world.pass(.seconds(2))
        #expect(world.peersTold == before.peers)
        #expect(world.leader == leader)
        for node in world.nodes { #expect(world.engines[node]?.state == before.state) }
    }

    @Test("what the configuration says at a start wins over what was agreed on before it")
    func configurationWins() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        world.pass(.milliseconds(200))
        var disk = try #require(world.disks[leader])
        let configured = try #require(world.peersTold[leader])
        let last = try #require(disk.entries.last)
        let wrong = ControllerCommand.setController(id: "n1", address: "127.0.0.1:1")
        disk.entries.append(
            RaftEntry(index: last.index.next, term: last.term, content: .command(wrong.encoded)))
        for id in world.nodes { try world.start(id, restored: disk) }
        let next = try world.elect()
        world.pass(.seconds(1))
        #expect(world.engines[next]?.state.controllers == ["n1": "127.0.0.1:1"])
        for id in world.nodes { #expect(world.peersTold[id] == configured) }
    }

    @Test("a controller that moves while the others run is found at its new place")
    func move() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        let other = try #require(world.nodes.first { $0 != leader })
        world.pass(.milliseconds(200))
        let gone = try world.askLeader(ControllerChange.remove(id: other.value).command)
        #expect(gone.responseCode == .success, "\(gone.remark ?? "")")
        world.pass(.milliseconds(200))
        let moved = ControllerPeer(id: other.value, address: "127.0.0.1:9998")
        let answer = try world.askLeader(ControllerChange.add(moved).command)
        #expect(answer.responseCode == .success, "\(answer.remark ?? "")")
        world.pass(.milliseconds(200))
        #expect(world.peersTold[leader]?.contains(moved) == true)
    }

    @Test("a controller that is removed has no say any more")
    func remove() throws {
        var world = try ControllerWorld()
        let leader = try world.elect()
        let other = try #require(world.nodes.first { $0 != leader })
        world.pass(.milliseconds(200))
        let answer = try world.askLeader(ControllerChange.remove(id: other.value).command)
        #expect(answer.responseCode == .success, "\(answer.remark ?? "")")
        world.kill(other)
        world.pass(.seconds(1))
        #expect(world.peersTold[leader]?.map(\.id).contains(other.value) == false)
        // Two are left, and both are needed: they still agree.
        try world.join(BrokerStandIn(1))
    }

    @Test(
        "what is no change is refused",
        arguments: [
            "", "x=y", "addController=n3", "addController=n3-nowhere", "removeController=z",
        ])
    func nonsense(text: String) throws {
        var world = try ControllerWorld(nodes: 1)
        var command = RemotingCommand.request(.updateControllerConfig)
        command.body = Array(text.utf8)
        let answer = try world.askLeader(command)
        #expect(answer.responseCode == .controllerInvalidRequest)
        #expect(answer.remark?.isEmpty == false)
    }
}
