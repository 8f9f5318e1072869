import BrokerEngine
import MessageFormat
import RemotingProtocol
import ReplicationProtocol
import Testing

@Suite("A master that was deposed and has not heard of it")
struct InquiringTests {
    /// A message is there, and the group's consumer is at 0. Then 1 hears nobody, 3 becomes master,
    /// takes another message and the offset 2; now 1 hears again, and nobody has told it anything.
    private func deposed() -> GroupBench {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        group.request(Requests.commit(0), at: 1)
        group.cutOff = [1]
        group.view(to: [2, 3], master: 3, epoch: 2, set: [2, 3], setEpoch: 3)
        group.request(Requests.send(), at: 3)
        let commit = group.request(Requests.commit(2), at: 3)
        #expect(group.code(of: commit, at: 3) == .success)
        group.cutOff = []
        return group
    }

    private func hear(_ group: inout GroupBench) {
        group.view(to: [1], master: 3, epoch: 2, set: [2, 3], setEpoch: 3)
    }

    @Test("says nothing of offsets until it has heard, and sends its clients away then")
    func ours() {
        var group = self.deposed()
        let stored = group.request(Requests.queryOffset(), at: 1)
        let end = group.request(Requests.maxOffset(), at: 1)
        group.pass(.milliseconds(500))
        #expect(group.code(of: stored, at: 1) == nil && group.code(of: end, at: 1) == nil)
        self.hear(&group)
        #expect(group.code(of: stored, at: 1) == .serviceNotAvailable)
        #expect(group.code(of: end, at: 1) == .serviceNotAvailable)
    }

    @Test("passes others' questions on to the new master")
    func passedOn() throws {
        var group = self.deposed()
        let stored = group.request(Requests.foreign(Requests.queryOffset()), at: 1)
        self.hear(&group)
        #expect(group.code(of: stored, at: 1) == nil)
        let earlier = group[1].engine
        try group.restart(1)
        group.input(1) { engine, _ in engine.takeClients(of: earlier) }
        group.view(to: [1], master: 3, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.milliseconds(50))
        #expect(group[1].relayed.map(\.to) == ["b3"])
    }

    @Test("sends no consumer back that comes from the new master")
    func pull() {
        var group = self.deposed()
        let pull = group.request(Requests.pull(offset: 2), at: 1)
        #expect(group.code(of: pull, at: 1) == nil)
        group.pass(.seconds(2))
        #expect(group.code(of: pull, at: 1) == .pullNotFound)
        #expect(group[1].commands[pull]?["nextBeginOffset"] == "2")
        let read = group.request(Requests.pull(offset: 0), at: 1)
        #expect(group.code(of: read, at: 1) == .success, "what is confirmed is never wrong")
    }

    @Test("refuses after two seconds; clients that take that for \"no offset\" hear nothing")
    func bounded() {
        var group = self.deposed()
        let ours = group.request(Requests.queryOffset(), at: 1)
        let others = group.request(Requests.foreign(Requests.queryOffset()), at: 1)
        let end = group.request(Requests.foreign(Requests.maxOffset()), at: 1)
        group.pass(.milliseconds(1_900))
        #expect(group.code(of: ours, at: 1) == nil)
        group.pass(.milliseconds(150))
        #expect(group.code(of: ours, at: 1) == .serviceNotAvailable)
        #expect(group.code(of: others, at: 1) == nil)
        #expect(group.code(of: end, at: 1) == .serviceNotAvailable)
    }

    @Test("is told by the controllers, too, when it asks them")
    func controllersKnowMore() {
        var group = self.deposed()
        let stored = group.request(Requests.queryOffset(), at: 1)
        group.pass(.milliseconds(50))
        #expect(group[1].controllerCalls.count == 1)
        group.controllersSay(to: 1, master: 3, epoch: 2, set: [2, 3], setEpoch: 3)
        #expect(group.code(of: stored, at: 1) == .serviceNotAvailable)
        #expect(group[1].change == .restart)
    }
}

@Suite("A master that is one still")
struct VouchedMasterTests {
    @Test("answers at once when its replicas follow, whether there are controllers or not")
    func replicasVouch() {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        group.request(Requests.commit(1), at: 1)
        let stored = group.request(Requests.queryOffset(), at: 1)
        let end = group.request(Requests.maxOffset(), at: 1)
        #expect(group[1].commands[stored]?["offset"] == "1")
        #expect(group[1].commands[end]?["offset"] == "1")
        let pull = group.request(Requests.pull(offset: 5), at: 1)
        #expect(group.code(of: pull, at: 1) == .pullOffsetMoved)
        #expect(group[1].controllerCalls.isEmpty)
    }

    @Test("answers by the controllers' word when its last replica is gone")
    func controllersVouch() {
        var group = GroupBench.inStep([1, 2])
        group.request(Requests.send(), at: 1)
        group.request(Requests.commit(1), at: 1)
        group.kill(2)
        let stored = group.request(Requests.queryOffset(), at: 1)
        #expect(group.code(of: stored, at: 1) == nil)
        group.pass(.milliseconds(50))
        group.controllersSay(to: 1, master: 1, epoch: 1, set: [1, 2], setEpoch: 2)
        #expect(group[1].commands[stored]?["offset"] == "1")
        let next = group.request(Requests.queryOffset(), at: 1)
        #expect(group.code(of: next, at: 1) == nil, "that word was for the earlier question")
    }

    @Test("answers when a replica comes back, and when a dead one has left the SyncStateSet")
    func replicasComeAndGo() {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        group.request(Requests.commit(1), at: 1)
        group.kill(3)
        let stored = group.request(Requests.queryOffset(), at: 1)
        #expect(group.code(of: stored, at: 1) == nil)
        group.view(to: [1, 2], master: 1, epoch: 1, set: [1, 2], setEpoch: 3)
        group.pass(.milliseconds(50))
        #expect(group[1].commands[stored]?["offset"] == "1")
    }

    @Test("needs nobody's word when nobody else may be elected")
    func alone() {
        var group = GroupBench([1], minInSync: 1)
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        group.request(Requests.send(), at: 1)
        let end = group.request(Requests.maxOffset(), at: 1)
        #expect(group[1].commands[end]?["offset"] == "1")
    }
}

extension Requests {
    fileprivate static func maxOffset() -> RemotingCommand {
        .request(.getMaxOffset, fields: ["topic": "T", "queueId": "0"])
    }
}
