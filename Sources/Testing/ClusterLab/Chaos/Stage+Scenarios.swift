extension Stage {
    /// Plays the scenario.
    ///
    /// - Parameter isOver: whether the time for a mix of faults is over.
    mutating func play(_ scenario: Scenario, until isOver: () -> Bool) throws {
        let group = try self.anyGroup()
        switch scenario {
        case .killMaster: try self.killMaster(of: group)
        case .killReplica: try self.killReplica(of: group)
        case .killControllerLeader: try self.killControllerLeader()
        case .killAllControllers: try self.killAllControllers()
        case .killGroup: try self.killGroup(group)
        case .rollingRestart: try self.rollingRestart()
        case .pauseMaster1: try self.pauseMaster(of: group, for: .seconds(1))
        case .pauseMaster10: try self.pauseMaster(of: group, for: .seconds(10))
        case .pauseMaster40: try self.pauseMaster(of: group, for: .seconds(40))
        case .isolateFromControllers: try self.isolateMaster(of: group, .fromControllers)
        case .isolateFromReplicas: try self.isolateMaster(of: group, .fromReplicas)
        case .isolateFromClients: try self.isolateMaster(of: group, .fromClients)
        case .isolateOneWay: try self.isolateMaster(of: group, .oneWay)
        case .slowDisk: try self.slowDisk(of: group)
        case .failingDisk: try self.failingDisk(of: group)
        case .fullDisk: try self.fullDisk(of: ClusterLayout.groupName(0))
        case .clockJump: try self.clockJump(of: group)
        case .addBroker: try self.addBroker(to: group)
        case .killConsumer: try self.killConsumer()
        case .random: repeat { try self.playAny() } while !isOver()
        case .retry, .deadLetter, .orderly, .delay, .transaction, .pop:
            try self.killMasters()
        }
    }

    /// The master of each group, one after the other, at moments drawn from the seed.
    private mutating func killMasters() throws {
        for group in self.cluster.plan.groups.shuffled(using: &self.generator) {
            let moment = Int.random(in: 1_000...4_000, using: &self.generator)
            try self.hold(.milliseconds(moment))
            try self.killMaster(of: group)
        }
    }

    /// One fault of those that need no privilege, drawn from the seed, and a breath after it.
    private mutating func playAny() throws {
        let group = try self.anyGroup()
        switch Int.random(in: 0..<7, using: &self.generator) {
        case 0: try self.killMaster(of: group)
        case 1: try self.killReplica(of: group)
        case 2: try self.killControllerLeader()
        case 3: try self.killMasterAndLeader(of: group)
        case 4: try self.killGroup(group)
        case 5: try self.pauseMaster(of: group, for: .seconds(1))
        default: try self.pauseMaster(of: group, for: .seconds(4))
        }
        let breath = Int.random(in: 200...2_000, using: &self.generator)
        try self.hold(.milliseconds(breath))
    }
}
