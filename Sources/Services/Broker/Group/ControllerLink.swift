import BrokerEngine
import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

/// Keeps the controllers informed of this broker, and this broker of its group. Everything here
/// runs on the worker's event loop.
///
/// Every controller gets a heartbeat each 200 ms over a connection that stays open, so that any of
/// them can lead; each answer carries the group's view.
final class ControllerLink {
    private let caller: ControllerCaller
    private let enrolment: Enrolment
    private let identity: BrokerIdentity
    private let loop: any EventLoop
    private let logger: Logger
    private let onRegistered: @Sendable () -> Void
    private weak var worker: BrokerWorker?

    private let memory: SetMemoryFile
    /// What the controllers know this broker by.
    private var checkCode: String?
    private var incarnation: UInt64
    private var isRegistered = false
    private var isRegistering = false
    /// Registrations that were refused one after the other, and when the next one is due.
    private var refusals = 0
    private var registersAt = Tick.zero
    private var beats = 0
    /// When each controller was heard last.
    private var heardAt: [String: Tick] = [:]
    /// What was complained of last, so that it is said once.
    private var complaint: String?
    private(set) var view: GroupView?
    /// The broker is to be nobody's first choice.
    var isDrained = false

    static let period = TimeAmount.milliseconds(200)
    private static let timeout = Duration.seconds(1)
    private static let registerTimeout = Duration.seconds(3)
    /// Between two registrations that are refused: doubled from one beat up to this.
    private static let refusalPauseMax = Duration.seconds(5)
    /// Heartbeats between two looks at who the controllers are.
    private static let beatsPerLook = 25
    /// A connection on which nothing comes back for so long is made anew.
    private static let silenceMax = Duration.milliseconds(1_500)

    init(
        caller: ControllerCaller, enrolment: Enrolment, identity: BrokerIdentity,
        incarnation: UInt64, worker: BrokerWorker, logger: Logger,
        onRegistered: @escaping @Sendable () -> Void
    ) {
        self.caller = caller
        self.enrolment = enrolment
        self.identity = identity
        self.incarnation = incarnation
        self.loop = worker.loop
        self.worker = worker
        self.logger = logger
        self.onRegistered = onRegistered
        self.checkCode = CheckCode.read(of: enrolment.store, for: identity)
        self.memory = SetMemoryFile(
            of: identity.brokerID, store: enrolment.store, loop: worker.loop, logger: logger,
            background: worker.outside.background)
    }

    /// Each 200 ms.
    func beat() {
        let now = Clock.now().tick
        self.lookForControllers()
        guard self.isRegistered else {
            if now >= self.registersAt { self.register() }
            return
        }
        guard let heartbeat = self.heartbeat else { return }
        for address in self.caller.addresses {
            self.closeIfSilent(address, at: now)
            let link = NIOLoopBound(self, eventLoop: self.loop)
            let loop = self.loop
            self.caller.client.call(heartbeat, to: address, timeout: Self.timeout) { result in
                loop.execute { link.value.answered(by: address, result) }
            }
        }
    }

    /// The configuration may name only some of them, or those of long ago.
    private func lookForControllers() {
        self.beats += 1
        guard self.beats % Self.beatsPerLook == 1 else { return }
        let caller = self.caller
        Task { await caller.lookForPeers() }
    }

    /// The broker's log was rebuilt: for the controllers it is another start of this broker.
    func restarted(as incarnation: UInt64) {
        self.incarnation = incarnation
        self.isRegistered = false
        self.register()
        if let view = self.view { self.worker?.heard(view) }
    }

    private var heartbeat: RemotingCommand? {
        guard let worker = self.worker, let report = worker.report else { return nil }
        let configuration = self.enrolment.configuration
        return BrokerHeartbeat(
            clusterName: self.identity.clusterName, brokerName: self.identity.brokerName,
            brokerID: self.identity.brokerID, brokerAddress: configuration.advertisedAddress,
            replicationAddress: configuration.advertisedReplicationAddress,
            incarnation: self.incarnation, masterEpoch: report.masterEpoch,
            lastEpoch: report.logEpoch, maxOffset: report.logEnd, confirmOffset: report.confirmed,
            electionPriority: self.isDrained
                ? .max : min(configuration.electionPriority, .max - 1),
            role: BrokerHeartbeat.Role(report.role), remembered: self.memory.current,
            minInSyncReplicas: worker.minInSync.flatMap { Int32(exactly: $0) },
            registerCheckCode: self.checkCode
        ).command
    }

