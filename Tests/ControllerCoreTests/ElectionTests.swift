import ControllerCore
import MessageFormat
import Testing

/// One line of the decision table: what happens in `ControllerState.led`.
struct ElectionCase: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var cause: ElectionCause
    var candidates: [ElectionCandidate]
    var livingMaster: Int64?
    /// The winner, the SyncStateSet and the epoch after it; nil: refused.
    var elected: Int64?
    var set: [Int64] = []
    var epoch: UInt32 = 2

    init(
        _ description: String, _ cause: ElectionCause, _ candidates: [ElectionCandidate],
        livingMaster: Int64? = nil, elects: Int64? = nil, set: [Int64] = [], epoch: UInt32 = 2
    ) {
        self.testDescription = description
        self.cause = cause
        self.candidates = candidates
        self.livingMaster = livingMaster
        self.elected = elects
        self.set = set
        self.epoch = epoch
    }
}

@Suite("who becomes master")
struct ElectionTests {
    private static let lost = ElectionCause.masterLost(isGone: false)

    static let table: [ElectionCase] = [
        .init(
            "the newest epoch before the longest log", lost,
            [candidate(2, epoch: 0, end: 900), candidate(3, epoch: 1, end: 100)],
            elects: 3, set: [2, 3]),
        .init(
            "the longest log before priority", lost,
            [candidate(2, end: 100, priority: 1), candidate(3, end: 101, priority: 5)],
            elects: 3, set: [2, 3]),
        .init(
            "who does not want to serve comes last, however long its log", lost,
            [candidate(2, end: 100, priority: 1), candidate(3, end: 999, priority: .max)],
            elects: 2, set: [2, 3]),
        .init(
            "gaps of more than 2 GiB are gaps too", lost,
            [candidate(2, end: 1), candidate(3, end: 1 << 40)], elects: 3, set: [2, 3]),
        .init(
            "the smallest priority before the smallest id", lost,
            [candidate(2), candidate(3, priority: 5)], elects: 3, set: [2, 3]),
        .init(
            "the smallest id at last", lost, [candidate(2), candidate(3)], elects: 2, set: [2, 3]),
        .init(
            "never one outside the SyncStateSet", lost, [candidate(4, epoch: 1, end: 999)]),
        .init(
            "one outside does not count beside a member", lost,
            [candidate(3), candidate(4, end: 999)], elects: 3, set: [1, 2, 3]),
        .init("nobody alive, nobody elected", lost, []),
        .init(
            "who lost its disk cannot win", lost,
            [candidate(2, end: 999, isIntact: false), candidate(3)], elects: 3, set: [1, 3]),
        .init("not even alone", lost, [candidate(2, isIntact: false)]),
        .init(
            "a restarted master may win again", .masterLost(isGone: true),
            [candidate(1, incarnation: 2)], elects: 1, set: [1, 2, 3]),
        .init(
            "an epoch that was never given out disqualifies", lost,
            [candidate(2, epoch: 7, end: 999), candidate(3)], elects: 3, set: [1, 3]),
        .init("made-up brokers are nobody", lost, [candidate(77, epoch: 1, end: 999)]),
        .init(
            "while the master lives nobody replaces it", lost, [candidate(1), candidate(2)],
            livingMaster: 1),

        .init(
            "handover: the best of the others; the master stays in the set", .handover(from: 1),
            [candidate(1, end: 999), candidate(2), candidate(3, end: 101)], livingMaster: 1,
            elects: 3, set: [1, 2, 3]),
        .init("handover: not to nobody", .handover(from: 1), [candidate(1)], livingMaster: 1),
        .init(
            "handover: not outside the set", .handover(from: 1), [candidate(1), candidate(4)],
            livingMaster: 1),
        .init(
            "handover: only the master can give it away", .handover(from: 2),
            [candidate(1), candidate(2), candidate(3)], livingMaster: 1),

        .init(
            "designated: that one, however short its log", .designated(3),
            [candidate(1), candidate(2, end: 999), candidate(3, end: 1)], livingMaster: 1,
            elects: 3, set: [1, 2, 3]),
        .init("designated: not if it is dead", .designated(3), [candidate(2)]),
        .init("designated: not outside the set", .designated(4), [candidate(2), candidate(4)]),
        .init(
            "designated: the master is it already", .designated(1), [candidate(1)], livingMaster: 1),

        .init(
            "forced: outside the set when nobody else is there", .forced(4), [candidate(4)],
            elects: 4, set: [4]),
        .init(
            "forced: a member with a broken log becomes the whole set", .forced(2),
            [candidate(2, isIntact: false)], elects: 2, set: [2]),
        .init(
            "forced: nothing is lost that need not be", .forced(nil),
            [candidate(2, end: 1), candidate(4, end: 999)], elects: 2, set: [1, 2, 3]),
        .init(
            "forced: the best of those that are left", .forced(nil),
            [candidate(4, end: 5), candidate(2, end: 6, isIntact: false)], elects: 2, set: [2]),
        .init(
            "forced: not while a master lives", .forced(4), [candidate(1), candidate(4)],
            livingMaster: 1),
        .init("forced: not a dead one", .forced(4), [candidate(2, isIntact: false)]),
        .init(
            "forced: a log from elsewhere raises the epoch", .forced(4), [candidate(4, epoch: 30)],
            elects: 4, set: [4], epoch: 31),
    ]

