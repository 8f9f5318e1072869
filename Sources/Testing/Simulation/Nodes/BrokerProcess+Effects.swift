import BrokerEngine
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol
import ReplicationProtocol

extension BrokerProcess {
    /// Returns whether the engine has heard something new by it.
    func perform(_ effect: Effect) -> Bool {
        switch effect {
        case .answer(let caller, let command):
            self.noteLoss(command)
            self.clients[caller.connection]?.send(command.framed)
        case .answerSend(let caller, let response):
            self.outside.checks.answered(response, by: self)
            var bytes = ByteBuffer()
            response.encode(into: &bytes, as: .json)
            self.clients[caller.connection]?.send(bytes)
        case .deliver(let caller, let head, let entries, let stretch):
            self.deliver(entries, head, of: stretch, to: caller)
        case .deliverPopped(let caller, let head, let entries):
            self.deliver(entries, head, to: caller)
        case .notify(let connection, let command): self.notify(connection, command)
        case .write(let batches, _): self.write(batches)
        case .readEntries, .searchEntries, .findByKey, .readMessages, .readMessage:
            self.read(effect)
            return true
        case .seal(let contents): self.seal(contents)
        case .deleteSegment(let base):
            self.host.store.deleteSegment(base)
            self.engine?.deleted(base)
            return true
        case .keepSegments(let work): self.keep(work)
        case .connectToMaster(let address, let link): self.connect(to: address, as: link)
        case .replicate(let link, let message): self.replicate(message, on: link)
        case .closeLink(let link): self.closeLink(link)
        case .readLog(let link, let from, let end, let bytesMax):
            self.readLog(for: link, from: from, end: end, bytesMax: bytesMax)
        case .alterSyncStateSet(let proposal): self.propose(proposal)
        case .changeLog(let change): self.changeLog(change)
        case .askForAnotherMaster(let reason): self.handOver(because: reason)
        case .askControllers(let call): self.askControllers(call)
        case .roleChanged(let role): self.roleChanged(role)
        case .warn(let remark): self.world.say("\(self.name): \(remark)")
        case .lookUpRoute(let ticket, _):
            let nothing = TopicRouteData(brokers: [], queues: [])
            self.engine?.routeFound(ticket, .success(nothing), at: self.now)
            return true
        case .register: self.registerSoon()
        case .spread, .relay: break  // simulated clients look for the master themselves
        }
        return false
    }

    private func roleChanged(_ role: BrokerRole) {
        self.world.say("\(self.name): is \(role)")
        self.outside.checks.roleChanged(to: role, of: self)
        self.registerSoon()
    }

    /// Only damage explains that a message is not in the log any more.
    private func noteLoss(_ answer: RemotingCommand) {
        guard answer.remark?.contains("is damaged on disk") == true else { return }
        self.world.probes.hit("lost message told of")
        self.outside.checks.lost(answer.remark ?? "", by: self)
    }

    /// On another thread, in the order in which it was asked for.
    private func keep(_ work: SegmentWork) {
        let doneAt = max(
            self.now.tick + self.world.random.duration(in: .microseconds(50)...(.milliseconds(3))),
            self.segmentWorkUntil)
        self.segmentWorkUntil = doneAt
        self.later(doneAt - self.now.tick) { process in
            let outcome = work.carriedOut(in: process.host.store)
            switch outcome {
            case .finished(_, nil): process.world.probes.hit("segment mended")
            case .scrubbed(_, .failure): process.world.probes.hit("rot met by reading through")
            default: break
            }
            process.engine?.segmentWorkDone(outcome, at: process.now)
            process.planTurn()
        }
    }

    // MARK: Reads

    private func deliver(
        _ entries: [IndexEntry], _ head: PullResponse, of stretch: QueueStretch, to caller: Caller
    ) {
        guard let connection = self.clients[caller.connection] else { return }
        var body = ByteBuffer()
        var head = head
        for (index, entry) in entries.enumerated() {
            guard let bytes = self.host.store.message(entry) else {
                self.world.probes.hit("damaged message not served")
                self.outside.checks.unreadable(entry, of: self)
                self.engine?.foundRotten(at: entry.position, at: self.now)
                guard index > 0 else {
                    return self.refuseDamaged(stretch.first, caller, connection)
                }
                head.nextBeginOffset = stretch.first.value + Int64(index)
                break
            }
            body.writeBytes(bytes)
        }
        let own = body.withUnsafeReadableBytes { stretch.own(in: $0) }
        guard own.bytes == body.readableBytes else {
            self.rebuildIndex(naming: stretch.first.advanced(by: own.count), of: stretch.key)
            return self.refuseDamaged(stretch.first, caller, connection)
        }
        var frame = ByteBuffer()
        head.encodeHead(bodyCount: body.readableBytes, into: &frame, as: .json)
        frame.writeBuffer(&body)
        connection.send(frame)
    }

