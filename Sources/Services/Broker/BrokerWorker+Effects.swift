import BrokerEngine
import LogCore
import Logging
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport
import Storage

extension BrokerWorker {
    /// Bytes of answers that one connection may get in one turn, before it is put off.
    private static let answerBytesMax = 8 << 20
    /// Bytes of messages that one query reads.
    private static let queryBytesMax = 8 << 20

    /// Returns whether the engine has heard something new by it.
    func perform(_ effect: Effect) -> Bool {
        switch effect {
        case .answer(let caller, let command):
            guard let out = self.outgoing(caller.connection) else { return false }
            command.encode(into: &out.bytes, as: caller.serialization)
        case .answerSend(let caller, let response):
            guard let out = self.outgoing(caller.connection) else { return false }
            response.encode(into: &out.bytes, as: caller.serialization)
        case .deliver(let caller, let head, let entries, let stretch):
            self.deliver(entries, head, of: stretch, to: caller)
        case .deliverPopped(let caller, let head, let entries):
            self.deliver(entries, head, to: caller)
        case .relay(let caller, let command, let master):
            self.relay(command, of: caller, to: master)
        case .notify(let connection, let command):
            guard let out = self.outgoing(connection) else { return false }
            command.encode(into: &out.bytes, as: .json)
        case .write(let batches, let sync):
            self.group?.links.flush()  // replicas write while this broker does
            return self.write(
                batches.map {
                    WriteOrder(position: $0.position, bytes: $0.bytes, sync: sync)
                })
        case .readEntries, .searchEntries, .findByKey, .readMessages, .readMessage:
            self.read(effect)
            return true
        case .seal(let contents): self.seal(contents)
        case .deleteSegment(let base): self.delete(base)
        case .keepSegments(let work): self.keep(work)
        case .lookUpRoute(let ticket, let topic): self.lookUpRoute(ticket, topic)
        case .register: self.outside.register()
        case .spread(let config): self.outside.spread(config)
        case .connectToMaster, .replicate, .closeLink, .readLog, .alterSyncStateSet, .changeLog,
            .askForAnotherMaster, .askControllers, .roleChanged, .warn:
            self.performForGroup(effect)
        }
        return false
    }

    /// Reads the messages behind the answer's head, checked.
    ///
    /// A connection that has enough on its way is told to ask again from where it asked: answers
    /// gather no more than it can take.
    private func deliver(
        _ entries: [IndexEntry], _ head: PullResponse, of stretch: QueueStretch, to caller: Caller
    ) {
        guard let out = self.outgoing(caller.connection) else { return }
        let wanted = entries.reduce(0) { $0 + Int($1.size) }
        if !entries.isEmpty,
            out.bytes.readableBytes > Self.answerBytesMax || !out.connection.isWritable
                || !self.mayRead(wanted)
        {
            var later = head
            later.code = .pullRetryImmediately
            later.nextBeginOffset = stretch.first.value
            return later.encodeHead(bodyCount: 0, into: &out.bytes, as: caller.serialization)
        }
        guard !entries.isEmpty else {
            head.encodeHead(bodyCount: 0, into: &out.bytes, as: caller.serialization)
            return
        }
        var body = ByteBufferAllocator().buffer(capacity: wanted)
        var result: MessagesRead?
        body.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { room in
            let read = self.readToHandOut(entries, of: stretch, into: room)
            result = read
            return read.bytes
        }
        guard let read = result else { return }
        guard let damage = read.damage else {
            head.encodeHead(bodyCount: read.bytes, into: &out.bytes, as: caller.serialization)
            out.bytes.writeBuffer(&body)
            return
        }
        self.deliverSound(read, damage, &body, head, of: stretch, to: caller, out)
    }

    /// Reads messages that this broker hands out; each names it as its store host.
    func readToHandOut(
        _ entries: [IndexEntry], of stretch: QueueStretch? = nil,
        into room: UnsafeMutableRawBufferPointer
    ) -> MessagesRead {
        let read =
            stretch.map { self.store.readMessages(entries, of: $0, into: room) }
            ?? self.store.readMessages(entries, into: room)
        StoreHost.write(
            self.engine.settings.storeHost,
            into: UnsafeMutableRawBufferPointer(rebasing: room[..<read.bytes]))
        return read
    }

