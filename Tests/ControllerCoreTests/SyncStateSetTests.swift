import ControllerCore
import MessageFormat
import Testing

@Suite("changes of the SyncStateSet")
struct SyncStateSetTests {
    /// In the order in which they are checked: each line breaks its rule and all that follow.
    static let table: [(rule: String, command: ControllerCommand, refusal: ControllerRefusal)] = [
        (
            "the group is known",
            alteration([9], by: 9, epoch: 9, setEpoch: 9, dead: [9], of: "h"), .unknownGroup("h")
        ),
        (
            "the master asks", alteration([9], by: 2, epoch: 9, setEpoch: 9),
            .notMaster(claimed: 2, master: 1)
        ),
        (
            "in its own epoch", alteration([9], epoch: 9, setEpoch: 9),
            .staleMasterEpoch(claimed: Epoch(9), current: Epoch(1))
        ),
        (
            "for the set that stands", alteration([9], setEpoch: 1),
            .staleSyncStateSetEpoch(claimed: 1, current: 2)
        ),
        ("with registered brokers", alteration([4, 9], setEpoch: 2, dead: [4]), .notRegistered(9)),
        ("that are alive", alteration([2, 4], setEpoch: 2, dead: [4]), .notAlive(4)),
        ("itself among them", alteration([2, 3], setEpoch: 2), .masterMissing(1)),
        ("and never nobody", alteration([], setEpoch: 2), .masterMissing(1)),
    ]

    @Test("the checks, in their order", arguments: table.indices)
    func checks(line: Int) {
        let (rule, command, refusal) = Self.table[line]
        var state = ControllerState.led
        #expect(state.apply(command) == .refused(refusal), "\(rule)")
        #expect(state == .led)
    }

    @Test("the set grows and shrinks, one epoch at a time")
    func growsAndShrinks() {
        var state = ControllerState.led
        state.accept(alteration([4, 3, 1, 1], setEpoch: 2))
        #expect(state.g?.syncStateSet == [1, 3, 4])
        #expect(state.g?.syncStateSetEpoch == 3)
        #expect(state.g?.masterEpoch == Epoch(1))
        #expect(state.apply(alteration([1], setEpoch: 2)) != .accepted, "a repeated request")
        state.accept(alteration([1], setEpoch: 3))
        #expect(state.g?.syncStateSet == [1])
    }

    @Test("the set that stands may be asked for: what was asked before comes too late then")
    func sameSet() {
        var state = ControllerState.led
        let stands = state.g?.syncStateSet ?? []
        state.accept(alteration(stands, setEpoch: 2))
        #expect(state.g?.syncStateSet == stands)
        #expect(state.g?.syncStateSetEpoch == 3)
        #expect(state.apply(alteration([1], setEpoch: 2)) != .accepted)
    }

    @Test("a dead member may stay, when the set must not shrink below two")
    func deadMemberStays() {
        var state = ControllerState.led
        state.accept(alteration([1, 2], setEpoch: 2, dead: [2, 3]))
        #expect(state.g?.syncStateSet == [1, 2])
    }

    @Test("a deposed master changes nothing any more")
    func deposed() {
        var state = ControllerState.led
        state.accept(election(.masterLost(isGone: false), epoch: 1, [candidate(2)]))
        #expect(
            state.apply(alteration([1], setEpoch: 2)) == .refused(.notMaster(claimed: 1, master: 2))
        )
        // Elected again, it must know its new epoch.
        state.accept(election(.masterLost(isGone: false), epoch: 2, [candidate(2)]))
        #expect(state.apply(alteration([2, 1], by: 2, epoch: 2, setEpoch: 4)) != .accepted)
    }

    @Test("what is confirmed is noted in the epoch that it is from, and never goes back")
    func confirmed() {
        var state = ControllerState.led
        func note(_ epoch: UInt32, _ bytes: Int64) -> ControllerCommand {
            .noteConfirmed(
                .init(group: "g", masterEpoch: Epoch(epoch), confirmed: PhysicalOffset(bytes)))
        }
        state.accept(note(1, 50), note(1, 40))
        #expect(state.g?.confirmed == PhysicalOffset(50))
        #expect(state.apply(note(2, 90)) != .accepted)
    }
}