    /// Who does not get them gets them when their time has passed.
    private func deliver(_ entries: [IndexEntry], _ head: PopResponse, to caller: Caller) {
        guard let connection = self.clients[caller.connection] else { return }
        let messages = entries.compactMap { self.host.store.message($0) }
        guard messages.count == entries.count else {
            self.world.probes.hit("damaged message not popped")
            return connection.send(
                RemotingCommand.response(
                    .systemError, to: caller.opaque, remark: "a popped message is damaged on disk"
                ).framed)
        }
        var command = head.command
        command.body = messages.flatMap { $0 }
        connection.send(command.framed)
    }

    private func refuseDamaged(_ offset: QueueOffset, _ caller: Caller, _ end: ConnectionEnd) {
        end.send(
            RemotingCommand.response(
                .systemError, to: caller.opaque,
                remark: "the message at offset \(offset.value) is damaged on disk"
            ).framed)
    }

    private func read(_ effect: Effect) {
        let now = self.now
        switch effect {
        case .readEntries(let ticket, let segment, let stretch):
            self.engine?.entriesRead(
                ticket, self.reading(segment) { try $0.entries(stretch) }, at: now)
        case .searchEntries(let ticket, let segment, let stretch, let time):
            self.engine?.entryFound(
                ticket,
                self.reading(segment) {
                    try $0.firstOffset(in: stretch, storedAtOrAfter: time)
                }, at: now)
        case .findByKey(let ticket, let segments, let hash, let limit):
            self.engine?.entriesRead(ticket, self.find(hash, in: segments, limit), at: now)
        case .readMessages(let ticket, let entries):
            let bytes = self.read(entries).flatMap { $0 }
            self.engine?.messagesRead(ticket, .success(bytes), at: now)
        case .readMessage(let ticket, let position):
            let read = self.host.store.message(at: position).map {
                Result<[UInt8], ReadFailure>.success(self.uncounted(Array($0)))
            }
            let missing = ReadFailure(reason: "no message starts at \(position.bytes)")
            self.engine?.messagesRead(ticket, read ?? .failure(missing), at: now)
        default: break
        }
    }

    private func find(
        _ hash: UInt64, in segments: [PhysicalOffset], _ limit: Int
    ) -> Result<[IndexEntry], ReadFailure> {
        var found: [IndexEntry] = []
        for segment in segments where found.count < limit {
            switch self.reading(segment, { try $0.entries(keyHash: hash, limit: limit) }) {
            case .success(let more): found += more
            case .failure(let failure): return .failure(failure)
            }
        }
        return .success(Array(found.prefix(limit)))
    }

    private func notify(_ connection: ConnectionID, _ command: RemotingCommand) {
        guard !self.keepsQuiet(about: command) else { return }
        self.outside.workloads?.asked(command, by: self)
        self.clients[connection]?.send(command.framed)
    }

    private func reading<Value>(
        _ segment: PhysicalOffset, _ body: (SegmentIndexReader) throws -> Value
    ) -> Result<Value, ReadFailure> {
        do {
            guard let reader = try self.host.store.index(of: segment) else {
                throw ReadFailure(reason: "no index file of the segment at \(segment.bytes)")
            }
            return .success(try body(reader))
        } catch {
            self.rebuildIndex(segment)
            return .failure(ReadFailure(reason: "\(error)"))
        }
    }

    /// It names another message there.
    private func rebuildIndex(naming offset: QueueOffset, of key: QueueKey) {
        self.world.probes.hit("another message not served")
        guard let segment = self.engine?.sealedSegment(of: key, at: offset) else { return }
        self.rebuildIndex(segment)
    }

    private func rebuildIndex(_ base: PhysicalOffset) {
        self.world.probes.hit("damaged index made anew")
        self.later(.milliseconds(1)) { process in
            let recovery = LogRecovery(source: process.host.store) { process.note($0) }
            let end = process.engine?.segments.end(of: base)
            guard let segment = try? recovery.madeAnew(base, endingAt: end) else { return }
            process.engine?.indexed(segment, at: process.now)
            process.planTurn()
        }
    }

    private func seal(_ contents: SegmentContents) {
        self.world.probes.hit("segment sealed")
        self.later(self.world.random.duration(in: .milliseconds(1)...(.milliseconds(20)))) {
            process in
            guard let segment = try? SealedSegment(sealing: contents, in: process.host.store) else {
                process.engine?.sealingFailed(contents.base, at: process.now)
                return process.planTurn()
            }
            process.engine?.sealed(
                contents.base, youngest: segment.youngest, runs: segment.runs)
            process.planTurn()
        }
    }
}
