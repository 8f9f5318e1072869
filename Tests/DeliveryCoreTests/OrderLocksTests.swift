import DeliveryCore
import MessageFormat
import Testing

@Suite("Order locks")
struct OrderLocksTests {
    private var locks = OrderLocks()
    private let queues = (0..<3).map {
        MessageQueue(topic: "T", brokerName: "b", queueID: Int32($0))
    }

    @Test("a queue is locked for one client of a group, and for every group on its own")
    mutating func oneOwner() {
        #expect(self.lock("c1", self.queues) == self.queues)
        #expect(self.lock("c2", self.queues) == [])
        #expect(self.lock("c2", self.queues, group: "H") == self.queues)
        #expect(self.lock("c1", [self.queues[2], self.queues[0]]).count == 2, "it is the owner")
        #expect(self.locks.owner(group: "G", queue: self.queues[0], at: .zero) == "c1")
        self.locks.checkInvariants()
    }

    @Test("a lock ends 60 s after its owner last asked for it")
    mutating func expiry() {
        _ = self.lock("c1", self.queues, at: 0)
        _ = self.lock("c1", [self.queues[0]], at: 20)
        #expect(self.lock("c2", self.queues, at: 59) == [])
        #expect(self.lock("c2", self.queues, at: 60) == [self.queues[1], self.queues[2]])
        #expect(self.lock("c2", self.queues, at: 80) == self.queues)
        #expect(self.locks.owner(group: "G", queue: self.queues[0], at: .seconds(140)) == nil)
        self.locks.checkInvariants()
    }

    @Test("only the owner unlocks")
    mutating func unlocks() {
        _ = self.lock("c1", self.queues)
        self.locks.unlock(group: "G", clientID: "c2", queues: self.queues)
        self.locks.unlock(group: "H", clientID: "c1", queues: self.queues)
        #expect(self.lock("c2", self.queues) == [])
        self.locks.unlock(group: "G", clientID: "c1", queues: [self.queues[1]])
        #expect(self.lock("c2", self.queues) == [self.queues[1]])
        self.locks.checkInvariants()
    }

    @Test("a closed connection frees what was last asked for through it")
    mutating func closing() {
        _ = self.lock("c1", self.queues, connection: 1)
        _ = self.lock("c1", [self.queues[0]], connection: 2)
        self.locks.closed(1)
        self.locks.checkInvariants()
        #expect(self.lock("c2", self.queues, connection: 3) == [self.queues[1], self.queues[2]])
        self.locks.closed(2)
        #expect(self.lock("c2", self.queues, connection: 3) == self.queues)
        self.locks.checkInvariants()
    }

    @Test("a client's locks in one group can be freed together")
    mutating func releases() {
        _ = self.lock("c1", self.queues)
        _ = self.lock("c1", self.queues, group: "H")
        self.locks.released(group: "G", clientID: "c1")
        #expect(self.locks.count == 3)
        #expect(!self.locks.holdsAny(group: "G", at: .zero))
        #expect(self.locks.holdsAny(group: "H", at: .seconds(59)))
        #expect(!self.locks.holdsAny(group: "H", at: .seconds(60)))
        self.locks.checkInvariants()
    }

    @Test("locks that ended are forgotten, in time and completely")
    mutating func forgets() {
        _ = self.lock("c1", self.queues, at: 0)
        _ = self.lock("c2", self.queues, group: "H", connection: 2, at: 50)
        self.locks.advance(to: .seconds(59))
        #expect(self.locks.count == 6)
        self.locks.advance(to: .seconds(60))
        #expect(self.locks.count == 3)
        self.locks.checkInvariants()
        self.locks.advance(to: .seconds(200))
        #expect(self.locks.count == 0)
        self.locks.checkInvariants()
    }

    @Test("what changes hands is told once; renewals are not")
    mutating func changes() {
        _ = self.lock("c1", [self.queues[0], self.queues[1]])
        #expect(self.locks.takeChanges().map(\.clientID) == ["c1", "c1"])
        _ = self.lock("c1", [self.queues[0]], at: 20)
        #expect(self.locks.takeChanges() == [])
        self.locks.unlock(group: "G", clientID: "c1", queues: [self.queues[0]])
        _ = self.lock("c2", [self.queues[1]], at: 70)
        #expect(self.locks.takeChanges().map(\.clientID) == [nil, "c2"])
        self.locks.advance(to: .seconds(200))
        #expect(self.locks.takeChanges().map(\.clientID) == [nil])
    }

    @Test("inherited locks keep others waiting for the time given, and their owners not at all")
    mutating func inheriting() {
        let owners = self.queues.map { LockOwner(group: "G", queue: $0, clientID: "c1") }
        self.locks.inherit(owners, for: .seconds(35), at: .seconds(100)) { _ in ConnectionKey(4) }
        self.locks.checkInvariants()
        #expect(self.locks.takeChanges() == [])
        #expect(self.lock("c2", self.queues, at: 134) == [])
        #expect(self.lock("c1", [self.queues[0]], connection: 9, at: 134) == [self.queues[0]])
        #expect(self.lock("c2", [self.queues[0], self.queues[1]], at: 135) == [self.queues[1]])
        self.locks.closed(ConnectionKey(4))
        #expect(self.lock("c2", self.queues, at: 135) == [self.queues[1], self.queues[2]])
        self.locks.checkInvariants()
    }

    @Test("the number of locks is bounded")
    mutating func bounded() {
        self.locks = OrderLocks(countMax: 2)
        #expect(self.lock("c1", self.queues) == [self.queues[0], self.queues[1]])
        #expect(self.lock("c1", [self.queues[0]]) == [self.queues[0]], "renewal is no new lock")
        self.locks.checkInvariants()
    }

    private mutating func lock(
        _ client: String, _ queues: [MessageQueue], group: String = "G", connection: UInt64 = 1,
        at seconds: Int = 0
    ) -> [MessageQueue] {
        self.locks.lock(
            group: group, clientID: client, connection: ConnectionKey(connection), queues: queues,
            at: .seconds(seconds))
    }
}
