import DeliveryCore
import MessageFormat
import Testing

@Suite("Consumer groups")
struct ConsumerGroupsTests {
    private var groups = ConsumerGroups()

    @Test("every join and every leave is told to all members who are there")
    mutating func joinsAndLeavesAreTold() {
        #expect(self.beat(1, "c1") == [.notifyMembers(group: "G", [1])])
        #expect(self.beat(2, "c2") == [.notifyMembers(group: "G", [1, 2])])
        #expect(self.beat(2, "c2", at: 30) == [], "a heartbeat alone is no news")
        #expect(self.groups.closed(1) == [.notifyMembers(group: "G", [2])])
        #expect(self.groups.clientIDs(of: "G") == ["c2"])
        #expect(self.groups.closed(1) == [], "a connection closes once")
        #expect(self.groups.closed(2) == [], "nobody is left to be told")
        #expect(self.groups.group("G") == nil)
        self.groups.checkInvariants()
    }

    @Test("a closed connection leaves all its groups at once, in a fixed order")
    mutating func closingLeavesAllGroups() {
        for name in ["B", "A", "C"] {
            _ = self.beat(1, "c1", group: name)
            _ = self.beat(2, "c2", group: name)
        }
        #expect(self.groups.groups(of: 1) == ["A", "B", "C"])
        #expect(
            self.groups.closed(1) == [
                .notifyMembers(group: "A", [2]), .notifyMembers(group: "B", [2]),
                .notifyMembers(group: "C", [2]),
            ])
        self.groups.checkInvariants()
    }

    @Test(
        "nobody is told in a broadcasting group, or where notification is off",
        arguments: [
            (ConsumerGroup.MessageModel.clustering, true, true),
            (.clustering, false, false), (.broadcasting, true, false),
            (.broadcasting, false, false),
        ])
    mutating func whoIsTold(model: ConsumerGroup.MessageModel, enabled: Bool, told: Bool) {
        let joined = self.beat(1, "c1", model: model, notify: enabled)
        #expect(joined.isEmpty != told)
        _ = self.beat(2, "c2", model: model, notify: enabled)
        #expect(self.groups.closed(2).isEmpty != told)
        #expect(self.groups.group("G")?.notifyEnabled == enabled)
    }

    @Test("a client that is connected twice counts once, until both connections are gone")
    mutating func oneClientTwoConnections() {
        _ = self.beat(1, "c2")
        _ = self.beat(2, "c2")
        _ = self.beat(3, "c1")
        #expect(self.groups.clientIDs(of: "G") == ["c1", "c2"])
        _ = self.groups.closed(1)
        #expect(self.groups.clientIDs(of: "G") == ["c1", "c2"])
        _ = self.groups.closed(2)
        #expect(self.groups.clientIDs(of: "G") == ["c1"])
        self.groups.checkInvariants()
    }

    @Test("client ids are in the order in which Java sorts them: by UTF-16 code units")
    mutating func clientIDOrder() {
        // U+FF61 is one code unit that is greater than the surrogates of U+10000.
        let ids = ["b", "a10", "a9", "A", "\u{FF61}", "\u{10000}", "e\u{301}", "\u{E9}", "z"]
        for (index, id) in ids.enumerated() { _ = self.beat(UInt64(index), id) }
        let expected = ["A", "a10", "a9", "b", "e\u{301}", "z", "\u{10000}", "\u{FF61}"]
        #expect(self.groups.clientIDs(of: "G") == expected)
        for index in ids.indices {
            _ = self.groups.closed(ConnectionKey(UInt64(index)))
            self.groups.checkInvariants()
        }
    }

    @Test("a connection whose client id changed is a change of the members")
    mutating func clientIDChanges() {
        _ = self.beat(1, "c1")
        #expect(self.beat(1, "c9") == [.notifyMembers(group: "G", [1])])
        #expect(self.groups.clientIDs(of: "G") == ["c9"])
        self.groups.checkInvariants()
    }

    @Test("only the member itself unregisters itself")
    mutating func unregisters() {
        _ = self.beat(1, "c1")
        _ = self.beat(2, "c2")
        for (client, connection) in [("c1", 2), ("c2", 1), ("c1", 7)] as [(String, UInt64)] {
            #expect(self.unregister(client, connection) == [])
        }
        #expect(self.unregister("c1", 1, group: "other") == [])
        #expect(self.unregister("c1", 1) == [.notifyMembers(group: "G", [2])])
        #expect(self.groups.clientIDs(of: "G") == ["c2"])
        self.groups.checkInvariants()
    }

    @Test("a group whose notification was switched off hears nothing of a goodbye")
    mutating func unregistersSilently() {
        _ = self.beat(1, "c1")
        _ = self.beat(2, "c2")
        let effects = self.groups.unregister(
            group: "G", clientID: "c1", connection: 1, notifyEnabled: false)
        #expect(effects == [])
        #expect(self.groups.clientIDs(of: "G") == ["c2"])
    }

    @Test("a member that is silent for 120 s is gone, and one that is not stays")
    mutating func silence() {
        _ = self.beat(1, "c1", at: 0)
        _ = self.beat(2, "c2", at: 0)
        _ = self.beat(2, "c2", at: 90)
        #expect(self.groups.advance(to: .seconds(119)) == [])
        self.groups.checkInvariants()
        #expect(self.groups.advance(to: .seconds(120)) == [.notifyMembers(group: "G", [2])])
        self.groups.checkInvariants()
        #expect(self.groups.advance(to: .seconds(209)) == [])
        #expect(self.groups.advance(to: .seconds(210)) == [])
        #expect(self.groups.names == [])
        self.groups.checkInvariants()
    }

    @Test("a member that has a lease is gone when it ends; each heartbeat begins it anew")
    mutating func leases() {
        _ = self.beat(1, "c1", at: 0)
        self.beatLeased(at: .zero)
        self.beatLeased(at: .seconds(7))
        for second in 1...17 {
            #expect(self.groups.advance(to: Self.nearly(second)) == [], "\(second)")
            self.groups.checkInvariants()
        }
        #expect(self.groups.advance(to: .seconds(17)) == [.notifyMembers(group: "G", [1])])
        self.groups.checkInvariants()
    }

    @Test("a broker that was stalled itself lets all leases begin anew")
    mutating func stalled() {
        _ = self.beat(1, "c1", at: 0)
        self.beatLeased(at: .zero)
        #expect(self.groups.advance(to: .seconds(1)) == [])
        #expect(self.groups.advance(to: .seconds(60)) == [])
        self.groups.checkInvariants()
        for second in 61...69 { #expect(self.groups.advance(to: Self.nearly(second)) == []) }
        #expect(self.groups.advance(to: Self.nearly(70)) == [])
        #expect(self.groups.advance(to: .seconds(70)) == [.notifyMembers(group: "G", [1])])
        self.groups.checkInvariants()
    }

    private mutating func beatLeased(at now: Tick) {
        _ = self.groups.heartbeat(
            group: "G", member: GroupMember(connection: 2, clientID: "c2", lease: .seconds(10)),
            type: .passively, model: .clustering, from: .lastOffset, subscriptions: nil,
            notifyEnabled: true, at: now)
    }

    /// Closer to the last one than a stall.
    private static func nearly(_ seconds: Int) -> Tick {
        Tick(.seconds(seconds) - .milliseconds(seconds))
    }

    @Test("many who fall silent together are one piece of news for a group")
    mutating func silenceIsGathered() {
        for connection in 1...5 { _ = self.beat(UInt64(connection), "c\(connection)", at: 0) }
        _ = self.beat(9, "c9", at: 60)
        #expect(self.groups.advance(to: .seconds(121)) == [.notifyMembers(group: "G", [9])])
    }

    @Test("one connection is in a bounded number of groups")
    mutating func groupsAreBounded() {
        var limits = MembershipLimits()
        limits.groupsPerConnectionMax = 2
        self.groups = ConsumerGroups(limits: limits)
        for name in ["A", "B", "C", "A"] { _ = self.beat(1, "c1", group: name) }
        #expect(self.groups.groups(of: 1) == ["A", "B"])
        #expect(self.groups.refusedCount == 1)
        #expect(self.beat(2, "c2", group: "C") != [], "others are not affected")
        self.groups.checkInvariants()
    }

    @Test("what all say together is bounded; who is known stays, and a goodbye makes room")
    mutating func bytesAreBounded() {
        var limits = MembershipLimits()
        limits.bytesMax = 20_000
        self.groups = ConsumerGroups(limits: limits)
        let many = (0..<40).map { Subscription(topic: "topic-\($0)") }
        func beat(_ group: String, _ connection: UInt64, _ subscriptions: [Subscription]?)
            -> ConsumerGroup?
        {
            _ = self.groups.heartbeat(
                group: group,
                member: GroupMember(connection: ConnectionKey(connection), clientID: "c"),
                type: .passively, model: .clustering, from: .lastOffset,
                subscriptions: subscriptions, notifyEnabled: true, at: .zero)
            self.groups.checkInvariants()
            return self.groups.group(group)
        }
        #expect(beat("A", 1, many)?.subscriptions.count == 40)
        #expect(beat("B", 2, many) == nil, "more than there is room for")
        #expect(self.groups.refusedCount == 1)
        #expect(beat("A", 1, many)?.subscriptions.count == 40, "who is known stays")
        #expect(beat("C", 2, [many[0]])?.subscriptions.count == 1)
        let long = Subscription(topic: "T", expression: String(repeating: "x", count: 20_000))
        #expect(beat("C", 2, [many[0], long])?.subscriptions.count == 1)
        #expect(self.groups.refusedCount == 2)
        _ = self.groups.closed(1)
        self.groups.checkInvariants()
        #expect(beat("B", 2, many)?.subscriptions.count == 40)
    }

    @Test("who is known is heard when there is no room left, too")
    mutating func fullOfKnown() {
        var limits = MembershipLimits()
        limits.bytesMax = 600
        self.groups = ConsumerGroups(limits: limits)
        _ = self.beat(1, "c1")
        _ = self.beat(1, "c1", at: 100)
        #expect(self.groups.refusedCount == 0)
        _ = self.beat(2, "c2", at: 100)
        #expect(self.groups.refusedCount == 1)
        #expect(self.groups.advance(to: .seconds(219)) == [])
        #expect(self.groups.names == ["G"])
    }

    private mutating func beat(
        _ connection: UInt64, _ client: String, group: String = "G",
        model: ConsumerGroup.MessageModel = .clustering, notify: Bool = true, at seconds: Int = 0
    ) -> [ConsumerGroups.Effect] {
        self.groups.heartbeat(
            group: group,
            member: GroupMember(connection: ConnectionKey(connection), clientID: client),
            type: .passively, model: model, from: .lastOffset, subscriptions: [],
            notifyEnabled: notify, at: .seconds(seconds))
    }

    private mutating func unregister(
        _ client: String, _ connection: UInt64, group: String = "G"
    ) -> [ConsumerGroups.Effect] {
        self.groups.unregister(
            group: group, clientID: client, connection: ConnectionKey(connection),
            notifyEnabled: true)
    }
}

