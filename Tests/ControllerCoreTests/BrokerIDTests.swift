import ControllerCore
import MessageFormat
import Testing

@Suite("ids, addresses and forgetting")
struct BrokerIDTests {
    @Test(
        "an unknown group begins with broker 1 and nobody else", arguments: [0, 2, -1, Int64.max])
    func firstID(id: Int64) {
        var state = ControllerState()
        #expect(state.apply(claim(id)) == .refused(.idNotAvailable(id, next: 1)))
        #expect(state.groups.isEmpty)
        #expect(state.nextBrokerID(of: "g") == 1)
        state.accept(claim(1))
        #expect(state.nextBrokerID(of: "g") == 2)
    }

    @Test("a claim whose answer was lost is repeated with the same check code")
    func repeated() {
        var state = ControllerState()
        state.accept(claim(1), claim(1))
        #expect(state.apply(claim(1, code: "another")) == .refused(.idNotAvailable(1, next: 2)))
        #expect(state.g?.brokers.count == 1)
    }

    @Test("made-up ids are not given out", arguments: [7, 0, -3, Int64.max, Int64.min])
    func madeUp(id: Int64) {
        var state = ControllerState.led
        #expect(state.apply(claim(id)) != .accepted)
        #expect(state.nextBrokerID(of: "g") == 5)
    }

    @Test("who had an id before comes back with it, and new ones get others")
    func returning() {
        var state = ControllerState()
        state.accept(claim(3, isReturning: true), claim(3, isReturning: true))
        #expect(state.nextBrokerID(of: "g") == 4)
        state.accept(claim(1, isReturning: true))
        #expect(state.g?.brokers.keys.sorted() == [1, 3])
        #expect(state.nextBrokerID(of: "g") == 4)
        let other = state.apply(claim(3, code: "another", isReturning: true))
        #expect(other == .refused(.idGivenAway(3, address: "")))
    }

    @Test(
        "but not with an id that would leave none for others",
        arguments: [0, -1, ControllerLimits.returningBrokerIDMax + 1, Int64.max])
    func returningTooFar(id: Int64) {
        var state = ControllerState()
        #expect(state.apply(claim(id, isReturning: true)) != .accepted)
        #expect(state.groups.isEmpty)
    }

    @Test("two groups of one name in two clusters are a mistake")
    func otherCluster() {
        var state = ControllerState.led
        let foreign = ControllerCommand.applyBrokerID(
            .init(group: "g", cluster: "D", brokerID: 5, checkCode: "c"))
        #expect(state.apply(foreign) == .refused(.otherCluster(group: "g", cluster: "C")))
        #expect(state.apply(registration(1, cluster: "D")) != .accepted)
        state.accept(registration(1, cluster: ""))
    }

    static let badClaims: [(group: String, cluster: String, code: String)] = [
        ("", "C", "c"), ("g g", "C", "c"), ("g", "", "c"), ("g", "C;D", "c"), ("g", "C", ""),
        (String(repeating: "g", count: 256), "C", "c"),
        ("g", "C", String(repeating: "c", count: 513)),
    ]

    @Test("names and check codes have bounds", arguments: badClaims)
    func badNames(bad: (group: String, cluster: String, code: String)) {
        var state = ControllerState()
        let command = ControllerCommand.applyBrokerID(
            .init(group: bad.group, cluster: bad.cluster, brokerID: 1, checkCode: bad.code))
        #expect(state.apply(command) != .accepted)
        #expect(state == ControllerState())
    }

    @Test(
        "an address is a host and a port",
        arguments: ["", "host", "host:", ":1", "host:0", "host:65536", "ho st:1", "h;i:1", "h\n:1"])
    func badAddresses(address: String) {
        var state = ControllerState.led
        #expect(state.apply(registration(1, address: address)) != .accepted)
        #expect(state == .led)
    }

    @Test("strangers cannot register")
    func strangers() {
        var state = ControllerState.led
        #expect(state.apply(registration(9)) == .refused(.unknownBroker("g", 9)))
        #expect(state.apply(registration(1, of: "h")) == .refused(.unknownGroup("h")))
    }

    @Test("a new start of the master shows that the old one is gone")
    func replaced() {
        var state = ControllerState.led
        #expect(state.g?.isMasterReplaced == false)
        state.accept(registration(2, incarnation: 5))
        #expect(state.g?.isMasterReplaced == false)
        state.accept(registration(1, address: "moved:1", incarnation: 5))
        #expect(state.g?.isMasterReplaced == true)
        #expect(state.g?.master?.address == "moved:1")
    }

    @Test("groups and their brokers have bounds")
    func bounds() {
        var state = ControllerState()
        for id in 1...Int64(ControllerLimits.brokersMax) { state.accept(claim(id)) }
        #expect(
            state.apply(claim(Int64(ControllerLimits.brokersMax) + 1))
                == .refused(.tooManyBrokers(max: ControllerLimits.brokersMax)))
        for number in 1..<ControllerLimits.groupsMax { state.accept(claim(1, of: "g\(number)")) }
        #expect(
            state.apply(claim(1, of: "one-more"))
                == .refused(.tooManyGroups(max: ControllerLimits.groupsMax)))
    }
}

@Suite("cleaning brokers away")
struct CleaningTests {
    private func cleaning(
        _ ids: [Int64], living: [Int64] = [], force: Bool = false, cluster: String = "C"
    ) -> ControllerCommand {
        .clean(
            .init(
                group: "g", cluster: cluster, brokerIDs: ids, living: living, cleansLiving: force))
    }

    @Test("a dead replica is forgotten, and its id is not the next one's")
    func replica() {
        var state = ControllerState.led
        state.accept(cleaning([3]))
        #expect(state.g?.syncStateSet == [1, 2])
        #expect(state.g?.syncStateSetEpoch == 3)
        #expect(state.g?.masterBrokerID == 1)
        #expect(state.g?.masterEpoch == Epoch(1))
        #expect(state.nextBrokerID(of: "g") == 5)
        #expect(state.apply(registration(3)) == .refused(.unknownBroker("g", 3)))
    }

    @Test("a master that is forgotten is cleared, in a new epoch")
    func master() {
        var state = ControllerState.led
        state.accept(cleaning([1]))
        #expect(state.g?.masterBrokerID == nil)
        #expect(state.g?.masterEpoch == Epoch(2))
        #expect(state.g?.syncStateSet == [2, 3])
        #expect(state.g?.problem == nil)
    }

    @Test("living brokers only when that is said")
    func living() {
        var state = ControllerState.led
        #expect(state.apply(cleaning([2, 4], living: [4])) != .accepted)
        #expect(state == .led)
        state.accept(cleaning([2, 4], living: [4], force: true))
        #expect(state.g?.brokers.keys.sorted() == [1, 3])
    }

    @Test("not the last that hold what was acknowledged, while others remain")
    func lastMembers() {
        var state = ControllerState.led
        #expect(state.apply(cleaning([1, 2, 3])) != .accepted)
        #expect(state == .led)
        state.accept(cleaning([]))
        #expect(state.groups.isEmpty)
    }

    @Test("all or nothing, and in the right cluster")
    func mistakes() {
        var state = ControllerState.led
        #expect(state.apply(cleaning([2, 9])) == .refused(.unknownBroker("g", 9)))
        #expect(state.apply(cleaning([2], cluster: "D")) != .accepted)
        #expect(state == .led)
    }
}
