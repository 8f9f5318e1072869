import ClientCore
import ClientEngine
import MessageFormat

/// What the clients of a run did and saw.
final class History {
    /// Where a message was said to lie.
    struct Place: Hashable, Comparable {
        let brokerName: String
        let queueID: Int32
        let offset: Int64

        static func < (left: Self, right: Self) -> Bool {
            (left.brokerName, left.queueID, left.offset)
                < (right.brokerName, right.queueID, right.offset)
        }
    }

    fileprivate struct GroupQueue: Hashable {
        let group: String
        let queue: MessageQueue
    }

    struct Send {
        var attempts = 0
        /// Attempts that ended with the certainty that nothing was stored.
        var refused = 0
        var acknowledged: [Place] = []
    }

    private let world: World
    private var lastValue: UInt64 = 0
    private(set) var sends: [UInt64: Send] = [:]
    /// Which message was seen or acknowledged at a place: it never changes.
    private(set) var known: [Place: UInt64] = [:]
    private(set) var seen: Set<Place> = []
    private var stored: [GroupQueue: StoredOffsets] = [:]

    init(world: World) { self.world = world }

    var acknowledgedCount: Int { self.sends.values.count { !$0.acknowledged.isEmpty } }

    // MARK: Producers

    func newValue(of producer: Int) -> UInt64 {
        self.lastValue += 1
        self.sends[self.lastValue] = Send()
        return self.lastValue
    }

    func attempted(_ value: UInt64) { self.sends[value]?.attempts += 1 }

    func answered(_ value: UInt64, _ answer: SendAnswer, queue: MessageQueue, at time: Int64) {
        switch answer {
        case .acknowledged(let acknowledgement):
            let place = Place(
                brokerName: queue.brokerName, queueID: acknowledgement.queueID,
                offset: acknowledgement.queueOffset.value)
            self.sends[value]?.acknowledged.append(place)
            self.learn(value, at: place, by: "an acknowledgement")
        case .failed(let outcome):
            if !outcome.mayHaveBeenStored { self.sends[value]?.refused += 1 }
        }
    }

    // MARK: Consumers

    func saw(_ message: InboundMessage, by name: String) {
        guard message.isBodyIntact, let value = Self.value(in: message.body) else {
            return self.world.violated(.nothingIsMadeUp, "\(name) got a damaged message")
        }
        let place = Place(
            brokerName: message.queue.brokerName, queueID: message.queue.queueID,
            offset: message.queueOffset.value)
        self.seen.insert(place)
        self.learn(value, at: place, by: name)
    }

    func learn(_ value: UInt64, at place: Place, by name: String) {
        guard self.sends[value] != nil else {
            return self.world.violated(.nothingIsMadeUp, "\(name) knows of \(value) at \(place)")
        }
        let earlier = self.known.updateValue(value, forKey: place)
        guard let earlier, earlier != value else { return }
        self.world.violated(
            .seenMeansKept, "\(place) held \(earlier), and \(name) says that it holds \(value)")
    }

    func moved(_ request: QueuePull, to next: QueueOffset) {
        guard next < request.offset else { return }
        self.world.violated(
            .offsetsNeverRewind,
            "a consumer of \(request.queue) at \(request.offset.value) was sent back to "
                + "\(next.value)")
    }

    // MARK: Offsets

    struct OffsetWrite {
        fileprivate let of: GroupQueue
        fileprivate let id: StoredOffsets.WriteID
    }

    struct OffsetQuestion {
        fileprivate let of: GroupQueue
        fileprivate let id: StoredOffsets.QuestionID
    }

    func commitSent(_ group: String, _ queue: MessageQueue, _ offset: Int64) -> OffsetWrite {
        let key = GroupQueue(group: group, queue: queue)
        return OffsetWrite(of: key, id: self.stored[key, default: StoredOffsets()].sent(offset))
    }

    /// An operator wants the group elsewhere.
    func resetSent(_ group: String, _ queue: MessageQueue, _ offset: Int64) -> OffsetWrite {
        let key = GroupQueue(group: group, queue: queue)
        let id = self.stored[key, default: StoredOffsets()].sent(offset, isReset: true)
        return OffsetWrite(of: key, id: id)
    }

    func acknowledged(_ write: OffsetWrite) { self.stored[write.of]?.acknowledged(write.id) }

    /// The broker has answered, but promises nothing.
    func answered(_ write: OffsetWrite) { self.stored[write.of]?.answered(write.id) }

    /// A consumer was sent there.
    func wasReset(_ group: String, _ queue: MessageQueue, to offset: Int64) {
        self.stored[GroupQueue(group: group, queue: queue)]?.wasReset(to: offset)
    }

    func askedOffset(_ group: String, _ queue: MessageQueue) -> OffsetQuestion {
        let key = GroupQueue(group: group, queue: queue)
        return OffsetQuestion(of: key, id: self.stored[key, default: StoredOffsets()].asked())
    }

    func answered(_ question: OffsetQuestion, _ offset: Int64?) {
        guard let floor = self.stored[question.of]?.floor(question.id), offset ?? -1 < floor else {
            return
        }
        self.world.violated(
            .offsetsNeverRewind,
            "the group's offset on \(question.of.queue) is "
                + "\(offset.map(String.init) ?? "unknown"), it was acknowledged as \(floor)")
    }
}

extension History {
    static func body(of value: UInt64, filler: Int) -> [UInt8] {
        Array("v\(value):".utf8) + [UInt8](repeating: UInt8(97 + value % 26), count: filler)
    }

    static func value(in body: [UInt8]) -> UInt64? {
        guard body.first == UInt8(ascii: "v"), let colon = body.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return UInt64(String(decoding: body[1..<colon], as: UTF8.self))
    }
}
