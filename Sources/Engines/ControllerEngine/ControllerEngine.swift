package import ControllerCore
package import MessageFormat
package import Raft
package import RemotingProtocol

/// A controller without its sockets, files and clock: inputs in, effects out.
///
/// Requests that change something become commands in the Raft log and are answered when they are
/// applied; questions wait for the proof that this controller still leads. Heartbeats are taken by
/// every controller, so that whoever leads next knows who lives.
///
/// After a turn of inputs comes `endOfTurn`, then `takeEffects`.
package struct ControllerEngine: Sendable {
    package let settings: ControllerSettings
    package internal(set) var raft: RaftNode
    package internal(set) var state: ControllerState
    package internal(set) var liveness: BrokerLiveness

    var pending = PendingRequests()
    var duty = LeaderDuty()
    var afterPersist: [UInt64: [RaftMessage]] = [:]
    var effects: [ControllerEffect] = []
    var now: Now
    /// How often this controller has led without hearing any broker, since it heard one.
    var deafTerms = 0
    var toldPeers: [ControllerPeer] = []
    /// Where this controller's log ended when it started.
    let startIndex: LogIndex
    /// Controllers whose addresses were agreed on since then, so later than the configuration.
    var readdressed: Set<String> = []
    /// Groups whose state this round has changed.
    var changedGroups: Set<String> = []
    private var refusalLog = RefusalLog()
    /// The state can no longer be trusted; nothing is answered.
    var hasFailed = false

    /// Throws when what the disk holds is no state of controllers.
    ///
    /// - parameter seed: for election timeouts; different for every controller and start.
    package init(
        settings: ControllerSettings, restored: RaftRestored, seed: UInt64, at now: Now
    ) throws(ControllerBytesError) {
        self.settings = settings
        self.state =
            try restored.snapshot.map { snapshot throws(ControllerBytesError) in
                try ControllerSnapshot.decode(snapshot.bytes)
            } ?? ControllerState()
        self.startIndex =
            restored.entries.last?.index ?? restored.snapshot?.position.index ?? .zero
        self.raft = RaftNode(
            id: settings.id, restored: restored, settings: settings.raft, seed: seed, at: now.tick)
        self.liveness = BrokerLiveness(settings: settings.liveness, at: now.tick)
        self.now = now
    }

    package var isLeader: Bool { self.raft.isLeader }

    package mutating func takeEffects() -> [ControllerEffect] {
        defer { self.effects.removeAll() }
        return self.effects
    }
}

// Inputs.
extension ControllerEngine {
    package mutating func receive(
        _ command: ReceivedCommand, from connection: ConnectionID, at now: Now
    ) {
        self.now = now
        guard !command.isResponse, !self.hasFailed else { return }
        let request = Request(
            command, from: connection, deadline: now.tick + self.settings.requestDeadline)
        do throws(RequestFailure) {
            if let answer = try self.handle(command, request) { self.answer(request, answer) }
        } catch {
            self.reportRefusal(of: request, error)
            self.answer(request, self.answer(for: error))
        }
    }

    /// A connection of a broker or a tool is closed.
    package mutating func closed(_ connection: ConnectionID, at now: Now) {
        self.now = now
        self.pending.drop(connection)
        self.brokersEnded(self.liveness.closed(connection.value))
    }

    package mutating func peer(_ node: NodeID, sent message: RaftMessage, at now: Now) {
        self.now = now
        guard message.from == node else {
            let reason = "it says that it comes from \(message.from)"
            return self.report(.peerRefused(node, reason: reason))
        }
        self.raft.receive(message, at: now.tick)
        if self.isLeader { self.duty.heard.insert(node) }
    }

    /// The connection to a peer is closed.
    package mutating func peerLost(_ node: NodeID, at now: Now) {
        self.now = now
        self.raft.peerLost(node, at: now.tick)
    }

    package mutating func persisted(_ token: UInt64, at now: Now) {
        self.now = now
        self.raft.persisted(token, at: now.tick)
        for message in self.afterPersist.removeValue(forKey: token) ?? [] {
            self.effects.append(.sendPeer(message.to, message))
        }
    }

    /// Time has passed. To be called about every ten milliseconds.
    package mutating func advance(to now: Now) {
        self.now = now
        self.raft.advance(to: now.tick)
        self.brokersEnded(self.liveness.advance(to: now.tick))
        self.expireRequests()
        self.attendToDuty()
    }

    private mutating func brokersEnded(_ ended: [BrokerKey]) {
        for key in ended {
            let reason = self.liveness.life(of: key)?.end?.rawValue ?? "it is unknown"
            self.report(
                .brokerDead(group: key.group, brokerID: key.brokerID, because: reason))
        }
        for group in Set(ended.map(\.group)).sorted() { self.considerElection(of: group) }
    }
}

// Outputs.
extension ControllerEngine {
    private mutating func reportRefusal(of request: Request, _ failure: RequestFailure) {
        if failure.isNoteworthy { self.reportRefusal(of: request, failure.remark) }
    }

    /// A peer that sends nonsense without end fills no disk with its refusals.
    mutating func reportRefusal(of request: Request, _ reason: String) {
        guard self.refusalLog.mayReport(at: self.now.tick) else { return }
        let origin = "request \(request.code.rawValue) of connection \(request.connection.value)"
        self.report(.refused(request: origin, reason: reason))
    }

    mutating func report(_ event: ControllerEvent) { self.effects.append(.report(event)) }

    mutating func answer(_ request: Request, _ answer: Answer) {
        guard !request.isOneWay else { return }
        self.effects.append(
            .answer(
                request.connection, answer.command(to: request.opaque), as: request.serialization))
    }

    func answer(for failure: RequestFailure) -> Answer {
        switch failure {
        case .notLeader:
            Answer(
                failure.code, self.leaderRemark,
                fields: ControllerRedirect.fields(leaderAddress: self.leaderAddress))
        case .notRegistered, .futureEpoch, .knowsMore:
            // A follower may lag behind what the leader knows: brokers look at `isLeader`.
            Answer(failure.code, failure.remark, fields: self.leaderFields)
        default: Answer(failure.code, failure.remark)
        }
    }

    private var leaderRemark: String {
        guard let leader = self.raft.leader else { return "the controllers have no leader" }
        return "the leader is \(leader) at \(self.leaderAddress)"
    }

    var leaderFields: [HeaderField] {
        ControllerRedirect.fields(leaderAddress: self.leaderAddress)
            + [HeaderField(name: "isLeader", value: "\(self.isLeader)")]
    }

    /// Empty while there is none, or while nobody knows where it is.
    var leaderAddress: String {
        self.raft.leader.flatMap { self.address(of: $0) } ?? ""
    }

    /// The configuration wins over what was agreed on before the start: a controller whose agreed
    /// address is wrong can be found again only by those that are told another one.
    func address(of node: NodeID) -> String? {
        let agreed = self.state.controllers[node.value]
        let configured = self.settings.peers.first { $0.id == node.value }?.address
        return self.readdressed.contains(node.value) ? agreed ?? configured : configured ?? agreed
    }

    /// The group as it is now; ids ascending. A member that nobody knows the address of has none.
    var peers: [ControllerPeer] {
        self.raft.membership.nodes.map {
            ControllerPeer(id: $0.value, address: self.address(of: $0) ?? "")
        }
    }
}
