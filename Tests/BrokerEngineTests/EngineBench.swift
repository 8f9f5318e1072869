import BrokerEngine
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol

/// A broker engine on a bench: requests go in as the wire brings them, the disk is a list, and
/// nothing is durable until the test says so.
struct EngineBench {
    private(set) var engine: BrokerEngine
    private(set) var answers: [Answer] = []
    private(set) var others: [Effect] = []
    /// Everything that was handed to the writer, in order.
    private(set) var disk: [PlannedBatch] = []
    /// What the index files hold that were made.
    private var indexes: [PhysicalOffset: [SegmentContents.Run]] = [:]
    private var tick = Tick(.seconds(10))
    private var nextOpaque: Int32 = 1
    /// What is to be read stays unread while this is set.
    var isReadingHeld = false { didSet { if !self.isReadingHeld { self.readAll() } } }

    struct Answer {
        var connection: ConnectionID
        var opaque: Int32
        var code: ResponseCode
        var fields: [HeaderField]
        var remark: String?
        var entries: [IndexEntry]
        /// Messages one behind the other, where an answer to a pop carries any.
        var body: [UInt8] = []
    }

    static let wall = Timestamp(milliseconds: 1_700_000_000_000)

    static func settings(
        segmentBytes: Int = 1 << 20, _ change: (inout BrokerSettings) -> Void = { _ in }
    ) -> BrokerSettings {
        var settings = BrokerSettings()
        settings.log.segmentBytes = segmentBytes
        settings.storeHost = HostAddress(ip: [127, 0, 0, 1], port: 10911)
        change(&settings)
        return settings
    }

    /// A broker that starts on an empty disk.
    init(_ settings: BrokerSettings = EngineBench.settings()) {
        self.engine = BrokerEngine(settings: settings, logID: 1, at: Self.now(.seconds(10)))
        self.engine.recovered(to: .zero, activeSegment: nil, at: Self.now(.seconds(10)))
        self.endTurn()
        self.complete()
    }

    /// A broker that starts again on what `earlier` had handed to its disk by then, or on the first
    /// `batches` of it. Of damaged batches, by their numbers, nothing can be read.
    init(
        restarting earlier: Self, batches: Int = .max, damaged: Set<Int> = []
    ) throws {
        var earlier = earlier
        earlier.disk = Array(earlier.disk.prefix(batches))
        self.disk = earlier.disk
        let settings = earlier.engine.settings
        self.engine = BrokerEngine(settings: settings, logID: 1, at: Self.now(.seconds(10)))
        let segmentBytes = Int64(settings.log.segmentBytes)
        let last = (earlier.disk.last?.position.bytes ?? 0) / segmentBytes * segmentBytes
        for (number, batch) in earlier.disk.enumerated()
        where batch.position.bytes >= last && !damaged.contains(number) {
            try batch.bytes.withUnsafeBytes { bytes in
                let header = try LogBatchHeader(checking: bytes, at: batch.position, logID: 1)
                try self.engine.replay(bytes, header, segment: PhysicalOffset(last))
            }
        }
        self.engine.recovered(
            to: earlier.disk.last?.end ?? .zero, activeSegment: PhysicalOffset(last),
            at: Self.now(.seconds(10)))
        self.endTurn()
    }

    /// The wall clock stands at this; it goes on where `earlier` was when the broker starts again.
    mutating func setTime(since start: Duration) { self.tick = Tick(.seconds(10) + start) }

    private static func now(_ sinceStart: Duration) -> Now {
        Now(tick: Tick(sinceStart), wall: Self.wall)
    }

    private var now: Now {
        let seconds = self.tick.nanoseconds / 1_000_000 - 10_000
        return Now(
            tick: self.tick, wall: Timestamp(milliseconds: Self.wall.milliseconds + seconds))
    }

    /// Sends a request and ends the turn. Returns its opaque number.
    @discardableResult
    mutating func request(_ command: RemotingCommand, from connection: UInt64 = 1) -> Int32 {
        var command = command
        command.opaque = self.nextOpaque
        self.nextOpaque += 1
        self.receive(command, from: connection)
        return command.opaque
    }

    /// A client answers what the broker asked it.
    mutating func respond(_ answer: RemotingCommand, from connection: UInt64) {
        self.receive(answer, from: connection)
    }

    /// What the broker sent of its own, and to whom.
    var notified: [(connection: UInt64, command: RemotingCommand)] {
        self.others.compactMap { effect in
            guard case .notify(let connection, let command) = effect else { return nil }
            return (connection.value, command)
        }
    }

