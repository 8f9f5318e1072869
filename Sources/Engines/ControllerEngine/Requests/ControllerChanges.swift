import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

// Changes of the controllers' own group: code 1009.
extension ControllerEngine {
    mutating func changeControllers(
        _ command: ReceivedCommand, _ request: Request
    ) throws(RequestFailure) {
        let properties = command.withBodyBytes { PropertiesText(parsing: Array($0)) }
        guard let change = ControllerChange(properties) else {
            throw .invalid(
                "a controller takes one of transferLeaderTo, addController, removeController")
        }
        switch change {
        case .transferLeader(let id): try self.transfer(to: NodeID(id), request)
        case .add(let peer): try self.add(peer, request)
        case .remove(let id): try self.remove(NodeID(id), request)
        }
    }

    private mutating func transfer(to target: NodeID, _ request: Request) throws(RequestFailure) {
        if target == self.settings.id { return self.answer(request, Answer()) }
        guard !self.pending.isTransferring else { throw .busy("a transfer is under way already") }
        switch self.raft.transferLeadership(to: target, at: self.now.tick) {
        case .success: self.pending.wait(request, forTransferTo: target)
        case .failure(let refusal): throw RequestFailure(refusal)
        }
    }

    /// Answered when somebody leads again; when nobody does, at the request's deadline.
    mutating func answerTransfer(_ change: RoleChange) {
        guard let leader = change.leader, leader != self.settings.id,
            let transfer = self.pending.takeTransfer()
        else { return }
        let answer =
            leader == transfer.target
            ? Answer() : Answer(.systemError, "\(leader) became leader, not \(transfer.target)")
        self.answer(transfer.request, answer)
    }

    /// First the membership, because only that can refuse; then where to find the new member.
    private mutating func add(
        _ peer: ControllerPeer, _ request: Request
    ) throws(RequestFailure) {
        let problem =
            ControllerLimits.problem(withName: peer.id)
            ?? ControllerLimits.problem(withAddress: peer.address)
            ?? Self.problem(withPortOf: peer)
        if let problem { throw .invalid(problem) }
        let address = ControllerCommand.setController(id: peer.id, address: peer.address)
        var trial = self.state
        if case .refused(let refusal) = trial.apply(address) { throw .refused(refusal) }
        try self.addLearner(NodeID(peer.id))
        try self.propose(address, for: request, .done)
    }

    /// Controllers talk to each other on the port behind the one for requests.
    private static func problem(withPortOf peer: ControllerPeer) -> String? {
        peer.address.hasSuffix(":65535")
            ? "the port of a controller is at most 65534: the one behind it is for its peers" : nil
    }

    /// A leader that fell between the two entries left a member without an address: the same
    /// request, repeated, gives it one.
    private mutating func addLearner(_ node: NodeID) throws(RequestFailure) {
        if self.raft.membership.contains(node), self.address(of: node) == nil { return }
        if case .failure(let refusal) = self.raft.propose(.addLearner(node), at: self.now.tick) {
            throw RequestFailure(refusal)
        }
    }

    private mutating func remove(_ node: NodeID, _ request: Request) throws(RequestFailure) {
        try self.wait(
            for: self.raft.propose(.remove(node), at: self.now.tick), .controllerRemoved(node),
            request)
    }

    private mutating func wait(
        for result: Result<Proposed, ProposalRefusal>, _ kind: WriteKind, _ request: Request
    ) throws(RequestFailure) {
        switch result {
        case .success(let proposed): self.pending.wait(request, for: proposed, kind)
        case .failure(let refusal): throw RequestFailure(refusal)
        }
    }

    /// What an applied write makes necessary.
    mutating func followUp(_ kind: WriteKind, _ outcome: ControllerOutcome) {
        guard case .controllerRemoved(let node) = kind, outcome == .accepted else { return }
        // Lost with the leadership, it leaves an address that nobody asks for.
        _ = self.raft.propose(
            ControllerCommand.setController(id: node.value, address: nil).encoded,
            at: self.now.tick)
    }
}
