import BrokerEngine
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol

extension BrokerHands {
    /// Returns whether the engine has heard something new by it.
    func perform(_ effect: Effect) -> Bool {
        switch effect {
        case .answer(let caller, let command):
            self.send(to: caller) { command.encode(into: &$0, as: caller.serialization) }
        case .answerSend(let caller, let response):
            self.send(to: caller) { response.encode(into: &$0, as: caller.serialization) }
        case .deliver(let caller, let head, let entries, _):
            let body = self.log.messages(entries)
            self.send(to: caller) { bytes in
                head.encodeHead(bodyCount: body.count, into: &bytes, as: caller.serialization)
                bytes.writeBytes(body)
            }
        case .deliverPopped(let caller, let head, let entries):
            var command = head.command
            command.body = self.log.messages(entries)
            self.send(to: caller) { command.encode(into: &$0, as: caller.serialization) }
        case .notify(let connection, let command): self.notify(connection, command)
        case .write(let batches, _): return self.write(batches)
        case .readEntries, .searchEntries, .findByKey, .readMessages, .readMessage:
            self.read(effect)
            return true
        case .seal(let contents): return self.seal(contents)
        case .deleteSegment(let base):
            self.log.delete(base)
            self.engine.deleted(base)
            return true
        case .lookUpRoute(let ticket, let topic):
            let now = self.clock.now
            self.engine.routeFound(
                ticket, .success(self.nameServer.route(of: topic, at: now)), at: now)
            return true
        case .register:
            self.nameServer.register(self.engine.registration, as: self.names, at: self.clock.now)
        case .spread, .warn, .keepSegments: break
        case .relay, .connectToMaster, .replicate, .closeLink, .readLog, .alterSyncStateSet,
            .changeLog, .askForAnotherMaster, .askControllers, .roleChanged:
            break  // only brokers of a group want these
        }
        return false
    }

    private func write(_ batches: [PlannedBatch]) -> Bool {
        for batch in batches { self.log.write(batch) }
        guard let end = batches.last?.end else { return false }
        self.engine.written(upTo: end, durable: end, at: self.clock.now)
        return true
    }

    private func seal(_ contents: SegmentContents) -> Bool {
        switch Self.catching({ try SealedSegment(sealing: contents, in: self.log) }) {
        case .success(let segment):
            self.engine.sealed(contents.base, youngest: segment.youngest, runs: segment.runs)
        case .failure: self.engine.sealingFailed(contents.base, at: self.clock.now)
        }
        return true
    }

    private func read(_ effect: Effect) {
        let now = self.clock.now
        switch effect {
        case .readEntries(let ticket, let segment, let stretch):
            self.engine.entriesRead(
                ticket, Self.catching { try self.index(segment).entries(stretch) }, at: now)
        case .searchEntries(let ticket, let segment, let stretch, let time):
            let found = Self.catching {
                try self.index(segment).firstOffset(in: stretch, storedAtOrAfter: time)
            }
            self.engine.entryFound(ticket, found, at: now)
        case .findByKey(let ticket, let segments, let hash, let limit):
            let found = Self.catching {
                try segments.flatMap {
                    try self.index($0).entries(keyHash: hash, limit: limit)
                }
            }
            self.engine.entriesRead(ticket, found.map { Array($0.prefix(limit)) }, at: now)
        case .readMessages(let ticket, let entries):
            self.engine.messagesRead(ticket, .success(self.log.messages(entries)), at: now)
        case .readMessage(let ticket, let position):
            self.engine.messagesRead(
                ticket, Self.catching { try self.log.message(at: position) }, at: now)
        default: break
        }
    }

    private func index(_ segment: PhysicalOffset) throws -> SegmentIndexReader {
        guard let reader = try self.log.index(of: segment) else {
            throw ReadFailure(reason: "the segment at \(segment.bytes) has no index")
        }
        return reader
    }

    private static func catching<T>(_ body: () throws -> T) -> Result<T, ReadFailure> {
        do { return .success(try body()) } catch {
            return .failure(ReadFailure(reason: "\(error)"))
        }
    }
}