    private mutating func receive(_ command: RemotingCommand, from connection: UInt64) {
        var bytes = ByteBuffer()
        command.encode(into: &bytes)
        bytes.moveReaderIndex(forwardBy: 4)
        guard let received = try? ReceivedCommand(frame: bytes) else {
            preconditionFailure("our own frames parse")
        }
        self.engine.receive(
            received, from: ConnectionID(connection),
            remote: HostAddress(ip: [127, 0, 0, 1], port: 5000), at: self.now)
        self.endTurn()
    }

    /// The disk has done everything that it was given.
    mutating func complete() {
        guard let end = self.disk.last?.end else { return }
        self.written(upTo: end, durable: end)
    }

    /// The disk has done everything, and what was gathered meanwhile as well.
    mutating func settle() {
        repeat { self.complete() } while self.engine.log.hasGathered
        self.complete()
    }

    mutating func written(upTo written: PhysicalOffset, durable: PhysicalOffset) {
        self.engine.written(upTo: written, durable: durable, at: self.now)
        self.endTurn()
    }

    mutating func pass(_ time: Duration) {
        self.tick = self.tick + time
        self.engine.advance(to: self.now)
        self.endTurn()
    }

    mutating func close(_ connection: UInt64) {
        self.engine.closed(ConnectionID(connection), at: self.now)
        self.endTurn()
    }

    /// Makes the index files that were asked for.
    mutating func sealAll() {
        let effects = self.others
        self.others.removeAll { if case .seal = $0 { true } else { false } }
        var hasSealed = false
        for case .seal(let contents) in effects {
            hasSealed = true
            let youngest = contents.runs.flatMap(\.entries).map(\.storeTimestamp).max()
            self.engine.sealed(contents.base, youngest: youngest ?? Self.wall, runs: [])
        }
        self.endTurn()
        if hasSealed { self.sealAll() }
    }

    /// Makes the index files that were asked for: what they hold leaves memory.
    mutating func sealForReading() {
        let effects = self.others
        self.others.removeAll { if case .seal = $0 { true } else { false } }
        for case .seal(let contents) in effects {
            self.indexes[contents.base] = contents.runs
            let runs = contents.runs.map {
                (
                    key: $0.key,
                    run: SealedRun(
                        segment: contents.base, first: $0.first, count: $0.entries.count)
                )
            }
            self.engine.sealed(contents.base, youngest: Self.wall, runs: runs)
        }
        self.endTurn()
    }

    /// Name servers know this of every topic that was asked about.
    mutating func answerRoutes(_ route: TopicRouteData) {
        let effects = self.others
        self.others.removeAll { if case .lookUpRoute = $0 { true } else { false } }
        for case .lookUpRoute(let ticket, _) in effects {
            self.engine.routeFound(ticket, .success(route), at: self.now)
        }
        self.endTurn()
    }

    var deletedSegments: [PhysicalOffset] {
        self.others.compactMap { if case .deleteSegment(let base) = $0 { base } else { nil } }
    }

    /// The broker takes nothing more.
    mutating func refuseAll() {
        self.engine.refusal = Refusal(.serviceNotAvailable, "this broker is stopping")
    }

    mutating func setDiskUsed(_ ratio: Double) { self.engine.diskUsedRatio = ratio }

    func answer(to opaque: Int32) -> Answer? { self.answers.first { $0.opaque == opaque } }

    func field(_ name: String, of opaque: Int32) -> String? {
        self.answer(to: opaque)?.fields.first { $0.name == name }?.value
    }

    private mutating func readAll() {
        let held = self.others.filter(\.isRead)
        self.others.removeAll(where: \.isRead)
        self.perform(held[...])
    }

    private mutating func endTurn() {
        self.engine.endOfTurn()
        self.perform(self.engine.takeEffects()[...])
    }

    private mutating func perform(_ effects: ArraySlice<Effect>) {
        var effects = effects
        while let effect = effects.popFirst() {
            switch effect {
            case _ where self.isReadingHeld && effect.isRead: self.others.append(effect)
            case .readMessages(let ticket, let entries):
                let bytes = entries.flatMap { self.bytes(at: $0.position) ?? [] }
                self.engine.messagesRead(ticket, .success(bytes), at: self.now)
                self.engine.endOfTurn()
                effects += self.engine.takeEffects()
            case .readMessage(let ticket, let position):
                let read = self.bytes(at: position).map { Result<_, ReadFailure>.success($0) }
                self.engine.messagesRead(
                    ticket, read ?? .failure(ReadFailure(reason: "nothing there")), at: self.now)
                self.engine.endOfTurn()
                effects += self.engine.takeEffects()
            case .answer(let caller, let command): self.note(caller, command)
            case .answerSend(let caller, let response): self.note(caller, response.command)
            case .deliver(let caller, let head, let entries, _):
                self.note(caller, head.command, entries)
            case .deliverPopped(let caller, let head, let entries):
                var command = head.command
                command.body = entries.flatMap { self.bytes(at: $0.position) ?? [] }
                self.note(caller, command, entries)
            case .readEntries(let ticket, let segment, let stretch)
            where self.indexes[segment] != nil:
                let entries = self.entries(stretch, of: segment)
                self.engine.entriesRead(ticket, .success(entries), at: self.now)
                self.engine.endOfTurn()
                effects += self.engine.takeEffects()
            case .write(let batches, _): self.disk += batches
            default: self.others.append(effect)
            }
        }
    }

