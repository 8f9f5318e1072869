import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

// What brokers say of themselves.
extension ControllerEngine {
    /// Code 904, on every controller. Answered with what this one has applied.
    mutating func heartbeat(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) -> Answer {
        guard command.nonEmptyString("brokerId") != nil else { throw .missingBrokerID }
        let heartbeat = try command.parsed { command throws(HeaderFieldError) in
            try BrokerHeartbeat(command)
        }
        let group = try self.group(of: heartbeat)
        let key = BrokerKey(group: heartbeat.brokerName, brokerID: heartbeat.brokerID)
        let wasAlive = self.liveness.isAlive(key)
        self.liveness.heard(
            key, BrokerReport(heartbeat), of: group, over: request.connection.value,
            timeoutMilliseconds: heartbeat.timeoutMilliseconds, at: self.now.tick)
        if !wasAlive {
            self.report(
                .brokerAlive(
                    group: key.group, brokerID: key.brokerID, address: heartbeat.brokerAddress))
        }
        self.considerElection(of: key.group)
        // A follower may not know the newest epoch yet.
        if self.raft.isLeaderReady,
            group.knowsLess(than: BrokerReport(heartbeat), of: heartbeat.brokerID)
        {
            let epoch = BrokerReport(heartbeat).newestEpoch
            throw .knowsMore(epoch, newest: group.masterEpoch)
        }
        let answer = BrokerHeartbeatAnswer(
            view: group.view, isLeader: self.isLeader, controllerLeaderAddress: self.leaderAddress)
        return Answer(fields: answer.fields, body: answer.body)
    }

    private func group(
        of heartbeat: BrokerHeartbeat
    ) throws(RequestFailure) -> GroupState {
        let name = heartbeat.brokerName
        guard let group = self.state.groups[name], group.cluster == heartbeat.clusterName,
            let broker = group.brokers[heartbeat.brokerID]
        else {
            throw .notRegistered(
                "the cluster \(heartbeat.clusterName) has no broker \(name)/\(heartbeat.brokerID)")
        }
        guard broker.address == heartbeat.brokerAddress else {
            throw .notRegistered(
                "broker \(name)/\(heartbeat.brokerID) is registered "
                    + (broker.address.isEmpty ? "without an address" : "at \(broker.address)"))
        }
        guard !broker.showsCheckCode || broker.registerCheckCode == heartbeat.registerCheckCode
        else {
            throw .notRegistered(
                "broker \(name)/\(heartbeat.brokerID) has shown another check code than this one")
        }
        // What no controllers of any life can have given out.
        let epoch = BrokerReport(heartbeat).newestEpoch
        if self.raft.isLeaderReady, epoch > ControllerLimits.foreignEpochMax,
            epoch > group.masterEpoch
        {
            throw .futureEpoch(epoch, newest: group.masterEpoch)
        }
        return group
    }

    /// Code 1003.
    mutating func registerBroker(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try RegisterBrokerToController(command)
        }
        let key = BrokerKey(group: sent.brokerName, brokerID: sent.brokerID)
        if let life = self.liveness.life(of: key), life.isAlive,
            life.report.incarnation != sent.incarnation,
            let known = self.state.groups[key.group]?.brokers[key.brokerID],
            known.address != sent.brokerAddress,
            // Another broker claims the id anew, and hears then who has it.
            sent.registerCheckCode.map({ $0 == known.registerCheckCode }) ?? true
        {
            throw .refused(.idInUse(sent.brokerID, address: known.address))
        }
        let registration = ControllerCommand.RegisterBroker(
            group: sent.brokerName, cluster: sent.clusterName, brokerID: sent.brokerID,
            address: sent.brokerAddress, replicationAddress: sent.replicationAddress,
            incarnation: sent.incarnation, checkCode: sent.registerCheckCode)
        try self.proposeUnlessRefused(
            .registerBroker(registration), for: request, .view(group: sent.brokerName))
    }

    /// Code 1013.
    mutating func applyBrokerID(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try ApplyBrokerID(command)
        }
        let claim = ControllerCommand.ApplyBrokerID(
            group: sent.brokerName, cluster: sent.clusterName, brokerID: sent.appliedBrokerID,
            checkCode: sent.registerCheckCode, isReturning: sent.isReturning)
        try self.proposeUnlessRefused(
            .applyBrokerID(claim), for: request,
            .claim(cluster: sent.clusterName, group: sent.brokerName))
    }

    /// Code 1012.
    mutating func nextBrokerID(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try NextBrokerIDRequest(command)
        }
        try self.ask(
            .nextBrokerID(cluster: sent.clusterName, group: sent.brokerName), for: request)
    }

    /// Code 1001.
    mutating func alterSyncStateSet(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let sent = try command.parsed { command throws(HeaderFieldError) in
            try AlterSyncStateSet(command)
        }
        try self.checkOrigin(of: sent, request)
        let wish = ControllerCommand.AlterSyncStateSet(
            group: sent.brokerName, masterBrokerID: sent.masterBrokerID,
            masterEpoch: sent.masterEpoch, syncStateSet: sent.syncStateSet,
            syncStateSetEpoch: sent.syncStateSetEpoch, dead: self.dead(in: sent.brokerName))
        try self.propose(
            .alterSyncStateSet(wish), for: request, .alter(group: sent.brokerName))
    }

    /// Ids and epochs are no secret: the wish must come from where the master is heard.
    private func checkOrigin(
        of sent: AlterSyncStateSet, _ request: Request
    ) throws(RequestFailure) {
        guard let group = self.state.groups[sent.brokerName],
            group.masterBrokerID == sent.masterBrokerID
        else { return }
        let key = BrokerKey(group: sent.brokerName, brokerID: sent.masterBrokerID)
        guard let life = self.liveness.life(of: key), life.isAlive,
            life.connection == request.connection.value,
            life.report.incarnation == group.masterIncarnation
        else { throw .strangeConnection(sent.masterBrokerID) }
        let wanted = Set(sent.syncStateSet).count
        guard let min = life.report.minInSync, wanted < min, wanted < group.syncStateSet.count
        else { return }
        throw .refused(.setTooSmall(min: min))
    }

    /// Brokers that were heard and are so no longer, or that cannot follow this master.
    private func dead(in name: String) -> [Int64] {
        let dead = self.liveness.lives(of: name).filter { !$0.value.isAlive }.keys
        let ahead = self.state.groups[name].map { self.liveness.brokersAhead(of: name, $0) } ?? []
        return Set(dead).union(ahead).sorted()
    }
}
