import ControllerCore
import MessageFormat
import Testing

func claim(
    _ id: Int64, of group: String = "g", code: String? = nil, isReturning: Bool = false
) -> ControllerCommand {
    .applyBrokerID(
        .init(
            group: group, cluster: "C", brokerID: id, checkCode: code ?? "code-\(id)",
            isReturning: isReturning))
}

func registration(
    _ id: Int64, of group: String = "g", address: String? = nil, incarnation: UInt64 = 1,
    cluster: String = "C", code: String? = nil
) -> ControllerCommand {
    .registerBroker(
        .init(
            group: group, cluster: cluster, brokerID: id, address: address ?? "10.0.0.\(id):10911",
            replicationAddress: "10.0.0.\(id):10912", incarnation: incarnation,
            checkCode: code))
}

func candidate(
    _ id: Int64, incarnation: UInt64 = 1, epoch: UInt32 = 1, end: Int64 = 100,
    priority: Int32 = .max, isIntact: Bool = true
) -> ElectionCandidate {
    ElectionCandidate(
        brokerID: id, incarnation: incarnation, lastEpoch: Epoch(epoch),
        maxOffset: PhysicalOffset(end), priority: priority, isIntact: isIntact)
}

func election(
    _ cause: ElectionCause, epoch: UInt32, _ candidates: [ElectionCandidate],
    livingMaster: Int64? = nil, of group: String = "g"
) -> ControllerCommand {
    .elect(
        .init(
            group: group, masterEpoch: Epoch(epoch), cause: cause, candidates: candidates,
            livingMaster: livingMaster))
}

func alteration(
    _ set: [Int64], by master: Int64 = 1, epoch: UInt32 = 1, setEpoch: Int32, dead: [Int64] = [],
    of group: String = "g"
) -> ControllerCommand {
    .alterSyncStateSet(
        .init(
            group: group, masterBrokerID: master, masterEpoch: Epoch(epoch), syncStateSet: set,
            syncStateSetEpoch: setEpoch, dead: dead))
}

extension ControllerState {
    /// Applies commands that must all be accepted.
    mutating func accept(_ commands: ControllerCommand...) {
        for command in commands {
            let outcome = self.apply(command)
            #expect(outcome == .accepted, "\(command)")
        }
    }

    /// Brokers 1 to 4 of the group `g`; 1 is master in epoch 1, the set is {1, 2, 3} in epoch 2.
    static var led: Self {
        var state = Self()
        for id in 1...4 as ClosedRange<Int64> { state.accept(claim(id), registration(id)) }
        state.accept(
            election(.masterLost(isGone: false), epoch: 0, [candidate(1, epoch: 0)]),
            alteration([1, 2, 3], setEpoch: 1))
        return state
    }

    /// Broker 1 founded the group `g` with an empty log and is alone in its set, in epoch 1.
    static var fresh: Self {
        var state = Self()
        for id in 1...4 as ClosedRange<Int64> { state.accept(claim(id), registration(id)) }
        state.accept(election(.masterLost(isGone: false), epoch: 0, [candidate(1, epoch: 0)]))
        return state
    }

    var g: GroupState? { self.groups["g"] }
}