    private func entries(_ stretch: QueueStretch, of segment: PhysicalOffset) -> [IndexEntry] {
        let run = self.indexes[segment, default: []].first {
            $0.key == stretch.key && $0.first <= stretch.first && stretch.first < $0.end
        }
        guard let run else { return [] }
        return Array(
            run.entries.dropFirst(stretch.first.distance(from: run.first)).prefix(stretch.count))
    }

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

    /// What a pull answered: the messages as they lie on the disk.
    func messages<T>(of opaque: Int32, _ read: (StoredMessageView) -> T) -> [T] {
        let entries = self.answer(to: opaque)?.entries ?? []
        return entries.compactMap { entry in
            self.bytes(at: entry.position)?.withUnsafeBytes { bytes in
                (try? StoredMessageView(bytes)).map(read)
            }
        }
    }

    private mutating func note(
        _ caller: Caller, _ command: RemotingCommand, _ entries: [IndexEntry] = []
    ) {
        self.answers.append(
            Answer(
                connection: caller.connection, opaque: caller.opaque,
                code: ResponseCode(rawValue: command.code), fields: command.fields,
                remark: command.remark, entries: entries, body: command.body))
    }
}

extension Effect {
    fileprivate var isRead: Bool {
        switch self {
        case .readMessages, .readMessage, .readEntries: true
        default: false
        }
    }
}

/// Requests as clients make them.
enum Requests {
    /// As a client of somebody else sends it.
    static func foreign(_ command: RemotingCommand) -> RemotingCommand {
        var foreign = command
        foreign.language = LanguageCode(rawValue: 0)
        return foreign
    }

    static func send(
        _ body: String = "hello", topic: String = "T", queue: Int32 = 0, tag: String? = nil,
        properties: String = "", batch: [UInt8]? = nil
    ) -> RemotingCommand {
        var text = properties
        if let tag { text += "TAGS\u{1}\(tag)\u{2}" }
        return .request(
            .sendMessageV2,
            fields: [
                "a": "PG", "b": topic, "c": SystemTopic.autoCreate, "d": "4", "e": String(queue),
                "f": "0", "g": "1700000000000", "h": "0", "i": text, "j": "0", "k": "false",
                "m": batch == nil ? "false" : "true",
            ], body: batch ?? Array(body.utf8))
    }

    static func pull(
        topic: String = "T", queue: Int32 = 0, offset: Int64, max: Int32 = 32,
        hold: Int64 = 0, expression: String = "*"
    ) -> RemotingCommand {
        .request(
            .pullMessage,
            fields: [
                "consumerGroup": "CG", "topic": topic, "queueId": String(queue),
                "queueOffset": String(offset), "maxMsgNums": String(max),
                "sysFlag": hold > 0 ? "6" : "4", "commitOffset": "0",
                "suspendTimeoutMillis": String(hold), "subscription": expression,
                "subVersion": "0", "expressionType": "TAG",
            ])
    }

    static func commit(_ offset: Int64, topic: String = "T", queue: Int32 = 0) -> RemotingCommand {
        .request(
            .updateConsumerOffset,
            fields: [
                "consumerGroup": "CG", "topic": topic, "queueId": String(queue),
                "commitOffset": String(offset),
            ])
    }

    static func queryOffset(topic: String = "T", queue: Int32 = 0) -> RemotingCommand {
        .request(
            .queryConsumerOffset,
            fields: ["consumerGroup": "CG", "topic": topic, "queueId": String(queue)])
    }

    static func heartbeat(_ clientID: String, group: String = "CG") -> RemotingCommand {
        let data = HeartbeatData(
            clientID: clientID, producers: [],
            consumers: [
                ConsumerData(
                    group: group, consumeType: .passively, messageModel: .clustering,
                    consumeFromWhere: .firstOffset,
                    subscriptions: [
                        SubscriptionData(
                            topic: "T", expression: "*", expressionType: "TAG", version: 1)
                    ], unitMode: false)
            ])
        return .request(.heartBeat, body: data.encoded)
    }
}
