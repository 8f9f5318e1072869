import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("A consumer's death gives its popped messages to others at once, if it wants that")
struct PopGivingBackTests {
    private func bench(_ texts: String...) -> EngineBench {
        var bench = EngineBench()
        for text in texts { bench.request(Requests.send(text)) }
        bench.settle()
        return bench
    }

    /// Pops through a connection of its own.
    private func pop(
        _ bench: inout EngineBench, from connection: UInt64 = 7, returns: Bool = true,
        ordered: Bool = false
    ) -> [Popped] {
        let pop = bench.request(
            Requests.pop(ordered: ordered, returns: returns), from: connection)
        bench.settle()
        return bench.popped(pop)
    }

    private func close(_ bench: inout EngineBench) {
        bench.close(7)
        bench.live(.milliseconds(200), step: .milliseconds(50))
    }

    private static func heartbeat(lease: Int) -> RemotingCommand {
        var command = Requests.heartbeat("hung")
        command["apusLease"] = String(lease)
        return command
    }

    @Test("who waits has them when the connection closes, as redelivered ones")
    func killed() {
        var bench = self.bench("a", "b")
        #expect(self.pop(&bench).count == 2)
        let waiting = bench.request(Requests.pop(poll: 30_000))
        bench.settle()
        self.close(&bench)
        var taken = bench.popped(waiting) + bench.pop()
        taken.sort { $0.text < $1.text }
        #expect(taken.map(\.text) == ["a", "b"])
        #expect(taken.map(\.reconsumeTimes) == [1, 1])
        #expect(taken.allSatisfy { $0.properties["1ST_POP_TIME"] != nil })
        for message in taken { #expect(bench.acknowledge(message) == .success) }
        #expect(bench.drain() == [])
    }

    @Test("RocketMQ's clients did not ask for it: theirs wait for their time")
    func others() {
        var bench = self.bench("a")
        #expect(self.pop(&bench, returns: false).count == 1)
        self.close(&bench)
        #expect(bench.pop() == [])
        bench.live(.seconds(60))
        #expect(bench.pop().map(\.text) == ["a"])
    }

    @Test("handles of messages that came back are answered as those whose time was over")
    func lateHandles() {
        var bench = self.bench("a")
        let popped = self.pop(&bench)
        self.close(&bench)
        #expect(bench.acknowledge(popped[0]) == .success)
        let change = bench.request(Requests.change(popped[0], to: 9_000))
        bench.settle()
        #expect(bench.answer(to: change)?.code == .noMessage)
        #expect(bench.pop().map(\.text) == ["a"], "the acknowledgement came too late")
    }

    @Test(
        "a consumer that keeps a message longer still gives it back; one that put it off does not")
    func changes() {
        var bench = self.bench("kept", "put off")
        let popped = self.pop(&bench)
        bench.request(Requests.change(popped[0], to: 60_000, returns: true), from: 7)
        bench.request(Requests.change(popped[1], to: 60_000), from: 7)
        bench.settle()
        self.close(&bench)
        #expect(bench.pop().map(\.text) == ["kept"])
        bench.live(.seconds(61))
        #expect(bench.pop().map(\.text).contains("put off"))
    }

    @Test("a batch in order is delivered again, and counts")
    func ordered() {
        var bench = self.bench("a", "b")
        #expect(self.pop(&bench, ordered: true).map(\.text) == ["a", "b"])
        #expect(bench.pop(ordered: true) == [])
        let waiting = bench.request(Requests.pop(poll: 30_000, ordered: true))
        bench.settle()
        self.close(&bench)
        bench.settle()
        #expect(bench.popped(waiting).map(\.text) == ["a", "b"])
        #expect(bench.field("orderCountInfo", of: waiting) == "0 qo0%0 1;0 qo0%1 1;0 0 1")
    }

    @Test("a consumer that hangs loses its messages with its lease, and takes no others")
    func silent() {
        var bench = self.bench("a")
        bench.request(Self.heartbeat(lease: 10_000), from: 7)
        #expect(self.pop(&bench).map(\.text) == ["a"])
        let hung = bench.request(Requests.pop(poll: 60_000, returns: true), from: 7)
        let waiting = bench.request(Requests.pop(poll: 60_000))
        bench.live(.milliseconds(9_900), step: .milliseconds(100))
        #expect(bench.popped(waiting) == [])
        bench.live(.milliseconds(400), step: .milliseconds(100))
        #expect(bench.popped(hung) == [])
        #expect(bench.popped(waiting).map(\.text) == ["a"])
    }

    @Test("who waits gets what a dead consumer was still reading")
    func reading() {
        var bench = self.bench("a")
        bench.isReadingHeld = true
        bench.request(Requests.pop(expression: "TAGS IS NULL", type: "SQL92"), from: 7)
        let waiting = bench.request(Requests.pop(poll: 30_000))
        bench.settle()
        bench.close(7)
        #expect(bench.popped(waiting) == [])
        bench.isReadingHeld = false
        bench.settle()
        #expect(bench.popped(waiting).map(\.text) == ["a"])
        #expect(bench.popped(waiting).map(\.reconsumeTimes) == [0])
    }

    @Test("a broker that stops closes its clients' connections, and takes nothing from them")
    func stopping() throws {
        var bench = self.bench("a", "b")
        #expect(self.pop(&bench, ordered: true).count == 2)
        bench.refuseAll()
        self.close(&bench)
        var again = try EngineBench(restarting: bench)
        again.setTime(since: .seconds(1))
        #expect(again.pop(ordered: true) == [])
        again.setTime(since: .seconds(61))
        #expect(again.pop(ordered: true).map(\.text) == ["a", "b"])
    }

    @Test("a restart at any batch loses nothing, and has the master's state")
    func restarts() throws {
        var bench = self.bench("a", "b", "c")
        let sent = bench.disk.count
        let popped = self.pop(&bench)
        bench.acknowledge(popped[0])
        let acknowledged = bench.disk.count
        self.close(&bench)
        var again = try EngineBench(restarting: bench)
        #expect(
            again.engine.delivery.pops.snapshotRecords()
                == bench.engine.delivery.pops.snapshotRecords())
        for batches in sent...bench.disk.count {
            again = try EngineBench(restarting: bench, batches: batches)
            again.setTime(since: .seconds(70))
            again.live(.seconds(1))
            let texts = again.drain().map(\.text).sorted()
            let left = batches >= acknowledged ? ["b", "c"] : ["a", "b", "c"]
            #expect(texts == left, "\(batches) batches")
        }
    }

