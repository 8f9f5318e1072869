import BrokerEngine
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A client of somebody else, while the group has no master that serves")
struct AwaitingMasterTests {
    /// The topic is there, and the master is not any more.
    private func orphans() -> GroupBench {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        group.kill(1)
        return group
    }

    @Test("waits, and is passed on to the next master as soon as that is followed")
    func waitsForNext() {
        var group = self.orphans()
        let pull = group.request(Requests.foreign(Requests.pull(offset: 0)), at: 2)
        #expect(group.code(of: pull, at: 2) == nil)
        #expect(group[2].relayed.isEmpty)
        group.view(master: 3, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.milliseconds(50))
        #expect(group[2].relayed.map(\.to) == ["b3"])
    }

    @Test("is served by the broker itself when that becomes master")
    func servedHere() {
        var group = self.orphans()
        let pull = group.request(Requests.foreign(Requests.pull(offset: 0)), at: 2)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.milliseconds(50))
        #expect(group.code(of: pull, at: 2) == .success)
    }

    @Test("waits two seconds at most: then a pull found nothing, and a send is refused")
    func bounded() {
        var group = self.orphans()
        let pull = group.request(Requests.foreign(Requests.pull(offset: 0)), at: 2)
        let send = group.request(Requests.foreign(Requests.send()), at: 2)
        let ours = group.request(Requests.pull(offset: 0), at: 2)
        #expect(group.code(of: ours, at: 2) == .serviceNotAvailable, "it looks for the master")
        group.pass(.milliseconds(1_900))
        #expect(group.code(of: pull, at: 2) == nil && group.code(of: send, at: 2) == nil)
        group.pass(.milliseconds(150))
        #expect(group.code(of: pull, at: 2) == .pullNotFound)
        #expect(group.code(of: send, at: 2) == .serviceNotAvailable)
    }

    @Test("waits only while there is room, for all together; then it is refused at once")
    func room() {
        var group = self.orphans()
        let body = String(repeating: "x", count: 4 << 20)
        let sends = (0..<5).map { _ in
            group.request(Requests.foreign(Requests.send(body)), at: 2)
        }
        #expect(sends.dropLast().allSatisfy { group.code(of: $0, at: 2) == nil })
        #expect(sends.last.map { group.code(of: $0, at: 2) } == .serviceNotAvailable)
    }

    @Test("is asked of the next master, not of the same again, when passing it on has failed")
    func relayFailed() throws {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        group.request(Requests.foreign(Requests.pull(offset: 0)), at: 2)
        let relay = try #require(group[2].latestRelay)
        group.input(2) {
            $0.relayFailed(relay.command, from: relay.caller, in: Epoch(1), at: $1)
        }
        group.pass(.milliseconds(200))
        #expect(group[2].relayed.map(\.to) == ["b1"])
        group.view(to: [2, 3], master: 3, epoch: 2, set: [1, 2, 3], setEpoch: 3)
        group.pass(.milliseconds(50))
        #expect(group[2].relayed.map(\.to) == ["b1", "b3"])
    }

    @Test("sends while the master hands over, and goes on when it does not after all")
    func handingOver() {
        var group = GroupBench.inStep([1, 2, 3])
        group.input(1) { engine, _ in engine.isHandingOver = true }
        let send = group.request(Requests.foreign(Requests.send()), at: 1)
        group.pass(.milliseconds(100))
        #expect(group.code(of: send, at: 1) == nil)
        group.input(1) { engine, _ in engine.isHandingOver = false }
        group.pass(.milliseconds(50))
        #expect(group.code(of: send, at: 1) == .success)
    }

    @Test("stays with the engine that follows a deposed master's")
    func survivesTheEngine() throws {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        group.view(to: [2, 3], master: 3, epoch: 2, set: [1, 2, 3], setEpoch: 3)
        group.view(to: [1], master: 3, epoch: 2, set: [1, 2, 3], setEpoch: 3)
        #expect(group[1].change == .restart)
        let pull = group.request(Requests.foreign(Requests.pull(offset: 0)), at: 1)
        #expect(group.code(of: pull, at: 1) == nil)
        let earlier = group[1].engine
        try group.restart(1)
        group.input(1) { engine, _ in engine.takeClients(of: earlier) }
        group.view(to: [1], master: 3, epoch: 2, set: [1, 2, 3], setEpoch: 3)
        group.pass(.milliseconds(50))
        #expect(group[1].relayed.map(\.to) == ["b3"])
    }

    @Test("is answered before the broker leaves, whether its pull is held or waits")
    func leaving() {
        var group = GroupBench.inStep([1, 2, 3])
        group.request(Requests.send(), at: 1)
        let held = group.request(Requests.foreign(Requests.pull(offset: 1, hold: 10_000)), at: 1)
        #expect(group.code(of: held, at: 1) == nil)
        group.input(1) { $0.letClientsGo(at: $1) }
        group.run()
        #expect(group.code(of: held, at: 1) == .pullNotFound)

        group.kill(1)
        let waiting = group.request(Requests.foreign(Requests.pull(offset: 0)), at: 2)
        group.input(2) { $0.letClientsGo(at: $1) }
        group.run()
        #expect(group.code(of: waiting, at: 2) == .pullNotFound)
    }
}
