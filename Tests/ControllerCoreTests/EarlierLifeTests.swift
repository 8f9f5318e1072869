import ControllerCore
import MessageFormat
import Testing

/// What a broker says, and whether the controllers' state must be older than that.
struct EarlierLifeCase: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var isFresh = false
    var id: Int64 = 2
    /// Master epoch, SyncStateSet epoch and members.
    var memory: (UInt32, Int32, [Int64])?
    var logEpoch: UInt32 = 1
    var obeys: UInt32 = 1
    var isAhead: Bool
}

@Suite("the controllers' state may be older than what brokers remember")
struct EarlierLifeTests {
    // `led`: epoch 1, the set {1, 2, 3} in epoch 2. `fresh`: epoch 1, the set {1} in epoch 1.
    static let table: [EarlierLifeCase] = [
        .init(testDescription: "what was committed", memory: (1, 2, [1, 2, 3]), isAhead: false),
        .init(testDescription: "an older set", memory: (1, 1, [1]), isAhead: false),
        .init(testDescription: "a newer set", memory: (1, 3, [1, 2]), isAhead: true),
        .init(testDescription: "a newer election", memory: (2, 0, [2]), isAhead: true),
        .init(
            testDescription: "whom its master wanted to add", id: 1, memory: (1, 2, [1, 2, 3, 4]),
            isAhead: false),
        .init(testDescription: "a log of a newer epoch", logEpoch: 2, isAhead: true),
        .init(testDescription: "a newer master", obeys: 2, isAhead: true),
        .init(testDescription: "absurd epochs", logEpoch: 1 << 31, isAhead: false),
        .init(testDescription: "absurd memories", memory: (1 << 31, 1, [9]), isAhead: false),
        .init(
            testDescription: "a set of two in a group that never had one", isFresh: true,
            memory: (1, 0, [1, 2]), isAhead: true),
        .init(
            testDescription: "the first addition to it", isFresh: true, id: 1,
            memory: (1, 1, [1, 2]), isAhead: false),
        .init(
            testDescription: "its only set", isFresh: true, memory: (1, 1, [1]), isAhead: false),
    ]

    @Test("the table", arguments: table)
    func ahead(line: EarlierLifeCase) throws {
        let group = try #require((line.isFresh ? ControllerState.fresh : .led).g)
        let report = BrokerReport(
            incarnation: 1, masterEpoch: Epoch(line.obeys), lastEpoch: Epoch(line.logEpoch),
            maxOffset: .zero, confirmOffset: .zero, priority: 1, role: .replica,
            remembered: line.memory.map {
                RememberedSet(masterEpoch: Epoch($0.0), syncStateSetEpoch: $0.1, members: $0.2)
            })
        #expect(group.knowsLess(than: report, of: line.id) == line.isAhead)
    }

    private func forgetting(_ id: Int64 = 1, epoch: UInt32 = 1) -> ControllerCommand {
        .forgetFounder(.init(group: "g", masterEpoch: Epoch(epoch), brokerID: id))
    }

    @Test("a founding election is taken back once, with the right epoch")
    func forgets() throws {
        var state = ControllerState.fresh
        #expect(
            state.apply(self.forgetting(epoch: 2))
                == .refused(.staleMasterEpoch(claimed: Epoch(2), current: Epoch(1))))
        #expect(state.apply(self.forgetting(2)) == .refused(.notFounder(2)))
        state.accept(self.forgetting())
        let group = try #require(state.g)
        #expect(group.masterBrokerID == nil)
        #expect(group.masterEpoch == Epoch(2), "everybody hears of it")
        #expect(group.syncStateSet.isEmpty)
        #expect(group.isUnknown)
        #expect(state.apply(self.forgetting(epoch: 2)) == .refused(.notFounder(1)))