    private func answered(by address: String, _ result: Result<ReceivedCommand, RemotingError>) {
        guard case .success(let answer) = result else { return }
        self.heardAt[address] = Clock.now().tick
        switch ResponseCode(rawValue: answer.code) {
        case .success:
            guard let heard = try? BrokerHeartbeatAnswer(answer) else { return }
            self.caller.note(leader: heard.controllerLeaderAddress)
            self.heard(heard.view)
        case .controllerBrokerNeedToBeRegistered, .controllerBrokerMetadataNotExist:
            self.unknown(at: address)
        default:
            self.complain("\(address) refuses heartbeats: \(answer.code) \(answer.remark ?? "")")
        }
    }

    /// A follower may not know of a registration that the leader has answered already: only the
    /// leader's word counts.
    private func unknown(at address: String) {
        if self.caller.mayLead(address) { self.isRegistered = false }
    }

    /// A view from anybody: the engine takes what is news.
    func heard(_ view: GroupView) {
        if self.view.map({ view.isNewer(than: $0) }) ?? true { self.view = view }
        self.memory.heard(view)
        self.worker?.heard(view)
    }

    private func closeIfSilent(_ address: String, at now: Tick) {
        let heardAt = self.heardAt[address] ?? now
        self.heardAt[address] = heardAt
        guard now - heardAt > Self.silenceMax else { return }
        self.heardAt[address] = now
        self.caller.client.close(address: address)
    }

    private func complain(_ complaint: String?) {
        guard complaint != self.complaint else { return }
        self.complaint = complaint
        if let complaint { self.logger.warning("\(complaint)") }
    }
}

// MARK: - What only the leader can do

extension ControllerLink {
    private func register() {
        guard !self.isRegistering else { return }
        self.isRegistering = true
        let configuration = self.enrolment.configuration
        let incarnation = self.incarnation
        let request = RegisterBrokerToController(
            clusterName: self.identity.clusterName, brokerName: self.identity.brokerName,
            brokerID: self.identity.brokerID, brokerAddress: configuration.advertisedAddress,
            replicationAddress: configuration.advertisedReplicationAddress,
            incarnation: incarnation, registerCheckCode: self.checkCode)
        self.ask(request.command, timeout: Self.registerTimeout) { link, answer in
            link.isRegistering = false
            guard incarnation == link.incarnation else { return link.register() }
            link.registered(answer)
        }
    }

    private func registered(_ answer: ReceivedCommand?) {
        guard let answer else {
            return self.complain(
                "no leader among the controllers answers, trying on: \(self.caller.troubles)")
        }
        switch ResponseCode(rawValue: answer.code) {
        case .success:
            self.isRegistered = true
            self.refusals = 0
            self.complain(nil)
            self.logger.info(
                "registered with the controllers",
                metadata: ["incarnation": "\(self.incarnation)"])
            if let view = try? GroupView(answer: answer) { self.heard(view) }
            self.onRegistered()
            self.beat()
        case .controllerBrokerNeedToBeRegistered, .controllerBrokerMetadataNotExist:
            self.complain("the controllers do not know this broker; it asks for its old id")
            let (enrolment, identity) = (self.enrolment, self.identity)
            self.pauseRegistering()
            let link = NIOLoopBound(self, eventLoop: self.loop)
            let loop = self.loop
            Task {
                let outcome = await enrolment.applyAgain(for: identity)
                loop.execute { link.value.appliedAgain(outcome) }
            }
        default:
            self.pauseRegistering()
            self.complain(
                "the controllers refuse this broker: \(answer.code) \(answer.remark ?? "")")
        }
    }

    private func pauseRegistering() {
        let pause = Duration.milliseconds(200) * (1 << min(self.refusals, 10))
        self.refusals += 1
        self.registersAt = Clock.now().tick + min(pause, Self.refusalPauseMax)
    }

    private func appliedAgain(_ outcome: Enrolment.Reclaim) {
        switch outcome {
        case .given:
            self.checkCode = CheckCode.read(of: self.enrolment.store, for: self.identity)
            self.registersAt = .zero
        case .refused(let problem): self.complain(problem)
        case .unknown: break
        }
    }

