import BrokerEngine
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol
import ReplicationProtocol

/// Brokers of one group on a bench: links carry what is said at once, disks are lists, and the test
/// plays the controllers.
struct GroupBench {
    struct Broker {
        var engine: BrokerEngine
        /// What the writer was given, in order.
        var disk: [PlannedBatch] = []
        /// The disk does what it is given at once.
        var isDiskFast = true
        var bodies: [Int32: [UInt8]] = [:]
        /// What is on the disk from here on cannot be read.
        var unreadableFrom: PhysicalOffset?
        var answers: [(opaque: Int32, code: ResponseCode, remark: String?, entries: Int)] = []
        var commands: [Int32: RemotingCommand] = [:]
        var proposals: [SyncStateSetProposal] = []
        var change: LogChange?
        var roles: [BrokerRole] = []
        var warnings: [String] = []
        var asksForAnother = 0
        var controllerCalls: [UInt64] = []
        var relayed: [(code: Int32, to: String)] = []
        var latestRelay: (command: ReceivedCommand, caller: Caller)?
        /// Said on links that nobody is at the other end of.
        var saidToNobody: [ReplicationMessage] = []
        /// Its end of each link → the other broker and its end.
        var links: [LinkID: (broker: Int64, link: LinkID)] = [:]

        /// The message at a position of the disk.
        func bytes(at position: PhysicalOffset) -> [UInt8]? {
            guard
                let batch = self.disk.first(where: { $0.position <= position && position < $0.end })
            else { return nil }
            let start = position.distance(from: batch.position)
            return batch.bytes[start...].withUnsafeBytes { bytes in
                (try? StoredMessageView(bytes)).map { Array($0.encoded) }
            }
        }
    }

    private(set) var brokers: [Int64: Broker] = [:]
    /// Brokers that hear nobody and are heard by nobody.
    var cutOff: Set<Int64> = []
    private var tick = Tick(.seconds(10))
    private var nextOpaque: Int32 = 1
    private var nextLink: UInt64 = 1
    private var todo: [(Int64, Effect)] = []
    private var settings: BrokerSettings

    init(_ ids: [Int64], minInSync: Int = 2, segmentBytes: Int = 1 << 20) {
        self.settings = EngineBench.settings(segmentBytes: segmentBytes)
        self.settings.group = GroupSettings(brokerID: 0, incarnation: 0)
        self.settings.group?.minInSyncReplicas = minInSync
        for id in ids { self.start(id, logID: UInt64(id)) }
    }

    subscript(id: Int64) -> Broker {
        guard let broker = self.brokers[id] else { preconditionFailure("no broker \(id)") }
        return broker
    }

    /// The wall clock goes on, too.
    var isWallRunning = false

    var now: Now {
        let elapsed = self.isWallRunning ? self.tick.nanoseconds / 1_000_000 - 10_000 : 0
        return Now(
            tick: self.tick,
            wall: Timestamp(milliseconds: EngineBench.wall.milliseconds + elapsed))
    }

    /// Broker 1 is master of epoch 1, and all of them are in its SyncStateSet.
    static func inStep(
        _ ids: [Int64], minInSync: Int = 2, segmentBytes: Int = 1 << 20
    ) -> GroupBench {
        var group = GroupBench(ids, minInSync: minInSync, segmentBytes: segmentBytes)
        group.view(master: 1, epoch: 1, set: [1], setEpoch: 1)
        for id in ids.dropFirst() {
            guard case .startOver(let logID, _, let start) = group[id].change else { continue }
            group.start(id, logID: logID, at: start)
            group.view(to: [id], master: 1, epoch: 1, set: [1], setEpoch: 1)
        }
        group.view(master: 1, epoch: 1, set: ids, setEpoch: 2)
        return group
    }

    /// A broker that starts with an empty disk.
    mutating func start(_ id: Int64, logID: UInt64, at base: PhysicalOffset = .zero) {
        var engine = BrokerEngine(settings: self.settings(of: id), logID: logID, at: self.now)
        engine.recovered(to: base, activeSegment: nil, at: self.now)
        self.brokers[id] = Broker(engine: engine)
    }

