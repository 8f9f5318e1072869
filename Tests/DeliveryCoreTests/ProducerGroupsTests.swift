import DeliveryCore
import MessageFormat
import Testing

@Suite("Producer groups")
struct ProducerGroupsTests {
    private var groups = ProducerGroups()

    @Test("producers come with a heartbeat and go with their connection")
    mutating func comeAndGo() {
        self.beat(2, "p2")
        self.beat(1, "p1")
        self.beat(1, "p1", group: "Q")
        #expect(self.groups.members(of: "P").map(\.connection) == [1, 2])
        #expect(self.groups.names == ["P", "Q"])
        self.groups.closed(1)
        #expect(self.groups.clientIDs(of: "P") == ["p2"])
        #expect(self.groups.names == ["P"])
        self.groups.checkInvariants()
    }

    @Test("members take turns")
    mutating func turns() {
        #expect(self.groups.next(of: "P") == nil)
        for connection in UInt64(1)...3 { self.beat(connection, "p\(connection)") }
        let asked = (0..<6).compactMap { _ in self.groups.next(of: "P") }
        #expect(asked.count == 6)
        #expect(Set(asked[..<3]).count == 3)
        #expect(asked[..<3] == asked[3...])
    }

    @Test("only the member itself unregisters itself")
    mutating func unregisters() {
        self.beat(1, "p1")
        self.groups.unregister(group: "P", clientID: "p2", connection: 1)
        self.groups.unregister(group: "P", clientID: "p1", connection: 2)
        #expect(self.groups.clientIDs(of: "P") == ["p1"])
        self.groups.unregister(group: "P", clientID: "p1", connection: 1)
        #expect(self.groups.names == [])
        self.groups.checkInvariants()
    }

    @Test("a producer that is silent for 120 s is gone")
    mutating func silence() {
        self.beat(1, "p1", at: 0)
        self.beat(2, "p2", at: 1)
        self.groups.advance(to: .seconds(119))
        #expect(self.groups.clientIDs(of: "P") == ["p1", "p2"])
        self.groups.advance(to: .seconds(120))
        #expect(self.groups.clientIDs(of: "P") == ["p2"])
        self.groups.advance(to: .seconds(121))
        #expect(self.groups.names == [])
        self.groups.checkInvariants()
    }

    @Test("one connection is in a bounded number of groups")
    mutating func groupsAreBounded() {
        var limits = MembershipLimits()
        limits.groupsPerConnectionMax = 1
        self.groups = ProducerGroups(limits: limits)
        self.beat(1, "p1")
        self.beat(1, "p1", group: "Q")
        #expect(self.groups.names == ["P"])
        #expect(self.groups.refusedCount == 1)
    }

    @Test("what all say together is bounded, and a closed connection makes room")
    mutating func bytesAreBounded() {
        var limits = MembershipLimits()
        limits.bytesMax = 2_000
        self.groups = ProducerGroups(limits: limits)
        for connection: UInt64 in 1...5 { self.beat(connection, "p\(connection)") }
        #expect(self.groups.clientIDs(of: "P") == ["p1", "p2", "p3"])
        #expect(self.groups.refusedCount == 2)
        self.groups.closed(2)
        self.beat(5, "p5")
        #expect(self.groups.clientIDs(of: "P") == ["p1", "p3", "p5"])
        self.groups.checkInvariants()
    }

    private mutating func beat(
        _ connection: UInt64, _ client: String, group: String = "P", at seconds: Int = 0
    ) {
        self.groups.heartbeat(
            group: group,
            member: GroupMember(connection: ConnectionKey(connection), clientID: client),
            at: .seconds(seconds))
    }
}