    /// Proposes a SyncStateSet, once: a repetition could be refused although the first took effect.
    /// Before that the disk knows whom it adds: should the controllers lose all they know, somebody
    /// must say that these may have more than others.
    func propose(_ proposal: SyncStateSetProposal) {
        let link = NIOLoopBound(self, eventLoop: self.loop)
        self.memory.add(proposal.members) { isWritten in
            guard isWritten else {
                link.value.worker?.proposalAnswered(proposal, .unknown)
                return
            }
            link.value.send(proposal)
        }
    }

    private func send(_ proposal: SyncStateSetProposal) {
        let request = AlterSyncStateSet(
            brokerName: self.identity.brokerName, masterBrokerID: self.identity.brokerID,
            masterEpoch: proposal.masterEpoch, syncStateSet: proposal.members,
            syncStateSetEpoch: proposal.basedOn)
        self.ask(request.command, timeout: Self.timeout) { link, answer in
            // First the view: a refusal because of a newer set brings that set.
            if let view = answer.flatMap({ try? GroupView(answer: $0) }),
                view.masterEpoch > Epoch(0)
            {
                link.heard(view)
            }
            link.worker?.proposalAnswered(proposal, ProposalOutcome(answer))
        }
    }

    /// How the group stands, by a proof that the leader still leads.
    func ask(for call: UInt64) {
        let incarnation = self.incarnation
        let request = GetReplicaInfo(brokerName: self.identity.brokerName)
        self.ask(request.command, timeout: Self.timeout) { link, answer in
            guard let answer, answer.code == ResponseCode.success.rawValue,
                incarnation == link.incarnation, let view = try? GroupView(answer: answer)
            else { return }
            link.heard(view)
            link.worker?.controllersSaid(view, call: call)
        }
    }

    /// Asks for another master than this broker. `done` hears why there is none, or nil.
    func handOver(_ done: @escaping @Sendable (String?) -> Void) {
        let request = ElectMaster(
            clusterName: self.identity.clusterName, brokerName: self.identity.brokerName,
            brokerID: self.identity.brokerID, handover: true)
        self.ask(request.command, timeout: Self.registerTimeout) { link, answer in
            guard let answer else { return done("no leader among the controllers answers") }
            guard answer.code == ResponseCode.success.rawValue else {
                return done("\(ResponseCode(rawValue: answer.code)): \(answer.remark ?? "")")
            }
            if let view = try? GroupView(answer: answer) { link.heard(view) }
            done(nil)
        }
    }

    /// Whether somebody serves without this broker. `done` hears why it may not be drained, or nil.
    func askToDrain(_ done: @escaping @Sendable (String?) -> Void) {
        let request = DrainBroker(
            brokerName: self.identity.brokerName, brokerID: self.identity.brokerID)
        self.ask(request.command, timeout: Self.registerTimeout) { _, answer in
            guard let answer else {
                return done("no leader among the controllers answers: ask again in a second")
            }
            let code = ResponseCode(rawValue: answer.code)
            done(code == .success ? nil : answer.remark ?? "the controllers answer \(code)")
        }
    }

    private func ask(
        _ command: RemotingCommand, timeout: Duration,
        then: @escaping @Sendable (ControllerLink, ReceivedCommand?) -> Void
    ) {
        let link = NIOLoopBound(self, eventLoop: self.loop)
        let (loop, caller) = (self.loop, self.caller)
        Task {
            let answer = await caller.ask(command, timeout: timeout)
            loop.execute { then(link.value, answer) }
        }
    }
}

extension ProposalOutcome {
    /// Only what the state machine itself decided is final.
    fileprivate init(_ answer: ReceivedCommand?) {
        guard let answer else {
            self = .unknown
            return
        }
        switch ResponseCode(rawValue: answer.code) {
        case .success: self = .accepted
        case .controllerFencedMasterEpoch, .controllerFencedSyncStateSetEpoch,
            .controllerInvalidMaster, .controllerInvalidReplicas, .controllerBrokerNotAlive,
            .controllerAlterSyncStateSetFailed:
            self = .refused(
                reason: "\(ResponseCode(rawValue: answer.code).name) \(answer.remark ?? "")")
        default: self = .unknown
        }
    }
}

extension BrokerHeartbeat.Role {
    fileprivate init(_ role: BrokerRole) {
        switch role {
        case .master, .alone: self = .master
        case .replica: self = .replica
        case .fenced: self = .fenced
        }
    }
}