    private func settings(of id: Int64) -> BrokerSettings {
        var settings = self.settings
        settings.group?.brokerID = id
        settings.group?.incarnation = UInt64(id) * 100 + UInt64(self.nextLink)
        return settings
    }

    /// The broker's process dies and comes again on the first `batches` batches of its disk.
    mutating func restart(
        _ id: Int64, keeping batches: Int? = nil, confirmedAtLeast: PhysicalOffset = .zero
    ) throws {
        let old = self[id]
        self.kill(id)
        self.nextLink += 1
        var settings = self.settings(of: id)
        settings.group?.confirmedAtLeast = confirmedAtLeast
        let disk = Array(old.disk.prefix(batches ?? old.disk.count))
        let logID = old.engine.log.logID
        var engine = BrokerEngine(settings: settings, logID: logID, at: self.now)
        let bytes = Int64(settings.log.segmentBytes)
        let last = (disk.last?.position.bytes ?? 0) / bytes * bytes
        for batch in disk where batch.position.bytes >= last {
            try batch.bytes.withUnsafeBytes { all in
                var at = 0
                while at < all.count {
                    let header = try LogBatchHeader(
                        checking: UnsafeRawBufferPointer(rebasing: all[at...]),
                        at: batch.position.advanced(by: at), logID: logID)
                    try engine.replay(
                        UnsafeRawBufferPointer(rebasing: all[at..<(at + header.length)]), header,
                        segment: PhysicalOffset(last))
                    at += header.paddedLength
                }
            }
        }
        engine.recovered(
            to: disk.last?.end ?? .zero,
            activeSegment: disk.isEmpty ? nil : PhysicalOffset(last), at: self.now)
        self.brokers[id] = Broker(engine: engine, disk: disk)
    }

    /// The broker's process is gone: its links close.
    mutating func kill(_ id: Int64) {
        for (_, other) in self[id].links {
            self.brokers[other.broker]?.links[other.link] = nil
            self.input(other.broker) { $0.linkClosed(other.link, at: $1) }
        }
        self.brokers[id] = nil
        self.run()
    }

    /// The controllers committed this.
    mutating func view(
        to ids: [Int64]? = nil, master: Int64?, epoch: UInt32, set: [Int64], setEpoch: Int32,
        incarnation: UInt64? = nil
    ) {
        let view = self.groupView(master, epoch, set, setEpoch, incarnation)
        for id in ids ?? self.brokers.keys.sorted() {
            self.input(id) { $0.groupView(view, at: $1) }
        }
        self.run()
    }

    /// The controllers answer what the broker asked them last.
    mutating func controllersSay(
        to id: Int64, master: Int64?, epoch: UInt32, set: [Int64], setEpoch: Int32
    ) {
        guard let call = self[id].controllerCalls.last else { return }
        let view = self.groupView(master, epoch, set, setEpoch)
        self.input(id) { $0.controllersSaid(view, call: call, at: $1) }
        self.run()
    }

    private func groupView(
        _ master: Int64?, _ epoch: UInt32, _ set: [Int64], _ setEpoch: Int32,
        _ incarnation: UInt64? = nil
    ) -> GroupView {
        GroupView(
            masterBrokerID: master, masterAddress: "b\(master ?? 0)",
            masterReplicationAddress: "\(master ?? 0)", masterEpoch: Epoch(epoch),
            masterIncarnation: incarnation
                ?? master.flatMap { self.brokers[$0]?.engine.settings.group?.incarnation } ?? 0,
            syncStateSet: set, syncStateSetEpoch: setEpoch)
    }

    mutating func input(_ id: Int64, _ body: (inout BrokerEngine, Now) -> Void) {
        guard self.brokers[id] != nil else { return }
        let now = self.now
        body(&self.brokers[id]!.engine, now)
        self.endTurn(id)
    }

