import BrokerEngine
import ClientEngine
import MessageFormat
import RemotingProtocol

// A broker's side of the controllers' protocol: an id, a registration, heartbeats, proposals.
extension BrokerProcess {
    private static let retryPause = Duration.milliseconds(100)
    private static let callTimeout = Duration.seconds(1)

    /// Gets an id when there is none, recovers, registers, and beats from then on.
    func join() {
        guard let identity = self.host.identity, identity.isRegistered else {
            return self.askForID()
        }
        self.machine.after(self.world.random.duration(in: .milliseconds(1)...(.milliseconds(30)))) {
            [weak self] in
            guard let self, self.engine == nil else { return }
            self.recover(identity.brokerID)
            self.joinAgain()
            self.beat()
        }
    }

    /// The incarnation is another one now.
    func joinAgain() {
        guard self.engine != nil, let identity = self.host.identity else { return }
        let number = self.engineNumber
        let request = RegisterBrokerToController(
            clusterName: ClusterPlan.clusterName, brokerName: self.host.brokerName,
            brokerID: identity.brokerID, brokerAddress: self.host.address,
            replicationAddress: self.host.replicationAddress, incarnation: self.incarnation)
        self.askLeader(request.command) { [weak self] answer in
            guard let self, self.engineNumber == number else { return }
            self.take(viewIn: answer)
            if answer.responseCode == .controllerBrokerMetadataNotExist
                || answer.responseCode == .controllerBrokerNeedToBeRegistered
            {
                self.world.say("\(self.name): not known to the controllers: \(answer.remark ?? "")")
                self.reclaim(identity.brokerID)
            }
        }
    }

    /// The controllers have lost what they knew: the broker asks for the id that it has.
    private func reclaim(_ id: Int64) {
        self.world.probes.hit("broker reclaims its id")
        let request = ApplyBrokerID(
            clusterName: ClusterPlan.clusterName, brokerName: self.host.brokerName,
            appliedBrokerID: id, registerCheckCode: "again;\(id);\(self.host.store.logID)",
            isReturning: true)
        self.askLeader(request.command) { _ in }
    }

    /// A master that cannot do its work asks for another one.
    func handOver(because reason: String) {
        guard let identity = self.host.identity else { return }
        self.world.say("\(self.name): asks for another master: \(reason)")
        self.world.probes.hit("master asked for another one")
        let request = ElectMaster(
            clusterName: ClusterPlan.clusterName, brokerName: self.host.brokerName,
            brokerID: identity.brokerID, handover: true)
        self.askLeader(request.command, attempts: 3) { [weak self] answer in
            self?.take(viewIn: answer)
        }
    }

    /// How the group stands, by a proof that the leader still leads.
    func askControllers(_ call: UInt64) {
        let number = self.engineNumber
        let request = GetReplicaInfo(brokerName: self.host.brokerName)
        self.askLeader(request.command, attempts: 1) { [weak self] answer in
            guard let self, self.engineNumber == number, answer.responseCode == .success,
                let view = try? GroupView(answer: answer)
            else { return }
            self.take(viewIn: answer)
            self.engine?.controllersSaid(view, call: call, at: self.now)
            self.world.probes.hit("controllers vouched for a master")
        }
    }

    private func askForID() {
        if let identity = self.host.identity { return self.apply(identity) }
        let request = NextBrokerIDRequest(
            clusterName: ClusterPlan.clusterName, brokerName: self.host.brokerName)
        self.askLeader(request.command) { [weak self] answer in
            guard let self, self.host.identity == nil else { return }
            guard answer.responseCode == .success, let next = try? NextBrokerIDAnswer(answer) else {
                return self.again { $0.askForID() }
            }
            let identity = BrokerHost.Identity(
                brokerID: next.nextBrokerID,
                checkCode: "\(self.host.address);\(self.now.wall.milliseconds)")
            self.host.identity = identity
            self.apply(identity)
        }
    }

    private func apply(_ identity: BrokerHost.Identity) {
        let request = ApplyBrokerID(
            clusterName: ClusterPlan.clusterName, brokerName: self.host.brokerName,
            appliedBrokerID: identity.brokerID, registerCheckCode: identity.checkCode)
        self.askLeader(request.command) { [weak self] answer in
            guard let self, self.host.identity?.isRegistered == false else { return }
            switch answer.responseCode {
            case .success:
                self.host.identity?.isRegistered = true
                self.world.say("\(self.name): has the id \(identity.brokerID)")
                self.join()
            case .controllerBrokerIDInvalid:
                self.world.probes.hit("broker id was taken")
                self.host.identity = nil
                self.again { $0.askForID() }
            default: self.again { $0.askForID() }
            }
        }
    }

    private func again(_ action: @escaping (BrokerProcess) -> Void) {
        self.machine.after(Self.retryPause) { [weak self] in
            guard let self else { return }
            action(self)
        }
    }

    /// Asks controllers in turn until one says that it leads.
    private func askLeader(
        _ command: RemotingCommand, attempts: Int = 200,
        _ completion: @escaping (ReceivedCommand) -> Void
    ) {
        let addresses = self.outside.plan.controllerAddresses
        let address = addresses[self.leader % addresses.count]
        self.remoting.call(command, to: address, timeout: Self.callTimeout) { [weak self] result in
            guard let self else { return }
            if case .success(let answer) = result, answer.responseCode != .controllerNotLeader {
                return completion(answer)
            }
            self.learnLeader(from: result)
            guard attempts > 1 else { return }
            self.again { $0.askLeader(command, attempts: attempts - 1, completion) }
        }
    }