@Suite("Subscriptions of a group")
struct SubscriptionTests {
    private var groups = ConsumerGroups()

    /// What the group has subscribed to, what a member reports, what is known then, and whether
    /// the members are told.
    struct Report: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var type = ConsumerGroup.ConsumeType.passively
        var before: [Subscription] = [.init(topic: "T", expression: "a", version: 5)]
        var reported: [Subscription]?
        var after: [Subscription]
        var told: Bool
    }

    static let reports = [
        Report(
            testDescription: "a new topic is added",
            reported: [
                .init(topic: "T", expression: "a", version: 5), .init(topic: "U", version: 5),
            ],
            after: [.init(topic: "T", expression: "a", version: 5), .init(topic: "U", version: 5)],
            told: true),
        Report(
            testDescription: "a newer version replaces",
            reported: [.init(topic: "T", expression: "b", version: 6)],
            after: [.init(topic: "T", expression: "b", version: 6)], told: true),
        Report(
            testDescription: "a newer version of the same is kept without a word",
            reported: [.init(topic: "T", expression: "a", version: 6)],
            after: [.init(topic: "T", expression: "a", version: 6)], told: false),
        Report(
            testDescription: "an equal version does not replace",
            reported: [.init(topic: "T", expression: "b", version: 5)],
            after: [.init(topic: "T", expression: "a", version: 5)], told: false),
        Report(
            testDescription: "an older version does not replace",
            reported: [.init(topic: "T", expression: "b", version: 4)],
            after: [.init(topic: "T", expression: "a", version: 5)], told: false),
        Report(
            testDescription: "an absent topic is removed",
            reported: [], after: [], told: true),
        Report(
            testDescription: "a pop consumer removes nothing", type: .pop,
            reported: [], after: [.init(topic: "T", expression: "a", version: 5)], told: false),
        Report(
            testDescription: "a heartbeat without subscriptions changes none",
            reported: nil, after: [.init(topic: "T", expression: "a", version: 5)], told: false),
    ]

    @Test(arguments: Self.reports)
    mutating func followsReports(_ report: Report) {
        _ = self.beat(report.before, report.type)
        let effects = self.beat(report.reported, report.type)
        #expect(effects == (report.told ? [.notifyMembers(group: "G", [1])] : []))
        let known = self.groups.group("G")?.subscriptions ?? [:]
        #expect(known.values.sorted { $0.topic < $1.topic } == report.after)
        self.groups.checkInvariants()
    }

    @Test("type, model and start follow the latest heartbeat")
    mutating func latestWins() {
        _ = self.beat([], .passively)
        _ = self.groups.heartbeat(
            group: "G", member: GroupMember(connection: 1, clientID: "c1"), type: .actively,
            model: .broadcasting, from: .timestamp, subscriptions: [], notifyEnabled: true,
            at: .zero)
        let group = self.groups.group("G")
        #expect(group?.type == .actively)
        #expect(group?.model == .broadcasting)
        #expect(group?.from == .timestamp)
    }

    @Test("a topic knows the groups that are subscribed to it")
    mutating func groupsOfTopic() {
        _ = self.beat([.init(topic: "T")], .passively)
        #expect(self.groups.groups(subscribedTo: "T") == ["G"])
        #expect(self.groups.groups(subscribedTo: "U") == [])
        #expect(self.groups.subscription(group: "G", topic: "T")?.expression == "*")
        #expect(self.groups.subscription(group: "H", topic: "T") == nil)
    }

    @Test("a group keeps a bounded number of subscriptions")
    mutating func subscriptionsAreBounded() {
        var limits = MembershipLimits()
        limits.subscriptionsPerGroupMax = 3
        self.groups = ConsumerGroups(limits: limits)
        _ = self.beat((0..<10).map { Subscription(topic: "T\($0)") }, .passively)
        #expect(self.groups.group("G")?.subscriptions.count == 3)
    }

    @Test(
        "tags select by hash, and none selects all",
        arguments: [
            ([], 7, true), ([], 0, true), ([7], 7, true), ([7, 8], 8, true), ([7], 0, false),
            ([7], 8, false),
        ] as [([Int32], Int32, Bool)])
    func matches(hashes: [Int32], hash: Int32, selected: Bool) {
        let subscription = Subscription(topic: "T", tagHashes: Set(hashes))
        #expect(subscription.matches(tagHash: hash) == selected)
    }

    private mutating func beat(
        _ subscriptions: [Subscription]?, _ type: ConsumerGroup.ConsumeType
    ) -> [ConsumerGroups.Effect] {
        self.groups.heartbeat(
            group: "G", member: GroupMember(connection: 1, clientID: "c1"), type: type,
            model: .clustering, from: .lastOffset, subscriptions: subscriptions,
            notifyEnabled: true, at: .zero)
    }
}

extension ConnectionKey: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.init(value) }
}

extension Tick {
    static func seconds(_ seconds: Int) -> Tick { Tick(.seconds(seconds)) }
}