    @discardableResult
    mutating func request(_ command: RemotingCommand, at id: Int64) -> Int32 {
        var command = command
        command.opaque = self.nextOpaque
        self.nextOpaque += 1
        var bytes = ByteBuffer()
        command.encode(into: &bytes)
        bytes.moveReaderIndex(forwardBy: 4)
        guard let received = try? ReceivedCommand(frame: bytes) else {
            preconditionFailure("our own frames parse")
        }
        self.input(id) {
            $0.receive(
                received, from: ConnectionID(1),
                remote: HostAddress(ip: [127, 0, 0, 1], port: 5000), at: $1)
        }
        self.run()
        return command.opaque
    }

    func code(of opaque: Int32, at id: Int64) -> ResponseCode? {
        self.brokers[id]?.answers.first { $0.opaque == opaque }?.code
    }

    mutating func spoilDisk(_ id: Int64, from position: PhysicalOffset = .zero) {
        self.brokers[id]?.unreadableFrom = position
    }

    /// The disk said that it wrote this batch, and has nothing in its place.
    mutating func lose(_ batch: PlannedBatch, of id: Int64) {
        self.brokers[id]?.disk.removeAll { $0.position == batch.position }
    }

    mutating func slowDisk(_ id: Int64) { self.brokers[id]?.isDiskFast = false }

    /// The disk does everything that it was given.
    mutating func complete(_ id: Int64) {
        guard let end = self[id].disk.last?.end else { return }
        self.input(id) { $0.written(upTo: end, durable: end, at: $1) }
        self.run()
    }

    mutating func pass(_ time: Duration) {
        var left = time
        while left > .zero {
            let step = min(left, .milliseconds(50))
            left -= step
            self.tick = self.tick + step
            for id in self.brokers.keys.sorted() { self.input(id) { $0.advance(to: $1) } }
            self.run()
        }
    }

    /// The bytes of a broker's log, from its first batch on.
    func log(_ id: Int64) -> [UInt8] { self[id].disk.flatMap(\.bytes) }
}

// The shells: links, disks and controllers as far as engines notice them.
extension GroupBench {
    private mutating func endTurn(_ id: Int64) {
        self.brokers[id]?.engine.endOfTurn()
        self.todo += (self.brokers[id]?.engine.takeEffects() ?? []).map { (id, $0) }
    }

    mutating func run() {
        var steps = 0
        while !self.todo.isEmpty {
            let (id, effect) = self.todo.removeFirst()
            self.perform(effect, of: id)
            steps += 1
            precondition(steps < 100_000, "the engines talk for ever")
        }
    }

    private mutating func perform(_ effect: Effect, of id: Int64) {
        guard self.brokers[id] != nil else { return }
        switch effect {
        case .answer(let caller, let command): self.note(id, caller, command, 0)
        case .answerSend(let caller, let response): self.note(id, caller, response.command, 0)
        case .deliver(let caller, let head, let entries, _):
            self.note(id, caller, head.command, entries.count)
        case .deliverPopped(let caller, let head, let entries):
            var command = head.command
            command.body = entries.flatMap { self[id].bytes(at: $0.position) ?? [] }
            self.note(id, caller, command, entries.count)
        case .write(let batches, _):
            self.brokers[id]?.disk += batches
            if self[id].isDiskFast, let end = batches.last?.end {
                self.input(id) { $0.written(upTo: end, durable: end, at: $1) }
            }
        case .connectToMaster(let address, let link): self.connect(id, link, to: address)
        case .replicate(let link, let message): self.carry(message, from: id, link)
        case .closeLink(let link): self.close(id, link)
        case .readLog(let link, let from, let end, let bytesMax):
            let result = Result { () throws(ReadFailure) in
                try self.read(id, from: from, end: end, bytesMax: bytesMax)
            }
            self.input(id) { $0.logRead(link, result, at: $1) }
        case .keepSegments(.lend(let link, let range, let bytesMax)):
            let result = Result { () throws(ReadFailure) in
                try self.read(id, from: range.lowerBound, end: range.upperBound, bytesMax: bytesMax)
            }
            self.input(id) { $0.segmentWorkDone(.lent(link, range, result), at: $1) }
        case .alterSyncStateSet(let proposal): self.brokers[id]?.proposals.append(proposal)
        case .changeLog(let change): self.brokers[id]?.change = change
        case .roleChanged(let role): self.brokers[id]?.roles.append(role)
        case .relay(let caller, let command, let master):
            self.brokers[id]?.relayed.append((command.code, master))
            self.brokers[id]?.latestRelay = (command, caller)
        case .askControllers(let call): self.brokers[id]?.controllerCalls.append(call)
        case .askForAnotherMaster: self.brokers[id]?.asksForAnother += 1
        case .warn(let text): self.brokers[id]?.warnings.append(text)
        case .readMessage(let ticket, let position):
            let read = self[id].bytes(at: position).map { Result<_, ReadFailure>.success($0) }
            self.input(id) {
                $0.messagesRead(
                    ticket, read ?? .failure(ReadFailure(reason: "nothing there")), at: $1)
            }
        case .readMessages(let ticket, let entries):
            let bytes = entries.flatMap { self[id].bytes(at: $0.position) ?? [] }
            self.input(id) { $0.messagesRead(ticket, .success(bytes), at: $1) }
        default: break
        }
    }

