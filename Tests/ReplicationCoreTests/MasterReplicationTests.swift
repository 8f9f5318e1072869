import MessageFormat
import ReplicationCore
import Testing

@Suite("What a master decides about its replicas")
struct MasterReplicationTests {
    private static func at(_ milliseconds: Int64) -> Tick { Tick(.milliseconds(milliseconds)) }

    private func master(_ members: [Int64], minInSync: Int = 2) -> MasterReplication {
        var master = MasterReplication(
            brokerID: 1, set: SyncStateSet(members: members, epoch: 5),
            policy: .init(
                minInSync: minInSync, closedGrace: .milliseconds(50), lagGrace: .seconds(1),
                arrivalGrace: .milliseconds(500),
                proposalTimeout: .seconds(1)),
            end: PhysicalOffset(100), at: Self.at(0))
        for member in members where member != 1 {
            master.connected(member, end: PhysicalOffset(100), at: Self.at(0))
            master.acknowledged(
                member, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(0))
        }
        return master
    }

    @Test("what the slowest member keeps is confirmed, and nothing while one has not spoken")
    func confirmable() {
        var master = self.master([1, 2, 3])
        master.acknowledged(2, kept: PhysicalOffset(300), end: PhysicalOffset(500), at: Self.at(1))
        master.acknowledged(3, kept: PhysicalOffset(200), end: PhysicalOffset(500), at: Self.at(1))
        #expect(master.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(200))
        #expect(master.confirmable(own: PhysicalOffset(150)) == PhysicalOffset(150))

        let silent = MasterReplication(
            brokerID: 1, set: SyncStateSet(members: [1, 2], epoch: 1),
            policy: .init(
                minInSync: 1, closedGrace: .zero, lagGrace: .zero, arrivalGrace: .zero,
                proposalTimeout: .zero),
            end: PhysicalOffset(100), at: Self.at(0))
        #expect(silent.confirmable(own: PhysicalOffset(500)) == nil)
    }

    @Test("somebody outside the set confirms nothing")
    func outsider() {
        var master = self.master([1, 2])
        master.connected(9, end: PhysicalOffset(100), at: Self.at(0))
        master.acknowledged(9, kept: PhysicalOffset(500), end: PhysicalOffset(500), at: Self.at(1))
        #expect(master.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(100))
    }

    @Test("a replica that returns with less counts with what it has now")
    func returnsWithLess() {
        var master = self.master([1, 2])
        master.connected(3, end: PhysicalOffset(400), at: Self.at(10))
        master.acknowledged(3, kept: PhysicalOffset(400), end: PhysicalOffset(400), at: Self.at(11))
        master.disconnected(3, at: Self.at(12))
        master.connected(3, end: PhysicalOffset(400), at: Self.at(13))
        #expect(master.proposal(confirmed: PhysicalOffset(300), at: Self.at(14)) == nil)
        master.acknowledged(3, kept: PhysicalOffset(150), end: PhysicalOffset(400), at: Self.at(15))
        #expect(master.proposal(confirmed: PhysicalOffset(300), at: Self.at(16)) == nil)

        master.connected(2, end: PhysicalOffset(400), at: Self.at(20))
        #expect(master.confirmable(own: PhysicalOffset(400)) == nil)
    }

    @Test("a closed connection costs membership after 50 ms, silence after 1 s")
    func shrink() {
        var closed = self.master([1, 2, 3])
        closed.disconnected(3, at: Self.at(1_000))
        closed.acknowledged(
            2, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(990))
        #expect(closed.proposal(confirmed: PhysicalOffset(100), at: Self.at(1_040)) == nil)
        #expect(closed.proposal(confirmed: PhysicalOffset(100), at: Self.at(1_060)) == [1, 2])

        var silent = self.master([1, 2, 3])
        silent.acknowledged(
            2, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(900))
        #expect(silent.proposal(confirmed: PhysicalOffset(100), at: Self.at(1_000)) == nil)
        #expect(silent.proposal(confirmed: PhysicalOffset(100), at: Self.at(1_001)) == [1, 2])
    }

