import MessageFormat
import RemotingProtocol
import Testing

/// What controllers see of a broker.
struct BrokerStandIn {
    var name = "broker-a"
    var cluster = "C"
    var id: Int64
    var incarnation: UInt64
    var lastEpoch = Epoch(0)
    var maxOffset = PhysicalOffset.zero
    var confirmOffset = PhysicalOffset.zero
    var priority = Int32.max
    var view = GroupView.none
    /// What its disk says of the SyncStateSet, but for fresh groups of others.
    private var memory: RememberedSyncStateSet?
    /// What it says that its disk says.
    var remembers: RememberedSyncStateSet?
    var minInSync: Int32?
    /// What it claimed its id with, if it shows it.
    var checkCode: String?
    /// A broker that is told to be master acts as one, unless it sulks.
    var sulks = false

    var address: String { "10.0.0.\(self.id):10911" }
    var connection: ConnectionID {
        ConnectionID(value: UInt64(self.id) * 1_000 + self.incarnation)
    }

    init(_ id: Int64, name: String = "broker-a", incarnation: UInt64 = 1) {
        self.id = id
        self.name = name
        self.incarnation = incarnation
    }

    var isMaster: Bool {
        self.view.masterBrokerID == self.id && self.view.masterIncarnation == self.incarnation
            && !self.sulks
    }

    var heartbeat: BrokerHeartbeat {
        BrokerHeartbeat(
            clusterName: self.cluster, brokerName: self.name, brokerID: self.id,
            brokerAddress: self.address, replicationAddress: "10.0.0.\(self.id):10912",
            incarnation: self.incarnation, masterEpoch: self.view.masterEpoch,
            lastEpoch: self.lastEpoch, maxOffset: self.maxOffset,
            confirmOffset: self.confirmOffset, electionPriority: self.priority,
            role: self.isMaster ? .master : .replica, remembered: self.remembered,
            minInSyncReplicas: self.minInSync, registerCheckCode: self.checkCode)
    }

    private var remembered: RememberedSyncStateSet? { self.remembers ?? self.memory }

    mutating func take(_ view: GroupView) {
        guard view.isNewer(than: self.view) else { return }
        self.view = view
        guard !view.syncStateSet.isEmpty,
            !view.isFresh || self.memory == nil || view.syncStateSet.contains(self.id)
        else { return }
        self.memory = RememberedSyncStateSet(
            masterEpoch: view.masterEpoch, syncStateSetEpoch: view.syncStateSetEpoch,
            members: view.syncStateSet)
    }

    var registration: RegisterBrokerToController {
        RegisterBrokerToController(
            clusterName: self.cluster, brokerName: self.name, brokerID: self.id,
            brokerAddress: self.address, replicationAddress: "10.0.0.\(self.id):10912",
            incarnation: self.incarnation, registerCheckCode: self.checkCode)
    }
}

extension ControllerWorld {
    /// Claims an id and registers.
    mutating func join(_ broker: BrokerStandIn) throws {
        let claim = ApplyBrokerID(
            clusterName: broker.cluster, brokerName: broker.name, appliedBrokerID: broker.id,
            registerCheckCode: broker.checkCode ?? "\(broker.address);1")
        #expect(try self.askLeader(claim.command).responseCode == .success)
        #expect(try self.askLeader(broker.registration.command).responseCode == .success)
    }

    /// With the id that it had before the controllers lost what they knew.
    mutating func rejoin(_ broker: BrokerStandIn) throws {
        let claim = ApplyBrokerID(
            clusterName: broker.cluster, brokerName: broker.name, appliedBrokerID: broker.id,
            registerCheckCode: broker.checkCode ?? "again;\(broker.id)", isReturning: true)
        #expect(try self.askLeader(claim.command).responseCode == .success)
        #expect(try self.askLeader(broker.registration.command).responseCode == .success)
    }

    /// One heartbeat to every controller that runs; the broker takes the newest view.
    mutating func beat(_ broker: inout BrokerStandIn) throws {
        for id in self.running {
            let answer = try #require(
                try self.ask(id, broker.heartbeat.command, over: broker.connection))
            guard answer.responseCode == .success else { continue }
            broker.take(try GroupView(answer: answer))
        }
    }

    /// Lets time pass while these brokers send heartbeats each 100 ms.
    mutating func pass(_ duration: Duration, with brokers: inout [BrokerStandIn]) throws {
        let end = self.now.tick + duration
        while self.now.tick < end {
            for index in brokers.indices { try self.beat(&brokers[index]) }
            self.pass(.milliseconds(100))
        }
        for index in brokers.indices { try self.beat(&brokers[index]) }
    }

    /// Three brokers of one group; the first is master and all are in the SyncStateSet.
    mutating func group(of ids: [Int64] = [1, 2, 3]) throws -> [BrokerStandIn] {
        var brokers = ids.map { BrokerStandIn($0) }
        for broker in brokers { try self.join(broker) }
        brokers[0].maxOffset = PhysicalOffset(100)
        try self.pass(.milliseconds(600), with: &brokers)
        #expect(brokers.map(\.view.masterBrokerID) == ids.map { _ in ids[0] })
        for index in brokers.indices {
            brokers[index].maxOffset = PhysicalOffset(100)
            brokers[index].confirmOffset = PhysicalOffset(100)
            brokers[index].lastEpoch = brokers[index].view.masterEpoch
        }
        if ids.count > 1 {
            let answer = try self.askLeader(
                brokers[0].wish(for: ids).command, over: brokers[0].connection)
            #expect(answer.responseCode == .success, "\(answer.remark ?? "")")
        }
        try self.pass(.milliseconds(300), with: &brokers)
        #expect(brokers[0].view.syncStateSet == ids)
        return brokers
    }

    mutating func view(of name: String = "broker-a") throws -> GroupView {
        try GroupView(answer: self.askLeader(GetReplicaInfo(brokerName: name).command))
    }
}

extension BrokerStandIn {
    func wish(for set: [Int64]) -> AlterSyncStateSet {
        AlterSyncStateSet(
            brokerName: self.name, masterBrokerID: self.id, masterEpoch: self.view.masterEpoch,
            syncStateSet: set, syncStateSetEpoch: self.view.syncStateSetEpoch)
    }
}