    private mutating func note(
        _ id: Int64, _ caller: Caller, _ command: RemotingCommand, _ entries: Int
    ) {
        self.brokers[id]?.commands[caller.opaque] = command
        self.brokers[id]?.bodies[caller.opaque] = command.body
        self.brokers[id]?.answers.append(
            (caller.opaque, ResponseCode(rawValue: command.code), command.remark, entries))
    }

    private mutating func connect(_ id: Int64, _ link: LinkID, to address: String) {
        guard let other = Int64(address), self.brokers[other] != nil,
            self.cutOff.isDisjoint(with: [id, other])
        else {
            return self.input(id) { $0.linkClosed(link, at: $1) }
        }
        let otherEnd = LinkID(value: self.nextLink)
        self.nextLink += 1
        self.brokers[id]?.links[link] = (other, otherEnd)
        self.brokers[other]?.links[otherEnd] = (id, link)
        self.input(other) { $0.linkOpened(otherEnd, isOutgoing: false, at: $1) }
        self.input(id) { $0.linkOpened(link, isOutgoing: true, at: $1) }
    }

    private mutating func carry(_ message: ReplicationMessage, from id: Int64, _ link: LinkID) {
        guard let other = self[id].links[link] else {
            self.brokers[id]?.saidToNobody.append(message)
            return
        }
        guard self.cutOff.isDisjoint(with: [id, other.broker]) else { return }
        self.input(other.broker) { $0.linkReceived(other.link, message, at: $1) }
    }

    private mutating func close(_ id: Int64, _ link: LinkID) {
        guard let other = self.brokers[id]?.links.removeValue(forKey: link) else { return }
        self.brokers[other.broker]?.links[other.link] = nil
        self.input(id) { $0.linkClosed(link, at: $1) }
        guard self.cutOff.isDisjoint(with: [id, other.broker]) else { return }
        self.input(other.broker) { $0.linkClosed(other.link, at: $1) }
    }

    private func read(
        _ id: Int64, from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int
    ) throws(ReadFailure) -> LogRead {
        let disk = self[id].disk
        if let spoilt = self[id].unreadableFrom, from >= spoilt {
            throw ReadFailure(reason: "wrong checksum")
        }
        if disk.contains(where: { $0.position < from && from < $0.end }) {
            throw ReadFailure(reason: "no sound batch")
        }
        guard let first = disk.first(where: { $0.position >= from }), first.end <= end else {
            return LogRead(bytes: [], position: from, next: end)
        }
        guard first.position == from else {
            return LogRead(bytes: [], position: from, next: first.position)
        }
        return LogRead(bytes: first.bytes, position: from, next: first.end)
    }
}