    /// Damaged bytes are never served: what lies before them is, and then an error.
    private func deliverSound(
        _ read: MessagesRead, _ damage: MessageDamage, _ body: inout ByteBuffer,
        _ head: PullResponse, of stretch: QueueStretch, to caller: Caller, _ out: Outgoing
    ) {
        self.logger.error("a stored message is damaged: \(damage)")
        self.tellEngine(of: damage)
        let behind = body.withUnsafeReadableBytes(Self.offsetBehind)
        if damage.cause == .anotherMessage {
            self.rebuildIndex(naming: behind ?? stretch.first, of: stretch.key, because: damage)
        }
        guard read.count > 0, let next = behind else {
            RemotingCommand.response(
                .systemError, to: caller.opaque,
                remark: "the message at offset \(stretch.first.value) is damaged on disk "
                    + "(\(damage)); "
                    + "to go on behind it, move the group's offset: apus group seek"
            ).encode(into: &out.bytes, as: caller.serialization)
            return
        }
        var head = head
        head.nextBeginOffset = next.value
        head.encodeHead(bodyCount: read.bytes, into: &out.bytes, as: caller.serialization)
        out.bytes.writeBuffer(&body)
    }

    private func rebuildIndex(
        naming offset: QueueOffset, of key: QueueKey, because damage: MessageDamage
    ) {
        guard let segment = self.engine.sealedSegment(of: key, at: offset) else { return }
        self.rebuildIndex(segment, because: ReadFailure(reason: "\(damage)"))
    }

    private static func offsetBehind(_ messages: UnsafeRawBufferPointer) -> QueueOffset? {
        var last: QueueOffset?
        var at = 0
        while let message = try? StoredMessageView(messages.slice(at..<messages.count)) {
            last = message.queueOffset
            at += message.size
        }
        return last?.advanced(by: 1)
    }
}

// Reads for the engine: short ones, from the page cache as a rule, so they run inline.
extension BrokerWorker {
    private func read(_ effect: Effect) {
        let now = Clock.now()
        switch effect {
        case .readEntries(let ticket, let segment, let stretch):
            self.engine.entriesRead(
                ticket,
                self.reading(segment) { try self.indexes.reader(segment).entries(stretch) },
                at: now)
        case .searchEntries(let ticket, let segment, let stretch, let time):
            self.engine.entryFound(
                ticket,
                self.reading(segment) {
                    try self.indexes.reader(segment).firstOffset(
                        in: stretch, storedAtOrAfter: time)
                }, at: now)
        case .findByKey(let ticket, let segments, let hash, let limit):
            self.engine.entriesRead(
                ticket, Self.catching { try self.find(hash, in: segments, limit: limit) }, at: now)
        case .readMessages(let ticket, let entries):
            self.engine.messagesRead(
                ticket, .success(self.soundMessages(entries)), at: now)
        case .readMessage(let ticket, let position):
            self.engine.messagesRead(
                ticket, Self.catching { try self.message(at: position) }, at: now)
        default: break
        }
    }

    /// The sound ones, as far as one answer may take them.
    private func soundMessages(_ entries: [IndexEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries where bytes.count + Int(entry.size) <= Self.queryBytesMax {
            do {
                bytes += try self.store.readMessage(entry)
            } catch {
                self.logger.error("a stored message is damaged: \(error)")
                self.tellEngine(of: error)
            }
        }
        return bytes
    }

    private static func catching<T>(_ body: () throws -> T) -> Result<T, ReadFailure> {
        do { return .success(try body()) } catch {
            return .failure(ReadFailure(reason: "\(error)"))
        }
    }

    /// A damaged index file is made anew from its segment; who asked asks again.
    private func reading<T>(
        _ segment: PhysicalOffset, _ body: () throws -> T
    ) -> Result<T, ReadFailure> {
        let result = Self.catching(body)
        if case .failure(let failure) = result { self.rebuildIndex(segment, because: failure) }
        return result
    }

    private func find(
        _ hash: UInt64, in segments: [PhysicalOffset], limit: Int
    ) throws -> [IndexEntry] {
        var found: [IndexEntry] = []
        for segment in segments where found.count < limit {
            found += try self.indexes.reader(segment).entries(keyHash: hash, limit: limit)
        }
        return Array(found.prefix(limit))
    }

    /// A message found only by its position: it must say itself that it lies there.
    private func message(at position: PhysicalOffset) throws -> [UInt8] {
        let head = try self.bytes(at: position, count: MessageLayout.bytesMin)
        let size = head.withUnsafeBytes { Int($0.bigEndian(Int32.self, at: 0)) }
        guard size >= MessageLayout.bytesMin, size <= LogBatchHeader.lengthMax else {
            throw ReadFailure(reason: "no message starts at offset \(position.bytes)")
        }
        let bytes = try self.bytes(at: position, count: size)
        let isSound = bytes.withUnsafeBytes { all in
            guard let message = try? StoredMessageView(all) else { return false }
            return message.physicalOffset == position && message.isBodyIntact
        }
        guard isSound else {
            throw ReadFailure(reason: "no message starts at offset \(position.bytes)")
        }
        return bytes
    }
}

extension BrokerWorker {
    private func bytes(at position: PhysicalOffset, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes {
            try self.store.read(position: position, count: count, into: $0)
        }
        return bytes
    }
}