    @Test("a member that has not come to a new master leaves after half a second")
    func absentFromTheStart() {
        var master = MasterReplication(
            brokerID: 1, set: SyncStateSet(members: [1, 2, 3], epoch: 5),
            policy: .init(
                minInSync: 2, closedGrace: .milliseconds(50), lagGrace: .seconds(1),
                arrivalGrace: .milliseconds(500), proposalTimeout: .seconds(1)),
            end: PhysicalOffset(100), at: Self.at(0))
        master.connected(2, end: PhysicalOffset(100), at: Self.at(100))
        master.acknowledged(
            2, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(100))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(500)) == nil)
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(501)) == [1, 2])
    }

    @Test("a replica that makes progress, but never gets as far as the log was, is too slow")
    func lag() {
        var master = self.master([1, 2, 3])
        for step in 1...30 {
            let end = PhysicalOffset(Int64(100 + step * 1_000))
            let now = Self.at(Int64(step * 50))
            master.acknowledged(2, kept: end, end: end, at: now)
            master.acknowledged(3, kept: PhysicalOffset(Int64(100 + step)), end: end, at: now)
        }
        #expect(master.inStep(at: Self.at(1_500)) == [1, 2])
    }

    @Test("with too few left the set stays, nothing is taken, and it goes on when one returns")
    func minimum() {
        var master = self.master([1, 2, 3])
        master.disconnected(2, at: Self.at(100))
        master.disconnected(3, at: Self.at(100))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(500)) == nil)
        #expect(!master.mayTake(at: Self.at(500)))
        master.connected(2, end: PhysicalOffset(100), at: Self.at(600))
        master.acknowledged(
            2, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(600))
        #expect(master.mayTake(at: Self.at(600)))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(610)) == [1, 2])
    }

    @Test("a replica joins when it keeps all that is confirmed and all of earlier epochs")
    func grow() {
        var master = self.master([1, 2])
        master.connected(3, end: PhysicalOffset(400), at: Self.at(10))
        master.acknowledged(3, kept: PhysicalOffset(90), end: PhysicalOffset(400), at: Self.at(11))
        #expect(master.proposal(confirmed: PhysicalOffset(80), at: Self.at(12)) == nil)
        master.acknowledged(3, kept: PhysicalOffset(200), end: PhysicalOffset(400), at: Self.at(13))
        #expect(master.proposal(confirmed: PhysicalOffset(300), at: Self.at(14)) == nil)
        master.acknowledged(3, kept: PhysicalOffset(300), end: PhysicalOffset(400), at: Self.at(15))
        #expect(master.proposal(confirmed: PhysicalOffset(300), at: Self.at(16)) == [1, 2, 3])
        #expect(master.proposal(confirmed: PhysicalOffset(300), at: Self.at(17)) == nil)
    }

    @Test("a proposal counts from the moment it is sent until its fate is known")
    func union() {
        var master = self.master([1, 2])
        master.connected(3, end: PhysicalOffset(100), at: Self.at(0))
        master.acknowledged(3, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(1))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(2)) == [1, 2, 3])
        master.acknowledged(2, kept: PhysicalOffset(500), end: PhysicalOffset(500), at: Self.at(3))
        #expect(master.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(100))
        var refused = master
        refused.refused([1, 2, 3], at: Self.at(4))
        #expect(refused.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(500))

        master.unanswered([1, 2, 3])
        #expect(master.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(100))
        var late = master
        late.refused([1, 2, 3], at: Self.at(4))
        #expect(
            late.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(100),
            "the first copy may still arrive")
        late.disconnected(3, at: Self.at(5))
        #expect(
            late.proposal(confirmed: PhysicalOffset(100), at: Self.at(6)) == [1, 2],
            "the set as it is, so that what is on its way comes too late")

        var other = master
        let isNews = other.committed([1, 2], epoch: 6, at: Self.at(4))
        #expect(isNews)
        #expect(other.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(500))
        let isOld = other.committed([1, 2, 3], epoch: 6, at: Self.at(4))
        #expect(!isOld)
    }

    @Test("a replica that the controllers do not want waits, and keeps no dead member in the set")
    func unwanted() {
        var master = self.master([1, 2, 3])
        master.connected(9, end: PhysicalOffset(100), at: Self.at(0))
        master.acknowledged(9, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(1))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(2)) == [1, 2, 3, 9])
        master.refused([1, 2, 3, 9], at: Self.at(10))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(20)) == nil)
        master.connected(10, end: PhysicalOffset(100), at: Self.at(20))
        master.acknowledged(
            10, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(20))
        var another = master
        #expect(
            another.proposal(confirmed: PhysicalOffset(100), at: Self.at(21)) == [1, 2, 3, 10],
            "nor does it keep another one out")
        master.disconnected(10, at: Self.at(21))
        master.disconnected(3, at: Self.at(20))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(80)) == [1, 2])
        _ = master.committed([1, 2], epoch: 6, at: Self.at(90))
        master.acknowledged(
            9, kept: PhysicalOffset(100), end: PhysicalOffset(100), at: Self.at(900))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(900)) == nil)
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(1_010)) == [1, 2, 9])
    }

    @Test("a shrink that is not committed releases nothing")
    func shrinkNeedsCommit() {
        var master = self.master([1, 2, 3])
        master.disconnected(3, at: Self.at(100))
        master.acknowledged(
            2, kept: PhysicalOffset(500), end: PhysicalOffset(500), at: Self.at(150))
        #expect(master.proposal(confirmed: PhysicalOffset(100), at: Self.at(160)) == [1, 2])
        #expect(master.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(100))
        _ = master.committed([1, 2], epoch: 6, at: Self.at(170))
        #expect(master.confirmable(own: PhysicalOffset(500)) == PhysicalOffset(500))
    }
}

