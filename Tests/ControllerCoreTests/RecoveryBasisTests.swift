import ControllerCore
import MessageFormat
import Testing

/// After the controllers' loss broker 1 of {1, 2, 3} was elected with a log of 100 bytes, 80 of them
/// confirmed. It has come back without its log, and the group has no master.
struct LostWinnerCase: CustomTestStringConvertible, Sendable {
    struct Heard: Sendable {
        var id: Int64
        var end: Int64
        var confirmed: Int64 = 80
        /// It has not heard yet that the group has no master.
        var isBehind = false
        var isAlive = true
    }

    enum Outcome: Hashable, Sendable {
        /// The ordinary election finds somebody.
        case ordinary
        case elected(Int64, beside: [Int64])
        case waiting(for: [Int64])
        case lost([Int64], unheard: [Int64])
    }

    var testDescription: String
    var minInSync: Int? = 2
    var heard: [Heard]
    var outcome: Outcome

    init(_ description: String, minInSync: Int? = 2, _ heard: [Heard], _ outcome: Outcome) {
        self.testDescription = description
        self.minInSync = minInSync
        self.heard = heard
        self.outcome = outcome
    }
}

@Suite("the winner of an election after the controllers' loss has lost its log")
struct RecoveryBasisTests {
    static let table: [LostWinnerCase] = [
        .init(
            "both others are sound: none is as long as the winner was",
            [.init(id: 1, end: 10), .init(id: 2, end: 90), .init(id: 3, end: 85)],
            .elected(2, beside: [2, 3])),
        .init(
            "the longest of them, not the first",
            [.init(id: 1, end: 10), .init(id: 2, end: 80), .init(id: 3, end: 90)],
            .elected(3, beside: [2, 3])),
        .init(
            "one that has all that the winner had needs nobody else",
            [.init(id: 1, end: 10), .init(id: 2, end: 100)], .ordinary),
        .init(
            "nobody waits for the loser, and not for it to live either",
            [.init(id: 1, end: 10, isAlive: false), .init(id: 2, end: 90), .init(id: 3, end: 90)],
            .elected(2, beside: [2, 3])),
        .init(
            "the third may be the only one that has everything",
            [.init(id: 1, end: 10), .init(id: 2, end: 90)], .waiting(for: [3])),
        .init(
            "so it is waited for when it has died",
            [.init(id: 1, end: 10), .init(id: 2, end: 90), .init(id: 3, end: 90, isAlive: false)],
            .waiting(for: [3])),
        .init(
            "and until its report is exact",
            [.init(id: 1, end: 10), .init(id: 2, end: 90), .init(id: 3, end: 85, isBehind: true)],
            .waiting(for: [3])),
        .init(
            "two of three have lost something, and may have been the last set",
            [.init(id: 1, end: 10), .init(id: 2, end: 70), .init(id: 3, end: 90)],
            .lost([1, 2], unheard: [])),
        .init(
            "one of them without knowing it",
            [
                .init(id: 1, end: 10), .init(id: 2, end: 70, confirmed: 60),
                .init(id: 3, end: 90),
            ], .lost([1, 2], unheard: [])),
        .init(
            "two have lost something, and the third is not heard",
            [.init(id: 1, end: 10), .init(id: 2, end: 70)], .lost([1, 2], unheard: [3])),
        .init(
            "a master that may acknowledge alone has perhaps done so", minInSync: 1,
            [.init(id: 1, end: 10), .init(id: 2, end: 90), .init(id: 3, end: 90)],
            .lost([1], unheard: [])),
        .init(
            "who does not say its minimum may, too", minInSync: nil,
            [.init(id: 1, end: 10), .init(id: 2, end: 90), .init(id: 3, end: 90)],
            .lost([1], unheard: [])),
        .init(
            "with three copies of everything one sound log will do", minInSync: 3,
            [.init(id: 1, end: 10), .init(id: 2, end: 70), .init(id: 3, end: 90)],
            .elected(3, beside: [3])),
    ]

    @Test("the table", arguments: table)
    func lostWinner(line: LostWinnerCase) throws {
        var scene = try Scene(minInSync: line.minInSync)
        try scene.loseWinner()
        for heard in line.heard { try scene.hear(heard, minInSync: line.minInSync) }
        #expect(try scene.outcome() == line.outcome)
    }

