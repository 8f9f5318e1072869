import ControllerCore
package import MessageFormat
import Raft
import RemotingProtocol

// What Raft wants done, and what it has decided.
extension ControllerEngine {
    /// How often one turn goes round: an answer may lead to a proposal, which leads to messages.
    private static let roundsMax = 16

    /// The inputs of this turn are all in: decide, apply, answer.
    package mutating func endOfTurn(at now: Now) {
        self.now = now
        for _ in 0..<Self.roundsMax {
            guard !self.hasFailed else { return }
            let ready = self.raft.takeReady()
            guard !ready.isEmpty else { break }
            self.carryOut(ready)
        }
        self.compactIfDue()
        self.tellPeers()
    }

    private mutating func carryOut(_ ready: RaftReady) {
        var restored: ControllerState?
        if let snapshot = ready.restoredSnapshot {
            do {
                restored = try ControllerSnapshot.decode(snapshot.bytes)
            } catch {
                // Not persisted either: after a restart the disk still holds what was good.
                return self.fail("the leader's snapshot is refused: \(error)")
            }
        }
        self.effects += ready.messagesNow.map { .sendPeer($0.to, $0) }
        if let persist = ready.persist {
            self.afterPersist[persist.token] = ready.messagesAfterPersist
            self.effects.append(.persist(persist))
        }
        if let restored { self.replaceState(by: restored) }
        for entry in ready.committed { self.apply(entry) }
        for ticket in ready.readsReady { self.answerRead(ticket) }
        for ticket in ready.readsFailed { self.failRead(ticket) }
        for refusal in ready.refusals {
            self.report(.peerRefused(refusal.from, reason: refusal.reason))
        }
        if let change = ready.roleChange { self.roleChanged(change) }
        self.considerChangedGroups()
    }

    /// Only now the state is all that is committed: half of it may name a set of long ago.
    private mutating func considerChangedGroups() {
        for name in exchange(&self.changedGroups, with: []).sorted() {
            self.considerElection(of: name)
        }
    }

    private mutating func fail(_ reason: String) {
        self.hasFailed = true
        self.effects.append(.fail(reason))
    }

    private mutating func replaceState(by state: ControllerState) {
        let names = Set(self.state.groups.keys).union(state.groups.keys).sorted()
        let before = self.state
        self.state = state
        for name in names { self.groupApplied(name, before: before.groups[name]) }
    }

    private mutating func apply(_ entry: RaftEntry) {
        guard !self.hasFailed else { return }
        var outcome = ControllerOutcome.accepted
        if case .command(let bytes) = entry.content {
            let command: ControllerCommand
            do {
                command = try ControllerCommand(parsing: bytes)
            } catch {
                return self.fail("the entry \(entry.index) cannot be applied: \(error)")
            }
            let name = command.group
            let before = name.flatMap { self.state.groups[$0] }
            outcome = self.state.apply(command)
            if let name {
                switch command {
                case .elect, .forgetFounder: self.duty.electing[name] = nil
                default: break
                }
                self.groupApplied(name, before: before)
            }
            if case .setController(let id, _) = command, outcome == .accepted,
                entry.index > self.startIndex
            {
                self.readdressed.insert(id)
            }
        }
        self.answerWrite(at: entry.position, outcome)
    }

    private mutating func groupApplied(_ name: String, before: GroupState?) {
        let after = self.state.groups[name]
        guard before != after else { return }
        self.liveness.retain(after, named: name)
        for (id, broker) in before?.brokers ?? [:]
        where broker.registerCheckCode != after?.brokers[id]?.registerCheckCode {
            self.liveness.forget(BrokerKey(group: name, brokerID: id))
        }
        guard let view = after?.view, view != before?.view else { return }
        self.report(.groupChanged(name, view))
        let notification = RoleChangedNotification(view: view).command
        for connection in self.liveness.connections(of: name) {
            self.effects.append(.notify(ConnectionID(value: connection), notification))
        }
        self.changedGroups.insert(name)
    }