        // Neither the founder nor anybody else by an ordinary election.
        let lost = election(.masterLost(isGone: true), epoch: 2, [candidate(1), candidate(2)])
        guard case .refused(.nobodyElectable) = state.apply(lost) else {
            Issue.record("somebody was elected")
            return
        }
        state.accept(
            election(
                .recovered(above: Epoch(1_009), keeping: [2, 3]), epoch: 2,
                [candidate(2, epoch: 9), candidate(3, epoch: 9)]))
        #expect(state.g?.masterBrokerID == 2)
        #expect(state.g?.masterEpoch == Epoch(1_010))
        #expect(state.g?.syncStateSet == [2, 3])
        #expect(state.g?.isUnknown == false)
    }

    @Test("not in a group that ever had a second member, or whose founder brought a log")
    func keeps() throws {
        var grown = ControllerState.led
        grown.accept(alteration([1], setEpoch: 2))
        #expect(grown.apply(self.forgetting()) == .refused(.notFounder(1)))

        var lone = ControllerState()
        lone.accept(claim(1), registration(1))
        lone.accept(election(.masterLost(isGone: false), epoch: 0, [candidate(1, epoch: 1)]))
        #expect(lone.apply(self.forgetting(epoch: 2)) == .refused(.notFounder(1)))

        var recovered = ControllerState()
        recovered.accept(claim(1), registration(1))
        recovered.accept(
            election(.recovered(above: Epoch(9)), epoch: 0, [candidate(1, epoch: 0)]))
        #expect(recovered.apply(self.forgetting(epoch: 10)) == .refused(.notFounder(1)))
    }

    @Test("a founder that is elected again is still one")
    func again() {
        var state = ControllerState.fresh
        state.accept(registration(1, incarnation: 2))
        state.accept(
            election(
                .masterLost(isGone: true), epoch: 1, [candidate(1, incarnation: 2, epoch: 1)]))
        state.accept(self.forgetting(epoch: 2))
    }

    @Test("only a set-aside founder gives up its id, once, to a broker that had it")
    func givesUpID() {
        var state = ControllerState.fresh
        let old = claim(1, code: "old", isReturning: true)
        #expect(state.apply(old) == .refused(.idGivenAway(1, address: "10.0.0.1:10911")))
        state.accept(self.forgetting())
        let other = claim(2, code: "other", isReturning: true)
        #expect(state.apply(other) == .refused(.idGivenAway(2, address: "10.0.0.2:10911")))
        #expect(
            state.apply(claim(1, code: "new")) == .refused(.idNotAvailable(1, next: 5)))
        state.accept(old, old)
        #expect(state.g?.brokers[1]?.address == "", "the founder's registration is no longer valid")
        let cleaned = ControllerCommand.clean(
            .init(group: "g", cluster: "", brokerIDs: [1], living: [], cleansLiving: false))
        var cleanedUp = ControllerState.fresh
        cleanedUp.accept(self.forgetting(), cleaned, claim(1, isReturning: true))
        #expect(cleanedUp.g?.forgotten?.isReplaced == false, "the founder again")
        cleanedUp.accept(old)
        #expect(cleanedUp.g?.forgotten?.isReplaced == true)
        let founder = claim(1, isReturning: true)
        #expect(state.apply(founder) == .refused(.idGivenAway(1, address: "")))
    }

    @Test("an older state's set does not come back with a recovered election")
    func oldSet() {
        var state = ControllerState.led
        state.accept(
            election(
                .recovered(above: Epoch(1_004), keeping: [3]), epoch: 1, [candidate(3, epoch: 4)]))
        #expect(state.g?.syncStateSet == [3])
        #expect(state.g?.masterEpoch == Epoch(1_005))
        var living = ControllerState.led
        let refused = living.apply(
            election(
                .recovered(above: Epoch(9)), epoch: 1, [candidate(3, epoch: 4)], livingMaster: 1))
        #expect(refused == .refused(.masterStillExists(1)))
    }

    @Test("who has shown its check code must show it from then on")
    func checkCodes() {
        var state = ControllerState.led
        state.accept(registration(2), registration(2, code: "code-2"))
        #expect(state.apply(registration(2)) == .refused(.otherCheckCode(2)))
        #expect(state.apply(registration(2, code: "x")) == .refused(.otherCheckCode(2)))
        #expect(state.apply(registration(3, code: "x")) == .refused(.otherCheckCode(3)))
        state.accept(registration(3))
    }
}