@Suite("What a replica is sent next")
struct ReplicaFeedTests {
    private static func batch(_ previous: Int64, _ start: Int64, _ end: Int64) -> FeedTail.Batch {
        FeedTail.Batch(
            previousEnd: PhysicalOffset(previous), position: PhysicalOffset(start),
            end: PhysicalOffset(end), bytes: [UInt8](repeating: 1, count: Int(end - start)))
    }

    private static func text(_ step: ReplicaFeed.Step) -> String {
        switch step {
        case .send(let batch): "send \(batch.position.bytes)"
        case .read(let start): "read \(start.bytes)"
        case .wait: "wait"
        }
    }

    @Test("who keeps up is fed from memory, over the border of segments too")
    func direct() {
        var tail = FeedTail()
        tail.append(Self.batch(100, 100, 200))
        tail.append(Self.batch(200, 1_024, 1_100))
        var feed = ReplicaFeed(brokerID: 2, from: PhysicalOffset(100), bytesMax: 10_000)
        var said: [String] = []
        for _ in 0..<3 {
            said.append(Self.text(feed.next(tail, readable: PhysicalOffset(100))))
        }
        #expect(said == ["send 100", "send 1024", "wait"])
    }

    @Test("who is behind reads the log, one read at a time, and goes on from memory")
    func catchUp() {
        var tail = FeedTail()
        tail.append(Self.batch(300, 300, 400))
        var feed = ReplicaFeed(brokerID: 2, from: .zero, bytesMax: 10_000)
        #expect(Self.text(feed.next(tail, readable: PhysicalOffset(300))) == "read 0")
        #expect(Self.text(feed.next(tail, readable: PhysicalOffset(300))) == "wait")
        feed.read(upTo: PhysicalOffset(300))
        #expect(Self.text(feed.next(tail, readable: PhysicalOffset(300))) == "send 300")
    }

    @Test("no more is on the way than the window holds")
    func window() {
        var tail = FeedTail()
        for index in 0..<3 {
            let start = Int64(index) * 100
            tail.append(Self.batch(start, start, start + 100))
        }
        var feed = ReplicaFeed(brokerID: 2, from: .zero, bytesMax: 150)
        var said: [String] = []
        for _ in 0..<3 { said.append(Self.text(feed.next(tail, readable: .zero))) }
        #expect(said == ["send 0", "send 100", "wait"])
        feed.acknowledged(written: PhysicalOffset(100))
        #expect(Self.text(feed.next(tail, readable: .zero)) == "send 200")
    }

    @Test("what is written is read from the log, not kept in memory")
    func tailForgets() {
        var tail = FeedTail()
        tail.append(Self.batch(0, 0, 100))
        tail.written(upTo: PhysicalOffset(100))
        var feed = ReplicaFeed(brokerID: 2, from: .zero, bytesMax: 150)
        #expect(Self.text(feed.next(tail, readable: PhysicalOffset(100))) == "read 0")
    }
}