    @Test("the decision table", arguments: table)
    func decide(line: ElectionCase) {
        var state = ControllerState.led
        let before = state
        let outcome = state.apply(
            election(line.cause, epoch: 1, line.candidates, livingMaster: line.livingMaster))
        guard let elected = line.elected else {
            #expect(outcome != .accepted)
            #expect(state == before, "a refused election changes nothing")
            return
        }
        #expect(outcome == .accepted)
        #expect(state.g?.masterBrokerID == elected)
        #expect(state.g?.syncStateSet == line.set)
        #expect(state.g?.syncStateSetEpoch == 3)
        #expect(state.g?.masterEpoch == Epoch(line.epoch))
        #expect(state.g?.problem == nil)
    }

    @Test("the first election takes the best of all, above every epoch in a log")
    func firstElection() {
        var state = ControllerState()
        state.accept(claim(1), registration(1), claim(2), registration(2))
        state.accept(
            election(
                Self.lost, epoch: 0,
                [candidate(1, epoch: 3, end: 9, priority: 1), candidate(2, epoch: 8, end: 1)]))
        #expect(state.g?.masterBrokerID == 2)
        #expect(state.g?.masterEpoch == Epoch(9))
        #expect(state.g?.syncStateSet == [2])
    }

    @Test("the first election does not believe in absurd epochs")
    func absurdEpoch() {
        var state = ControllerState()
        state.accept(claim(1), registration(1))
        let outcome = state.apply(
            election(Self.lost, epoch: 0, [candidate(1, epoch: 1 << 31 - 1)]))
        #expect(outcome != .accepted)
        #expect(state.g?.masterEpoch == Epoch(0))
    }

