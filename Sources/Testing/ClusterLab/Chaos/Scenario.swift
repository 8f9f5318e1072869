import Chaos

/// What a chaos run does to a cluster.
package enum Scenario: String, CaseIterable, Hashable, Codable, Sendable {
    case killMaster = "kill-master"
    case killReplica = "kill-replica"
    case killControllerLeader = "kill-controller-leader"
    case killAllControllers = "kill-all-controllers"
    case killGroup = "kill-group"
    case rollingRestart = "rolling-restart"
    case pauseMaster1 = "pause-master-1s"
    case pauseMaster10 = "pause-master-10s"
    case pauseMaster40 = "pause-master-40s"
    case isolateFromControllers = "isolate-master-from-controllers"
    case isolateFromReplicas = "isolate-master-from-replicas"
    case isolateFromClients = "isolate-master-from-clients"
    case isolateOneWay = "isolate-master-one-way"
    case slowDisk = "slow-disk"
    case failingDisk = "failing-disk"
    case fullDisk = "full-disk"
    case clockJump = "clock-jump"
    case addBroker = "add-broker"
    case killConsumer = "kill-consumer"
    case random
    // Masters are killed while a feature is at work.
    case retry
    case deadLetter = "dead-letter"
    case orderly
    case delay
    case transaction
    case pop

    package var summary: String {
        switch self {
        case .killMaster: "a group's master is killed, and started again"
        case .killReplica: "a replica is killed, and started again"
        case .killControllerLeader: "the controllers' leader is killed, and started again"
        case .killAllControllers: "no controller is there for a while"
        case .killGroup: "all brokers of a group are killed at once, and started again"
        case .rollingRestart: "every broker and controller is restarted in order, one by one"
        case .pauseMaster1: "a group's master stands still for 1 s"
        case .pauseMaster10: "a group's master stands still for 10 s"
        case .pauseMaster40: "a group's master stands still for 40 s"
        case .isolateFromControllers: "no packet passes between a master and the controllers"
        case .isolateFromReplicas: "no packet passes between a master and its replicas"
        case .isolateFromClients: "no packet passes between a master and the clients"
        case .isolateOneWay: "a master hears controllers and replicas, but they do not hear it"
        case .slowDisk: "each flush of a master's disk takes 0.3 s longer"
        case .failingDisk: "a flush of a master's disk fails"
        case .fullDisk: "a master's disk is full, and has room again"
        case .clockJump: "the wall clocks of a master and of the leading controller jump"
        case .addBroker: "a group gets one more broker, with nothing on its disk"
        case .killConsumer: "a consumer is killed with messages in its hands"
        case .random: "several of the above, drawn from the seed"
        case .retry, .deadLetter, .orderly, .delay, .transaction, .pop:
            self.feature.map { "\($0.summary); masters are killed" } ?? ""
        }
    }

    /// What the workload proves; nil: the plain way.
    var feature: Feature? { Feature(rawValue: self.rawValue) }

    /// Whether packets are to be dropped, so that the nodes need a network of their own.
    package var needsNetwork: Bool {
        switch self {
        case .isolateFromControllers, .isolateFromReplicas, .isolateFromClients, .isolateOneWay:
            true
        default: false
        }
    }

    /// Why it cannot be run on this machine; nil if it can.
    package func obstacle() -> String? {
        switch self {
        case .slowDisk, .failingDisk: Tracer.obstacle()
        case .fullDisk: SmallDisk.obstacle()
        case .clockJump: PreloadLibrary.obstacle()
        default: self.needsNetwork ? LabNetwork.obstacle() : nil
        }
    }
}
