import BrokerEngine
import Logging
import MessageFormat
import NIOCore
import PeerTransport
import RemotingProtocol
import ReplicationProtocol
import Storage

/// What a worker has only in a group that controllers steer.
struct GroupHands {
    let door: BrokerDoor
    /// Reads for replicas that catch up, beside everything else.
    let readers: @Sendable (@escaping @Sendable () -> Void) -> Void
    let rebuilding: LogRebuilding
    var controllers: ControllerLink?
    var links = ReplicationLinks()
    var drain = Drain()
    var relays = Relays()
    /// What was written down last.
    var checkpoint: LogCheckpoint?
    var isWritingCheckpoint = false
    var beats = 0
}

// The group's effects and inputs.
extension BrokerWorker {
    var report: GroupReport? { self.group == nil ? nil : self.engine.groupReport }
    var minInSync: Int? { self.engine.settings.group?.minInSyncReplicas }

    /// Each 200 ms.
    func beat() {
        guard !self.hasFailed, var group = self.group else { return }
        group.beats += 1
        self.group = group
        group.controllers?.beat()
        self.goOnDraining()
        self.handOverIfDiskHangs()
        if group.beats % 5 == 0 { self.writeCheckpoint() }
    }

    func heard(_ view: GroupView) {
        self.engine.groupView(view, at: Clock.now())
        self.scheduleTurn()
    }

    func controllersSaid(_ view: GroupView, call: UInt64) {
        self.engine.controllersSaid(view, call: call, at: Clock.now())
        self.scheduleTurn()
    }

    func proposalAnswered(_ proposal: SyncStateSetProposal, _ outcome: ProposalOutcome) {
        if case .refused(let reason) = outcome {
            self.logger.notice("SyncStateSet \(proposal.members) was refused: \(reason)")
        }
        self.engine.syncStateSetAnswered(proposal, outcome, at: Clock.now())
        self.scheduleTurn()
    }

    func performForGroup(_ effect: Effect) {
        switch effect {
        case .connectToMaster(let address, let link): self.connect(to: address, as: link)
        case .replicate(let link, let message): self.group?.links.send(message, on: link)
        case .closeLink(let link): self.group?.links.close(link)
        case .readLog(let link, let from, let end, let bytesMax):
            self.readLog(for: link, from: from, end: end, bytesMax: bytesMax)
        case .alterSyncStateSet(let proposal): self.group?.controllers?.propose(proposal)
        case .changeLog(let change): self.change(change)
        case .askControllers(let call): self.group?.controllers?.ask(for: call)
        case .askForAnotherMaster(let reason):
            self.logger.warning("asking for another master: \(reason)")
            self.askForAnotherMaster()
        case .roleChanged(let role):
            self.logger.notice("this broker is \(role)")
            self.takeRelaysBack()
            self.outside.register()
        case .warn(let problem): self.logger.warning("replication: \(problem)")
        default: break
        }
    }

    private func connect(to address: String, as id: LinkID) {
        guard let door = self.group?.door else { return }
        PeerConnector.connect(
            to: address, on: self.loop, delegate: ReplicationDoor(door: door, outgoing: id),
            logger: self.logger
        ).whenFailure { error in
            door.onLoop {
                $0.logger.debug("no link to the master: \(error)")
                $0.linkClosed(id)
            }
        }
    }

    func linkOpened(_ link: PeerLink, as id: LinkID) {
        guard self.group != nil, !self.isRebuilding else { return link.close() }
        self.group?.links.opened(link, as: id)
        self.engine.linkOpened(id, isOutgoing: link.isOutgoing, at: Clock.now())
        self.scheduleTurn()
    }

    func linkReceived(_ payloads: [ByteBuffer], from link: PeerLink, as id: LinkID) {
        guard !self.hasFailed, !self.isRebuilding else { return }
        let now = Clock.now()
        do throws(ReplicationFormatError) {
            for payload in payloads {
                self.engine.linkReceived(id, try Self.message(payload), at: now)
            }
        } catch {
            self.logger.warning("\(link.remote) sent nonsense, its link is closed: \(error)")
            let epoch = self.engine.groupReport.masterEpoch
            self.group?.links.send(
                .goodbye(epoch: epoch, .protocolViolation, remark: "\(error)"), on: id)
            link.close()
        }
        self.scheduleTurn()
    }

    private static func message(
        _ payload: ByteBuffer
    ) throws(ReplicationFormatError) -> ReplicationMessage {
        let parsed = payload.withUnsafeReadableBytes { bytes in
            Result { () throws(ReplicationFormatError) in try ReplicationMessage(parsing: bytes) }
        }
        return try parsed.get()
    }

    func linkClosed(_ id: LinkID) {
        self.group?.links.closed(id)
        guard !self.isRebuilding else { return }
        self.engine.linkClosed(id, at: Clock.now())
        self.scheduleTurn()
    }

    /// On another thread: a replica that is far behind must not slow down those that are not.
    private func readLog(
        for link: LinkID, from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int
    ) {
        guard let group = self.group else { return }
        let (store, loop, generation) = (self.store, self.loop, self.generation)
        let worker = NIOLoopBound(self, eventLoop: loop)
        group.readers {
            let result = Result { () throws(ReadFailure) in
                do {
                    let read = try store.readStretch(from: from, end: end, bytesMax: bytesMax)
                    return LogRead(bytes: read.bytes, position: from, next: read.next)
                } catch {
                    throw ReadFailure(reason: "\(error)")
                }
            }
            loop.execute {
                guard worker.value.generation == generation else { return }
                worker.value.engine.logRead(link, result, at: Clock.now())
                worker.value.scheduleTurn()
            }
        }
    }

    /// A lower bound for the next start, so it may be late: written when it has changed, one at a
    /// time, on another thread.
    private func writeCheckpoint() {
        guard let group = self.group, !group.isWritingCheckpoint, !self.isRebuilding,
            let checkpoint = self.currentCheckpoint, checkpoint != group.checkpoint
        else { return }
        self.group?.isWritingCheckpoint = true
        let store = self.store
        self.inBackground(
            { try store.writeCheckpoint(checkpoint) },
            then: { worker, result in
                worker.group?.isWritingCheckpoint = false
                switch result {
                case .success: worker.group?.checkpoint = checkpoint
                case .failure(let error):
                    worker.logger.warning("no checkpoint of the confirm offset: \(error)")
                }
            })
    }

    var currentCheckpoint: LogCheckpoint? {
        self.report.map {
            LogCheckpoint(
                logID: self.store.logID, confirmed: self.engine.confirmedToKeep,
                masterEpoch: $0.masterEpoch)
        }
    }
}