    @Test("after the controllers' loss the best log wins, above every epoch that was seen")
    func recovered() {
        var state = ControllerState()
        state.accept(claim(1), registration(1), claim(2), registration(2))
        let candidates = [
            candidate(1, epoch: 3, end: 9, priority: 1),
            candidate(2, epoch: 3, end: 10, isIntact: true),
        ]
        let cause = ElectionCause.recovered(above: Epoch(1_007))
        var other = state
        #expect(
            other.apply(election(cause, epoch: 0, [candidate(1, isIntact: false)])) != .accepted)
        state.accept(election(cause, epoch: 0, candidates))
        #expect(state.g?.masterBrokerID == 2)
        #expect(state.g?.masterEpoch == Epoch(1_008))
        #expect(state.g?.syncStateSet == [2])
    }

    /// Broker 2 wins with a log of 10 bytes in epoch 3; who stays beside it?
    struct Kept: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var keeping: [Int64]
        var other: ElectionCandidate
        var set: [Int64]

        init(
            _ description: String, keeping: [Int64], _ other: ElectionCandidate, set: [Int64]
        ) {
            self.testDescription = description
            self.keeping = keeping
            self.other = other
            self.set = set
        }
    }

    static let kept: [Kept] = [
        .init(
            "one whose log is as long", keeping: [1, 2], candidate(1, epoch: 3, end: 10),
            set: [1, 2]),
        .init(
            "one that lacks what was not confirmed", keeping: [1, 2],
            candidate(1, epoch: 3, end: 8), set: [1, 2]),
        .init(
            "not one whose membership is in doubt", keeping: [2], candidate(1, epoch: 3, end: 10),
            set: [2]),
        .init(
            "not one from an older epoch", keeping: [1, 2], candidate(1, epoch: 2, end: 8), set: [2]
        ),
        .init(
            "one that was heard a little before the winner", keeping: [1, 2],
            candidate(1, epoch: 3, end: 8, isIntact: false), set: [1, 2]),
        .init(
            "not one that is not heard", keeping: [1, 2, 3], candidate(1, epoch: 3, end: 8),
            set: [1, 2]),
    ]

    @Test("after the controllers' loss, beside the winner stays", arguments: kept)
    func keptBeside(line: Kept) {
        var state = ControllerState()
        for id in 1...3 as ClosedRange<Int64> { state.accept(claim(id), registration(id)) }
        let cause = ElectionCause.recovered(above: Epoch(1_007), keeping: line.keeping)
        let winner = candidate(2, epoch: 3, end: 10, priority: 1)
        state.accept(election(cause, epoch: 0, [line.other, winner]))
        #expect(state.g?.masterBrokerID == 2)
        #expect(state.g?.syncStateSet == line.set)
        // Nobody follows the winner with less than the winner had.
        #expect(state.g?.confirmed == PhysicalOffset(line.set.count > 1 ? 10 : 0))
        #expect(state.g?.problem == nil)
    }

    @Test("an election that was proposed before another one is stale")
    func compareAndSet() {
        var state = ControllerState.led
        let second = election(Self.lost, epoch: 1, [candidate(3)])
        state.accept(election(Self.lost, epoch: 1, [candidate(2)]))
        let after = state
        #expect(
            state.apply(second)
                == .refused(.staleMasterEpoch(claimed: Epoch(1), current: Epoch(2))))
        #expect(state == after)
    }

    @Test("a master that is gone without a successor is cleared, its set stays")
    func cleared() {
        var state = ControllerState.led
        state.accept(election(.masterLost(isGone: true), epoch: 1, [candidate(4)]))
        #expect(state.g?.masterBrokerID == nil)
        #expect(state.g?.masterEpoch == Epoch(2))
        #expect(state.g?.syncStateSet == [1, 2, 3])
        // And it stays so until a member comes.
        #expect(
            state.apply(election(.masterLost(isGone: true), epoch: 2, [candidate(4)])) != .accepted)
        state.accept(election(Self.lost, epoch: 2, [candidate(3)]))
        #expect(state.g?.masterBrokerID == 3)
    }

    @Test("an unclean election forgets what was confirmed, a clean one does not")
    func confirmedFloor() {
        var state = ControllerState.led
        state.accept(
            .noteConfirmed(
                .init(group: "g", masterEpoch: Epoch(1), confirmed: PhysicalOffset(70))),
            election(Self.lost, epoch: 1, [candidate(2)]))
        #expect(state.g?.confirmed == PhysicalOffset(70))
        state.accept(election(.forced(4), epoch: 2, [candidate(4)]))
        #expect(state.g?.confirmed == .zero)
        #expect(state.g?.cleanSince == Epoch(3))
    }

    @Test("epochs end before the wire's integers do")
    func epochsEnd() {
        var state = ControllerState()
        state.accept(claim(1), registration(1))
        state.accept(election(Self.lost, epoch: 0, [candidate(1, epoch: 1 << 30)]))
        let epoch: UInt32 = 1 << 30 + 1
        #expect(state.g?.masterEpoch == Epoch(epoch))
        let outcome = state.apply(
            election(.forced(1), epoch: epoch, [candidate(1, epoch: UInt32(Int32.max))]))
        #expect(outcome == .refused(.epochsExhausted))
    }

    @Test("refusals say whom and why")
    func reasons() {
        var state = ControllerState.led
        let candidates = [
            candidate(2, isIntact: false), candidate(3, epoch: 9), candidate(4),
        ]
        guard case .refused(let refusal) = state.apply(election(Self.lost, epoch: 1, candidates))
        else {
            Issue.record("it must be refused")
            return
        }
        #expect(
            refusal.description
                == "nobody can be elected: broker 2 has lost a part of its log, broker 3 has an epoch "
                + "9 that was never given out, broker 4 is not in the SyncStateSet; "
                + "the SyncStateSet is {1,2,3}")
    }
}
