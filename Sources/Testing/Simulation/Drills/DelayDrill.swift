import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import NIOCore
import RemotingProtocol

/// Very many delayed messages at one broker, on virtual time: each must be delivered once and on
/// time, also when the broker starts again in the middle.
package struct DelayDrill {
    package struct Settings: Sendable {
        package var messages = 1_000_000
        /// Their times are spread over so long.
        package var over: Duration = .seconds(600)
        /// How often time goes on.
        package var step: Duration = .milliseconds(100)
        package var segmentBytes = 64 << 20
        package var windowMax = DelaySettings().windowMax
        package var scanChunk = DelaySettings().scanChunk
        package var seed: UInt64 = 1

        package init() {}
    }

    package struct Report: Sendable {
        package var messages = 0
        package var delivered = 0
        package var tooEarly = 0
        package var twice = 0
        /// From a message's time until a consumer could have it.
        package var latest: Duration = .zero
        /// What waited when the last one was sent, and when the broker had started again.
        package var pendingAtFirst = Int64(0)
        package var pendingAfterRestart = Int64(0)
        package var expectedAfterRestart = Int64(0)
        /// Delayed messages that the broker had in memory, at most.
        package var inMemoryMax = 0
        package var stillPending = Int64(0)
        package var logBytes = Int64(0)

        package var isGood: Bool {
            self.delivered == self.messages && self.tooEarly == 0 && self.twice == 0
                && self.latest <= .seconds(1)
                && self.stillPending == 0 && self.pendingAfterRestart == self.expectedAfterRestart
        }

        package var text: String {
            """
            \(self.delivered) of \(self.messages) delivered, \(self.tooEarly) too early, \
            \(self.twice) twice; the latest \(self.latest / .milliseconds(1)) ms after its time
            pending: \(self.pendingAtFirst) at first, \(self.pendingAfterRestart) after the restart \
            (\(self.expectedAfterRestart) expected), \(self.stillPending) in the end
            in memory at most \(self.inMemoryMax) of them; the log has \(self.logBytes >> 20) MiB
            """
        }
    }

    private static let topic = "drill"
    private static let wall = Timestamp(milliseconds: 1_700_000_000_000)
    private static let sentTogether = 256
    private static let sentPerStep = 8_192
    /// After the last time, for what is late.
    private static let patience: Duration = .seconds(5)

    private let settings: Settings
    private let store: VirtualLogStore
    private var engine: BrokerEngine
    private var random: SeededGenerator
    private var tick = Tick(.seconds(10))
    private var nextOpaque: Int32 = 1
    private var nextOffset = Int64(0)
    private var hasMore = false
    /// When each message is due, in milliseconds since 1970; negative: it was delivered.
    private var dues: [Int64] = []
    private var report = Report()

    package init(_ settings: Settings) {
        self.settings = settings
        self.random = SeededGenerator(seed: settings.seed)
        self.store = VirtualLogStore(
            directory: "drill", logID: 1, segmentBytes: settings.segmentBytes)
        self.engine = Self.engine(settings, at: Now(tick: self.tick, wall: Self.wall))
        self.engine.recovered(
            to: .zero, activeSegment: nil, at: Now(tick: self.tick, wall: Self.wall))
    }

    private static func engine(_ settings: Settings, at now: Now) -> BrokerEngine {
        var broker = BrokerSettings()
        broker.log.segmentBytes = settings.segmentBytes
        broker.storeHost = HostAddress(ip: [127, 0, 0, 1], port: 10911)
        broker.delivery.delays.windowMax = settings.windowMax
        broker.delivery.delays.scanChunk = settings.scanChunk
        return BrokerEngine(settings: broker, logID: 1, at: now)
    }

    package mutating func run() throws -> Report {
        self.turn()
        self.sendAll()
        self.report.pendingAtFirst = self.engine.delivery.delays.pendingCount
        let middle = self.tick + self.settings.over / 2
        let end = self.tick + self.settings.over + Self.patience
        while self.tick < middle { self.goOn() }
        try self.restart()
        while self.tick < end { self.goOn() }
        self.report.messages = self.settings.messages
        self.report.stillPending = self.engine.delivery.delays.pendingCount
        self.report.logBytes = self.store.segmentBases.reduce(0) {
            $0 + Int64(self.store.segments[$1]?.bytes.count ?? 0)
        }
        return self.report
    }

    private var now: Now {
        let milliseconds = self.tick.nanoseconds / 1_000_000 - 10_000
        return Now(
            tick: self.tick, wall: Timestamp(milliseconds: Self.wall.milliseconds + milliseconds))
    }

    /// The first is due when all have been sent.
    private mutating func sendAll() {
        let sending = self.settings.step * (self.settings.messages / Self.sentPerStep + 2)
        let first = Self.wall.milliseconds + Int64(sending / .milliseconds(1))
        let over = UInt64(self.settings.over / .milliseconds(1))
        self.dues = (0..<self.settings.messages).map { _ in
            first + Int64(self.random.next() % over)
        }
        for number in 0..<self.settings.messages {
            self.receive(self.send(number))
            if number % Self.sentTogether == Self.sentTogether - 1 { self.turn() }
            if number % Self.sentPerStep == Self.sentPerStep - 1 { self.goOn() }
        }
        self.turn()
    }

    private func send(_ number: Int) -> RemotingCommand {
        .request(
            .sendMessageV2,
            fields: [
                "a": "PG", "b": Self.topic, "c": SystemTopic.autoCreate, "d": "4", "e": "0",
                "f": "0", "g": String(self.now.wall.milliseconds), "h": "0",
                "i": "\(PropertyName.timerDeliverAt)\u{1}\(self.dues[number])\u{2}", "j": "0",
                "k": "false", "m": "false",
            ], body: Array(String(number).utf8))
    }

    private mutating func receive(_ command: RemotingCommand) {
        var command = command
        command.opaque = self.nextOpaque
        self.nextOpaque &+= 1
        guard let received = ReceivedCommand.unframed(command.framed) else {
            preconditionFailure("our own frames parse")
        }
        self.engine.receive(
            received, from: ConnectionID(1), remote: HostAddress(ip: [127, 0, 0, 1], port: 5000),
            at: self.now)
    }

    /// Some time passes; then a consumer takes what has come.
    private mutating func goOn() {
        self.tick = self.tick + self.settings.step
        self.engine.advance(to: self.now)
        self.turn()
        self.report.inMemoryMax = max(
            self.report.inMemoryMax, self.engine.delivery.delays.windowCount)
        repeat {
            self.hasMore = false
            self.receive(self.pull)
            self.turn()
        } while self.hasMore
    }

    private var pull: RemotingCommand {
        .request(
            .pullMessage,
            fields: [
                "consumerGroup": "CG", "topic": Self.topic, "queueId": "0",
                "queueOffset": String(self.nextOffset), "maxMsgNums": "1024", "sysFlag": "4",
                "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*",
                "subVersion": "0", "expressionType": "TAG",
            ])
    }

    private mutating func restart() throws {
        self.report.expectedAfterRestart = Int64(self.dues.count { $0 >= 0 })
        self.engine = Self.engine(self.settings, at: self.now)
        try LogRecovery(source: self.store) { _ in }.run(&self.engine, at: self.now)
        self.report.pendingAfterRestart = self.engine.delivery.delays.pendingCount
        self.turn()
    }
}

