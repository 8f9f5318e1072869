import ClientCore
import ClientEngine
import MessageFormat

/// Who waits for what of the spool.
struct SpoolDesk: Sendable {
    typealias Admission = SpoolPlanner.Admission

    /// A send that tries a broker first.
    struct Direct: Sendable {
        var send: OutgoingSend
        var admissions: [Admission]
    }

    /// A call of the user whose messages are on their way to disk.
    struct Keeping: Sendable {
        var id: SendID
        var topic: String
        var left: Int
        var refusal: SpoolRefusal?
        /// Why it was not sent: what the user hears if it cannot be kept either.
        var failure: SendFailure?
    }

    /// A send that waits until the directory is open.
    struct Held: Sendable {
        var id: SendID
        var send: OutgoingSend
        var deadline: Duration?
    }

    let options: SpoolOptions
    /// Nil until the directory is open, and if it cannot be opened.
    var planner: SpoolPlanner?
    var problem: String?
    var held: [Held] = []
    var directs: [SendID: Direct] = [:]
    var keeping: [UInt64: Keeping] = [:]
    /// Which call each message belongs to.
    var keepingOf: [Admission: UInt64] = [:]
    var draining: [SendID: Admission] = [:]
    private var lastID: UInt64 = 1 << 63

    init(_ options: SpoolOptions) { self.options = options }

    var isOpening: Bool { self.planner == nil && self.problem == nil }

    /// What is spooled stays there until the next start.
    var isClosed = false

    var nextWakeAt: Tick? { self.isClosed ? nil : self.planner?.nextWakeAt }

    func wants(_ send: OutgoingSend) -> Bool {
        guard self.problem == nil, !send.isOneWay else { return false }
        return send.kind == .plain || send.kind == .delayed
    }

    mutating func opened(_ images: [SpoolImage], at now: Tick) {
        var settings = SpoolPlanner.Settings()
        settings.bytesMax = self.options.bytesMax
        settings.messagesMax = self.options.messagesMax
        settings.messageBytesMax = self.options.messageBytesMax
        settings.pauseMax = .seconds(1)
        self.planner = SpoolPlanner(settings, images: images, at: now)
    }

    /// Differs from every id that the producer gives.
    mutating func nextID() -> SendID {
        self.lastID += 1
        return SendID(self.lastID)
    }

    var progress: SpoolProgress {
        SpoolProgress(self.planner?.figures ?? SpoolPlanner.Progress(), problem: self.problem)
    }
}

extension SpooledMessage {
    init(
        _ message: OutgoingMessage, of send: OutgoingSend, sequence: UInt64, at now: Timestamp
    ) {
        let destination: Destination =
            switch send.placement {
            case .anyQueue: .anyQueue
            case .key(let key): .shardingKey(key)
            case .queue(let queue):
                .queue(brokerName: queue.brokerName, queueID: queue.queueID)
            }
        self.init(
            sequence: sequence, topic: send.topic, destination: destination, flag: message.flag,
            systemFlag: message.compression.rawValue, bornTimestamp: now,
            properties: message.propertiesText, body: message.body)
    }

    var send: OutgoingSend {
        let properties = MessageProperties(parsing: self.properties)
        let message = OutgoingMessage(
            body: self.body, properties: properties,
            uniqueKey: properties[PropertyName.uniqueKey] ?? "", flag: self.flag,
            compression: SystemFlag(rawValue: self.systemFlag))
        let delays = [
            PropertyName.delayLevel, PropertyName.timerDelayMilliseconds,
            PropertyName.timerDeliverAt,
        ]
        let placement: OutgoingSend.Placement =
            switch self.destination {
            case .anyQueue: .anyQueue
            case .shardingKey(let key): .key(key)
            case .queue(let brokerName, let queueID):
                .queue(
                    MessageQueue(topic: self.topic, brokerName: brokerName, queueID: queueID))
            }
        return OutgoingSend(
            topic: self.topic, messages: [message],
            kind: delays.contains { properties[$0] != nil } ? .delayed : .plain,
            placement: placement)
    }
}

extension SendResult {
    /// What the spool's rules make of it; nil for one-way messages.
    var outcome: AttemptOutcome? {
        switch self {
        case .acknowledged: .acknowledged
        case .sentOneWay: nil
        case .failed(let failure):
            failure.mayHaveBeenStored
                ? .unknown(failure.attemptFailure) : .refused(failure.attemptFailure)
        }
    }
}

extension SendFailure {
    fileprivate var attemptFailure: AttemptFailure {
        switch self.cause {
        case .attempt(let failure): failure
        case .topicNotFound:
            AttemptFailure(
                .answered(code: SendCode.topicNotExist), reason: "nobody knows the topic")
        case .noRoute: AttemptFailure(.noRoute, reason: "no broker takes it")
        case .noNameServer(let reason): AttemptFailure(.connectFailed, reason: reason)
        case .closed: AttemptFailure(.local, reason: "the producer was closed")
        }
    }
}