    @Test("the next winner may lose its log as well, but no further one")
    func again() throws {
        var scene = try Scene(minInSync: 2)
        try scene.loseWinner()
        for heard in Self.table[0].heard { try scene.hear(heard, minInSync: 2) }
        #expect(try scene.outcome() == .elected(2, beside: [2, 3]))
        #expect(scene.state.g?.confirmed == PhysicalOffset(90), "nobody follows it with less")
        try scene.loseWinner()
        try scene.hear(.init(id: 2, end: 10), minInSync: 2)
        try scene.hear(.init(id: 3, end: 85), minInSync: 2)
        #expect(try scene.outcome() == .lost([2], unheard: []))
    }

    @Test("a set that its master has changed since says who has everything")
    func changed() throws {
        var scene = try Scene(minInSync: 2)
        let group = try #require(scene.state.g)
        scene.state.accept(
            alteration(
                [1, 2], epoch: group.masterEpoch.value, setEpoch: group.syncStateSetEpoch))
        #expect(scene.state.g?.recovery == nil)
    }
}

/// The controllers' state, and what one of them hears.
private struct Scene {
    var state = ControllerState()
    var liveness = BrokerLiveness(at: .zero)
    private var incarnation: UInt64 = 1

    /// Controllers that know nothing hear all three.
    init(minInSync: Int?) throws {
        for id in 1...3 as ClosedRange<Int64> { self.state.accept(claim(id), registration(id)) }
        for (id, end) in [(1, 100), (2, 90), (3, 90)] as [(Int64, Int64)] {
            try self.hear(.init(id: id, end: end), minInSync: minInSync)
        }
        try self.elect()
        #expect(self.state.g?.masterBrokerID == 1)
        #expect(self.state.g?.syncStateSet == [1, 2, 3])
        #expect(self.state.g?.confirmed == PhysicalOffset(100))
    }

    private var group: GroupState { get throws { try #require(self.state.g) } }

    mutating func hear(_ heard: LostWinnerCase.Heard, minInSync: Int?) throws {
        let group = try self.group
        let obeyed = heard.isBehind ? group.masterEpoch.value - 1 : group.masterEpoch.value
        self.liveness.heard(
            BrokerKey(group: "g", brokerID: heard.id),
            BrokerReport(
                incarnation: self.incarnation, masterEpoch: Epoch(obeyed), lastEpoch: Epoch(3),
                maxOffset: PhysicalOffset(heard.end),
                confirmOffset: PhysicalOffset(heard.confirmed), priority: 1, role: .fenced,
                remembered: RememberedSet(
                    masterEpoch: Epoch(3), syncStateSetEpoch: 7, members: [1, 2, 3]),
                minInSync: minInSync),
            of: group, over: UInt64(heard.id), timeoutMilliseconds: nil, at: .zero)
        if !heard.isAlive { _ = self.liveness.closed(UInt64(heard.id)) }
    }

    /// Its process has ended; of the others nothing is heard since then.
    mutating func loseWinner() throws {
        let group = try self.group
        let master = try #require(group.masterBrokerID)
        self.incarnation += 1
        self.state.accept(
            registration(master, incarnation: self.incarnation),
            election(
                .masterLost(isGone: true), epoch: group.masterEpoch.value,
                [candidate(master, incarnation: self.incarnation, isIntact: false)]))
        #expect(self.state.g?.masterBrokerID == nil)
        self.liveness = BrokerLiveness(at: .zero)
    }

    private mutating func elect() throws {
        let group = try self.group
        guard
            case .complete(let cause, let candidates) = self.liveness.recollection(of: "g", group)
        else { return }
        self.state.accept(election(cause, epoch: group.masterEpoch.value, candidates))
    }

    mutating func outcome() throws -> LostWinnerCase.Outcome {
        guard self.liveness.isForgotten("g", try self.group) else { return .ordinary }
        switch self.liveness.recollection(of: "g", try self.group) {
        case .waiting(let missing, _, _): return .waiting(for: missing)
        case .lost(let ids, _, let unheard): return .lost(ids, unheard: unheard)
        case .nothing, .unvouched, .complete: break
        }
        try self.elect()
        let group = try self.group
        return .elected(group.masterBrokerID ?? 0, beside: group.syncStateSet)
    }
}
