import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("Pops survive the broker that gave the messages out")
struct PopSurvivalTests {
    /// Messages are popped, acknowledged, kept longer, left to return: all that pops can meet.
    private struct Life {
        var bench = EngineBench()
        /// By how many batches of the disk a message was known to be acknowledged.
        var acknowledged: [String: Int] = [:]

        init() {
            for number in 0..<12 {
                self.bench.request(Requests.send("m\(number)", queue: Int32(number % 4)))
            }
            self.bench.settle()
        }

        mutating func pop(_ count: Int32) -> [Popped] {
            self.bench.pop(count, invisible: 5_000)
        }

        mutating func acknowledge(_ message: Popped) {
            self.bench.acknowledge(message)
            self.acknowledged[message.text] = self.bench.disk.count
        }

        mutating func run() {
            let first = self.pop(4)
            for message in first.prefix(2) { self.acknowledge(message) }
            self.bench.request(Requests.change(first[2], to: 8_000))
            self.bench.settle()
            self.bench.live(.seconds(6))
            for message in self.pop(8).suffix(3) { self.acknowledge(message) }
            self.bench.live(.seconds(6))
            for message in self.pop(3) { self.acknowledge(message) }
        }
    }

    @Test(
        "whatever of its last writes is lost, nothing popped is lost, nothing acknowledged returns")
    func restarts() throws {
        var life = Life()
        let sent = life.bench.disk.count
        life.run()
        for batches in sent...life.bench.disk.count {
            var again = try EngineBench(restarting: life.bench, batches: batches)
            again.setTime(since: .seconds(13))
            let drained = again.drain().map(\.text)
            let done = life.acknowledged.filter { $0.value <= batches }.map(\.key)
            #expect(Set(drained).isDisjoint(with: done), "\(batches) batches")
            let all = Set((0..<12).map { "m\($0)" })
            #expect(all.subtracting(done).isSubset(of: drained), "\(batches) batches")
            #expect(drained.count == Set(drained).count, "\(batches) batches")
            again.engine.delivery.checkInvariants()
        }
    }

    @Test("a handle from before a restart acknowledges after it")
    func handles() throws {
        var bench = EngineBench()
        for text in ["a", "b"] { bench.request(Requests.send(text)) }
        bench.settle()
        let popped = bench.pop()
        var again = try EngineBench(restarting: bench)
        again.setTime(since: .seconds(1))
        #expect(again.acknowledge(popped[0]) == .success)
        #expect(again.engine.delivery.pops.inFlight == 1)
        again.live(.seconds(60))
        #expect(again.drain().map(\.text) == ["b"])
    }

    @Test("a batch in order blocks its queue after a restart, too, until its handles come")
    func order() throws {
        var bench = EngineBench()
        for text in ["a", "b", "c"] { bench.request(Requests.send(text)) }
        bench.settle()
        let first = bench.pop(2, ordered: true)
        bench.acknowledge(first[0])
        var again = try EngineBench(restarting: bench)
        again.setTime(since: .seconds(1))
        #expect(again.pop(ordered: true) == [])
        #expect(again.acknowledge(first[1]) == .success)
        #expect(again.pop(ordered: true).map(\.text) == ["c"])
        var late = try EngineBench(restarting: bench)
        late.setTime(since: .seconds(61))
        #expect(late.pop(ordered: true).map(\.text) == ["b"])
    }

    @Test("a replay of the log gives the master's state")
    func sameState() throws {
        var life = Life()
        life.run()
        life.bench.live(.seconds(1))
        let again = try EngineBench(restarting: life.bench)
        #expect(
            again.engine.delivery.pops.snapshotRecords()
                == life.bench.engine.delivery.pops.snapshotRecords())
    }

    private func popped(_ group: GroupBench, _ opaque: Int32, at id: Int64) -> [Popped] {
        group[id].commands[opaque].map { Popped.all($0.fields, $0.body) } ?? []
    }

    private func pop(_ group: inout GroupBench, _ count: Int32, at id: Int64) -> [Popped] {
        let pop = group.request(Requests.pop(count, invisible: 5_000), at: id)
        return self.popped(group, pop, at: id)
    }

    private func acknowledge(_ message: Popped, _ group: inout GroupBench, at id: Int64) {
        let ack = group.request(Requests.acknowledge(message), at: id)
        #expect(group.code(of: ack, at: id) == .success)
    }

    @Test("a replica that becomes master knows what is in flight: handles stay valid")
    func promotion() {
        var group = GroupBench.inStep([1, 2, 3])
        group.isWallRunning = true
        for text in ["a", "b", "c", "d"] { group.request(Requests.send(text), at: 1) }
        let messages = self.pop(&group, 3, at: 1)
        #expect(messages.map(\.text) == ["a", "b", "c"])
        self.acknowledge(messages[0], &group, at: 1)
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        group.pass(.milliseconds(100))

        #expect(self.pop(&group, 8, at: 2).map(\.text) == ["d"])
        self.acknowledge(messages[1], &group, at: 2)
        group.pass(.seconds(6))
        #expect(self.pop(&group, 8, at: 2).map(\.text).sorted() == ["c", "d"])
        group.pass(.seconds(6))
    }

    @Test(
        "a master's death after any step costs no message, and brings none back", arguments: 0..<7)
    func deaths(steps: Int) {
        var group = GroupBench.inStep([1, 2, 3])
        group.isWallRunning = true
        for number in 0..<8 { group.request(Requests.send("m\(number)"), at: 1) }
        var popped: [Popped] = []
        var done: Set<String> = []
        for step in 0..<steps {
            switch step {
            case 0, 4: popped = self.pop(&group, 4, at: 1)
            case 1, 5:
                self.acknowledge(popped[0], &group, at: 1)
                done.insert(popped[0].text)
            case 2: group.request(Requests.change(popped[1], to: 9_000), at: 1)
            default: group.pass(.seconds(5))
            }
        }
        group.kill(1)
        group.view(master: 2, epoch: 2, set: [2, 3], setEpoch: 3)
        var consumed: [String] = []
        for _ in 0..<6 {
            for message in self.pop(&group, 8, at: 2) {
                self.acknowledge(message, &group, at: 2)
                consumed.append(message.text)
            }
            group.pass(.seconds(3))
        }
        #expect(Set(consumed).isDisjoint(with: done))
        #expect(Set(consumed).union(done) == Set((0..<8).map { "m\($0)" }))
        #expect(consumed.count == Set(consumed).count)
        #expect(group[2].engine.delivery.pops.inFlight == 0)
    }

    @Test("replicas hold what the master holds")
    func replicas() {
        var group = GroupBench.inStep([1, 2])
        group.isWallRunning = true
        for text in ["a", "b", "c"] { group.request(Requests.send(text), at: 1) }
        let pop = group.request(Requests.pop(2, invisible: 1_000), at: 1)
        for message in self.popped(group, pop, at: 1).prefix(1) {
            group.request(Requests.acknowledge(message), at: 1)
        }
        group.pass(.seconds(3))
        #expect(
            group[2].engine.delivery.pops.snapshotRecords()
                == group[1].engine.delivery.pops.snapshotRecords())
        #expect(group.log(1) == group.log(2))
        #expect(group[1].engine.delivery.pops.inFlight == 0)
    }
}