    @Test("a new master knows no connections: messages wait for their time")
    func failover() {
        var group = GroupBench.inStep([1, 2, 3])
        group.isWallRunning = true
        group.request(Requests.send("a"), at: 1)
        let pop = group.request(Requests.pop(invisible: 5_000, returns: true), at: 1)
        #expect(group[1].commands[pop].map { Popped.all($0.fields, $0.body).count } == 1)
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.seconds(1))
        let early = group.request(Requests.pop(), at: 2)
        #expect(group.code(of: early, at: 2) == .pollingTimeout)
        group.pass(.seconds(6))
        let later = group.request(Requests.pop(), at: 2)
        #expect(group.code(of: later, at: 2) == .success)
    }

    @Test("a client whose clock is behind is served, and may wait")
    func slowClock() {
        var bench = self.bench("a")
        let born = EngineBench.wall.milliseconds - 3_600_000
        let pop = bench.request(Requests.pop(poll: 1_000, born: born), from: 9)
        bench.settle()
        #expect(bench.popped(pop).map(\.text) == ["a"])
        let waiting = bench.request(Requests.pop(poll: 10_000, born: born), from: 9)
        bench.live(.seconds(2))
        #expect(bench.answer(to: waiting) == nil)
        bench.request(Requests.send("b"))
        bench.settle()
        #expect(bench.popped(waiting).map(\.text) == ["b"])
    }
}