    private mutating func answerWrite(at position: LogPosition, _ outcome: ControllerOutcome) {
        guard let write = self.pending.takeWrite(at: position.index) else { return }
        guard write.term == position.term else {
            return self.answer(write.request, self.answer(for: .notLeader))
        }
        if case .refused(let refusal) = outcome {
            self.reportRefusal(of: write.request, refusal.description)
        }
        self.answer(write.request, self.answer(to: write.kind, outcome))
        self.followUp(write.kind, outcome)
    }

    private mutating func answerRead(_ ticket: ReadTicket) {
        guard let read = self.pending.takeRead(ticket) else { return }
        do throws(RequestFailure) {
            let answer = try self.answer(to: read.question)
            if case .refusal = read.question, let remark = answer.remark {
                self.reportRefusal(of: read.request, remark)
            }
            self.answer(read.request, answer)
        } catch {
            self.answer(read.request, self.answer(for: error))
        }
    }

    private mutating func failRead(_ ticket: ReadTicket) {
        guard let read = self.pending.takeRead(ticket) else { return }
        self.answer(read.request, self.answer(for: .notLeader))
    }

    private mutating func roleChanged(_ change: RoleChange) {
        self.report(.roleChanged(change.role, term: change.term, leader: change.leader))
        if change.role == .leader {
            if self.duty.term != change.term {
                self.duty = LeaderDuty(term: change.term, since: self.now.tick)
            }
        } else {
            self.duty = LeaderDuty()
            for request in self.pending.takeWritesAndReads() {
                self.answer(request, self.answer(for: .notLeader))
            }
        }
        self.answerTransfer(change)
    }

    mutating func expireRequests() {
        for request in self.pending.takeExpired(at: self.now.tick) {
            self.answer(
                request,
                Answer(
                    .systemError,
                    "the controllers did not agree within \(self.settings.requestDeadline); "
                        + "what was asked may still happen"))
        }
    }

    private mutating func compactIfDue() {
        let applied = self.raft.applied
        guard applied.distance(from: self.raft.snapshotIndex) >= self.settings.snapshotInterval
        else { return }
        self.raft.compact(upTo: applied, snapshot: ControllerSnapshot.encode(self.state))
    }

    private mutating func tellPeers() {
        let peers = self.peers
        guard peers != self.toldPeers else { return }
        self.toldPeers = peers
        self.effects.append(.peersChanged(peers))
    }
}

// Proposing.
extension ControllerEngine {
    mutating func propose(
        _ command: ControllerCommand, for request: Request, _ kind: WriteKind
    ) throws(RequestFailure) {
        guard self.pending.count < self.settings.pendingMax else {
            throw .busy("\(self.settings.pendingMax) requests wait already")
        }
        if let problem = command.problem { throw .invalid(problem) }
        switch self.raft.propose(command.encoded, at: self.now.tick) {
        case .success(let proposed): self.pending.wait(request, for: proposed, kind)
        case .failure(let refusal): throw RequestFailure(refusal)
        }
    }

    /// Brokers repeat what was refused for as long as they live: only what would change something
    /// becomes an entry. A refusal waits for the proof that this controller still leads.
    mutating func proposeUnlessRefused(
        _ command: ControllerCommand, for request: Request, _ kind: WriteKind
    ) throws(RequestFailure) {
        if let problem = command.problem { throw .invalid(problem) }
        var trial = self.state
        guard case .refused = trial.apply(command) else {
            return try self.propose(command, for: request, kind)
        }
        try self.ask(.refusal(of: command, kind), for: request)
    }

    mutating func ask(_ question: Question, for request: Request) throws(RequestFailure) {
        guard self.isLeader else { throw .notLeader }
        guard self.pending.count < self.settings.pendingMax,
            let ticket = self.raft.readIndex(at: self.now.tick)
        else { throw .busy("\(self.settings.pendingMax) requests wait already") }
        self.pending.wait(request, for: ticket, question)
    }
}

extension RequestFailure {
    init(_ refusal: ProposalRefusal) {
        self =
            switch refusal {
            case .notLeader, .transferring: .notLeader
            case .tooLarge(let bytes, let bytesMax):
                .invalid("the command has \(bytes) bytes, at most \(bytesMax) are possible")
            case .busy(let uncommitted): .busy("\(uncommitted) entries wait for a majority")
            case .badChange(let problem): .invalid(problem)
            }
    }
}