// What the engine asks for.
extension DelayDrill {
    /// Ends a turn; the disk is done at once with what it is given.
    private mutating func turn() {
        self.engine.endOfTurn()
        var effects = self.engine.takeEffects()
        while !effects.isEmpty {
            for effect in effects { self.perform(effect) }
            self.engine.endOfTurn()
            effects = self.engine.takeEffects()
        }
    }

    private mutating func perform(_ effect: Effect) {
        switch effect {
        case .write(let batches, _): self.write(batches)
        case .deliver(_, _, let entries, let stretch): self.take(entries, from: stretch.first)
        case .readMessages(let ticket, let entries):
            let bytes = entries.flatMap { self.store.message($0) ?? [] }
            self.engine.messagesRead(ticket, .success(bytes), at: self.now)
        case .readEntries(let ticket, let segment, let stretch):
            let read = Result { try self.entries(of: segment, stretch) }
                .mapError { ReadFailure(reason: "\($0)") }
            self.engine.entriesRead(ticket, read, at: self.now)
        case .seal(let contents): self.seal(contents)
        default: break
        }
    }

    private mutating func write(_ batches: [PlannedBatch]) {
        for batch in batches { self.store.write(batch.bytes, at: batch.position) }
        self.store.flush()
        if let end = batches.last?.end {
            self.engine.written(upTo: end, durable: end, at: self.now)
        }
    }

    private func entries(
        of segment: PhysicalOffset, _ stretch: QueueStretch
    ) throws -> [IndexEntry] {
        guard let reader = try self.store.index(of: segment) else {
            throw ReadFailure(reason: "no index of \(segment.bytes)")
        }
        return try reader.entries(stretch)
    }

    private mutating func seal(_ contents: SegmentContents) {
        guard let segment = try? SealedSegment(sealing: contents, in: self.store) else {
            return self.engine.sealingFailed(contents.base, at: self.now)
        }
        self.engine.sealed(contents.base, youngest: segment.youngest, runs: segment.runs)
    }

    private mutating func take(_ entries: [IndexEntry], from offset: QueueOffset) {
        self.nextOffset = offset.value + Int64(entries.count)
        self.hasMore = !entries.isEmpty
        for entry in entries {
            self.store.message(entry)?.withUnsafeBytes { bytes in
                guard let message = try? StoredMessageView(bytes),
                    let number = Int(String(decoding: message.body, as: UTF8.self)),
                    self.dues.indices.contains(number)
                else { return }
                self.delivered(number)
            }
        }
    }

    private mutating func delivered(_ number: Int) {
        let due = self.dues[number]
        guard due >= 0 else {
            self.report.twice += 1
            return
        }
        self.dues[number] = -1
        self.report.delivered += 1
        let late = self.now.wall.milliseconds - due
        if late < 0 { self.report.tooEarly += 1 }
        self.report.latest = max(self.report.latest, .milliseconds(late))
    }
}
