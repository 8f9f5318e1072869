/// Which faults a run draws from, and for how long.
package struct FaultPlan: Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case killProcess = "kill"
        case cutPower = "power cut"
        case killGroup = "kill a whole group"
        case cutPowerOfGroup = "power cut of a whole group"
        case killControllers = "kill all controllers"
        case restartBurst = "restarts in a burst"
        case pause = "pause"
        case isolate = "isolate"
        case isolateOneWay = "isolate one way"
        case partition = "partial partition"
        case delay = "delay"
        case breakConnections = "break connections"
        case slowDisk = "slow disk"
        case fullDisk = "full disk"
        case failFlush = "failing flush"
        case rot = "bit flip"
        case rotIndex = "bit flip of an index"
        case misdirect = "misdirected write"
        case jumpClock = "clock jump"
        case driftClock = "clock drift"
        case killConsumer = "kill a consumer"
        case loseControllers = "controllers lost"
        case emptyController = "controller emptied"
    }

    /// Faults in an order of their own.
    package enum Scene: Hashable, Sendable {
        /// The master that is elected after the controllers' loss has lost its log.
        case winnerWithoutLog
    }

    /// Played beside what is drawn, which `countMax` 0 leaves out.
    package var scene: Scene?
    package var kinds = Kind.allCases
    /// The most faults of one run.
    package var countMax = 9
    /// Faults begin within this time.
    package var span: Duration = .milliseconds(2_600)

    package init() {}

    package static var none: FaultPlan {
        var plan = FaultPlan()
        plan.countMax = 0
        return plan
    }
}