    private func learnLeader(from result: CallResult) {
        let addresses = self.outside.plan.controllerAddresses
        if case .success(let answer) = result,
            let leader = ControllerRedirect.leaderAddress(in: answer),
            let index = addresses.firstIndex(of: leader)
        {
            self.leader = index
        } else {
            self.leader = (self.leader + 1) % addresses.count
        }
    }

    // MARK: Heartbeats

    func beat() {
        if let engine = self.engine, let identity = self.host.identity {
            let heartbeat = self.heartbeat(engine.groupReport, identity.brokerID)
            for address in self.outside.plan.controllerAddresses {
                self.beat(heartbeat, to: address)
            }
        }
        self.machine.after(.milliseconds(200)) { [weak self] in self?.beat() }
    }

    /// Controllers hear of a changed role or log at once, not with the next regular heartbeat.
    private func beat(_ heartbeat: BrokerHeartbeat, to address: String) {
        let number = self.engineNumber
        self.remoting.call(heartbeat.command, to: address, timeout: Self.callTimeout) {
            [weak self] result in
            guard let self, self.engineNumber == number, case .success(let answer) = result else {
                return
            }
            guard answer.responseCode == .success else {
                if answer.responseCode == .controllerBrokerNeedToBeRegistered { self.joinAgain() }
                return
            }
            if let beat = try? BrokerHeartbeatAnswer(answer), beat.isLeader,
                let index = self.outside.plan.controllerAddresses.firstIndex(of: address)
            {
                self.leader = index
            }
            self.take(viewIn: answer)
        }
    }

    private func heartbeat(_ report: GroupReport, _ brokerID: Int64) -> BrokerHeartbeat {
        BrokerHeartbeat(
            clusterName: ClusterPlan.clusterName, brokerName: self.host.brokerName,
            brokerID: brokerID, brokerAddress: self.host.address,
            replicationAddress: self.host.replicationAddress, incarnation: self.incarnation,
            masterEpoch: report.masterEpoch, lastEpoch: report.logEpoch,
            maxOffset: report.logEnd, confirmOffset: report.confirmed,
            timeoutMilliseconds: 1_200, role: report.role.onTheWire,
            remembered: self.memory.current,
            minInSyncReplicas: (self.engine?.settings.group?.minInSyncReplicas)
                .flatMap { Int32(exactly: $0) })
    }

    /// A controller says by itself that the group's view has changed.
    func notified(_ command: ReceivedCommand) {
        guard command.requestCode == .notifyBrokerRoleChanged else { return }
        self.world.probes.hit("role change pushed")
        self.take(viewIn: command)
    }

    private func take(viewIn answer: ReceivedCommand) {
        guard let view = try? GroupView(answer: answer) else { return }
        if self.view.map({ view.isNewer(than: $0) }) ?? true { self.view = view }
        self.memory.heard(view)
        self.engine?.groupView(view, at: self.now)
        self.planTurn()
    }

    // MARK: Proposals

    func propose(_ proposal: SyncStateSetProposal) {
        guard !self.shrinksByItself(proposal) else { return }
        let number = self.engineNumber
        self.memory.add(proposal.members) { [weak self] isWritten in
            guard let self, self.engineNumber == number else { return }
            isWritten ? self.send(proposal) : self.conclude(proposal, .unknown)
        }
    }

    private func send(_ proposal: SyncStateSetProposal) {
        guard let identity = self.host.identity else { return }
        let request = AlterSyncStateSet(
            brokerName: self.host.brokerName, masterBrokerID: identity.brokerID,
            masterEpoch: proposal.masterEpoch, syncStateSet: proposal.members,
            syncStateSetEpoch: proposal.basedOn)
        self.world.say("\(self.name): proposes \(proposal.members) for \(proposal.basedOn)")
        let number = self.engineNumber
        let addresses = self.outside.plan.controllerAddresses
        let address = addresses[self.leader % addresses.count]
        self.remoting.call(request.command, to: address, timeout: Self.callTimeout) {
            [weak self] result in
            guard let self, self.engineNumber == number else { return }
            self.proposalEnded(proposal, result)
        }
    }

    private func proposalEnded(_ proposal: SyncStateSetProposal, _ result: CallResult) {
        guard case .success(let answer) = result else {
            self.learnLeader(from: result)
            return self.conclude(proposal, .unknown)
        }
        switch answer.responseCode {
        case .success:
            self.take(viewIn: answer)
            self.conclude(proposal, .accepted)
        case .controllerNotLeader:
            self.learnLeader(from: result)
            self.conclude(proposal, .unknown)
        case .systemError: self.conclude(proposal, .unknown)
        default:
            self.world.probes.hit("proposal refused: \(answer.responseCode.name)")
            self.take(viewIn: answer)
            self.conclude(
                proposal, .refused(reason: answer.remark ?? answer.responseCode.name))
        }
    }

    private func conclude(_ proposal: SyncStateSetProposal, _ outcome: ProposalOutcome) {
        self.engine?.syncStateSetAnswered(proposal, outcome, at: self.now)
        self.planTurn()
    }
}

extension BrokerRole {
    fileprivate var onTheWire: BrokerHeartbeat.Role {
        switch self {
        case .master, .alone: .master
        case .replica: .replica
        case .fenced: .fenced
        }
    }
}
