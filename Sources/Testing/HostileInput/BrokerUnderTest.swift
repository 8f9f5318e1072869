import HostileBytes
package import BrokerEngine
import DeliveryCore
import LogCore
import MessageFormat
import NIOCore
package import RemotingProtocol

/// A broker engine whose disk is a list and always done.
package struct BrokerUnderTest {
    package static let logID: UInt64 = 1
    static let wall = Timestamp(milliseconds: 1_700_000_000_000)
    private static let segmentBytes = 1 << 20

    package private(set) var engine: BrokerEngine
    /// The code of the last answer.
    package private(set) var lastAnswer: ResponseCode?
    private(set) var disk: [PlannedBatch] = []
    private var tick = Tick(.seconds(10))

    package init() {
        self.engine = Self.engine
        self.engine.recovered(to: .zero, activeSegment: nil, at: self.now)
        self.endTurn()
    }

    private static var engine: BrokerEngine {
        var settings = BrokerSettings()
        settings.log.segmentBytes = Self.segmentBytes
        settings.storeHost = HostAddress(ip: [127, 0, 0, 1], port: 10911)
        let start = Now(tick: Tick(.seconds(10)), wall: Self.wall)
        return BrokerEngine(settings: settings, logID: Self.logID, at: start)
    }

    /// What a broker writes that is asked all this.
    static func written(by requests: [RemotingCommand]) -> [PlannedBatch] {
        var broker = Self()
        for (number, request) in requests.enumerated() {
            var request = request
            request.opaque = Int32(number)
            broker.receive(request)
        }
        return broker.disk
    }

    private var now: Now {
        let passed = self.tick.nanoseconds / 1_000_000 - 10_000
        return Now(
            tick: self.tick, wall: Timestamp(milliseconds: Self.wall.milliseconds + passed))
    }

    package mutating func receive(_ request: RemotingCommand) {
        self.lastAnswer = nil
        let connection = ConnectionID(value: UInt64(request.opaque & 3))
        self.engine.receive(
            request.received, from: connection, remote: HostAddress(ip: [127, 0, 0, 1], port: 5),
            at: self.now)
        self.endTurn()
        if request.opaque & 7 == 7 { self.engine.closed(connection, at: self.now) }
        self.pass(.milliseconds(50))
    }

    package mutating func pass(_ time: Duration) {
        self.tick = self.tick + time
        self.engine.advance(to: self.now)
        self.endTurn()
    }

    /// Names of topics and groups that are kept and that nobody may have.
    package var badNames: [String] {
        self.engine.delivery.topics.all.map(\.name)
            .filter { ResourceName.problem(withTopic: $0) != nil }
            + self.engine.delivery.groups.all.map(\.name)
            .filter { ResourceName.problem(withGroup: $0) != nil }
    }

    /// Whether the next start understands what the disk has.
    package var canRestart: Bool {
        let last = (self.disk.last?.position.bytes ?? 0) / Int64(Self.segmentBytes)
        let segment = PhysicalOffset(last * Int64(Self.segmentBytes))
        var engine = Self.engine
        for batch in self.disk where batch.position >= segment {
            let isUnderstood = batch.bytes.withUnsafeBytes { bytes in
                guard
                    let header = try? LogBatchHeader(
                        checking: bytes, at: batch.position, logID: Self.logID)
                else { return false }
                return (try? engine.replay(bytes, header, segment: segment)) != nil
            }
            if !isUnderstood { return false }
        }
        engine.recovered(to: self.disk.last?.end ?? .zero, activeSegment: segment, at: self.now)
        return true
    }
}

// Doing what the engine decided.
extension BrokerUnderTest {
    private mutating func endTurn() {
        for _ in 0..<1_000 {
            self.engine.endOfTurn()
            let effects = self.engine.takeEffects()
            if effects.isEmpty { return }
            for effect in effects { self.perform(effect) }
        }
        demand(false, "a broker comes to rest")
    }

    private mutating func perform(_ effect: Effect) {
        switch effect {
        case .write(let batches, _): self.write(batches)
        case .answer(let caller, let answer):
            self.lastAnswer = ResponseCode(rawValue: answer.code)
            answer.mustBeReadable(as: caller.serialization)
        case .notify(_, let command): command.mustBeReadable(as: .json)
        case .answerSend(_, let response):
            self.lastAnswer = ResponseCode(rawValue: response.command.code)
            response.command.mustBeReadable(as: .json)
        case .readMessages(let ticket, let entries):
            let bytes = entries.flatMap { self.message(at: $0.position) ?? [] }
            self.engine.messagesRead(ticket, .success(bytes), at: self.now)
        case .readMessage(let ticket, let position):
            let bytes = self.message(at: position).map { Result<_, ReadFailure>.success($0) }
            self.engine.messagesRead(
                ticket, bytes ?? .failure(ReadFailure(reason: "nothing there")), at: self.now)
        case .readEntries(let ticket, _, _), .findByKey(let ticket, _, _, _):
            self.engine.entriesRead(
                ticket, .failure(ReadFailure(reason: "not here")), at: self.now)
        case .searchEntries(let ticket, _, _, _):
            self.engine.entryFound(
                ticket, .failure(ReadFailure(reason: "not here")), at: self.now)
        case .lookUpRoute(let ticket, _):
            self.engine.routeFound(
                ticket, .failure(ReadFailure(reason: "not here")), at: self.now)
        default: break
        }
    }

    private mutating func write(_ batches: [PlannedBatch]) {
        self.disk += batches
        guard let end = batches.last?.end else { return }
        self.engine.written(upTo: end, durable: end, at: self.now)
    }

    private func message(at position: PhysicalOffset) -> [UInt8]? {
        guard
            let batch = self.disk.first(where: { $0.position <= position && position < $0.end })
        else { return nil }
        return batch.bytes[position.distance(from: batch.position)...].withUnsafeBytes { bytes in
            (try? StoredMessageView(bytes)).map { Array($0.encoded) }
        }
    }
}
