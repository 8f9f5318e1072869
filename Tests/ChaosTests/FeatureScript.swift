import Chaos
import MessageFormat

/// Writes small histories of one feature's workload: one queue, messages by number, times in
/// milliseconds.
struct FeatureScript {
    static let run = "r1"
    static let topic = "orders"

    let feature: Feature
    var events: [HistoryEvent] = []

    init(_ feature: Feature) { self.feature = feature }

    static func queue(_ topic: String = Self.topic) -> MessageQueue {
        MessageQueue(topic: topic, brokerName: "broker-a", queueID: 0)
    }

    static func place(_ offset: Int64, _ topic: String = Self.topic) -> QueuePosition {
        QueuePosition(Self.queue(topic), QueueOffset(offset))
    }

    static func id(_ number: Int64) -> ValueID {
        ValueID(client: "\(Self.run)-p0", sequence: number, attempt: 1)
    }

    static func member(_ name: String) -> Member { Member(consumer: name, group: "readers") }

    static func tick(_ milliseconds: Int64) -> Tick { Tick(nanoseconds: milliseconds * 1_000_000) }

    mutating func add(_ milliseconds: Int64, _ kind: HistoryEvent.Kind) {
        self.events.append(HistoryEvent(at: Self.tick(milliseconds), kind))
    }

    /// Acknowledged two milliseconds later.
    mutating func send(
        _ number: Int64, at milliseconds: Int64, _ wish: Wish? = nil,
        _ outcome: SendOutcome = .acknowledged
    ) {
        let id = Self.id(number)
        if let wish { self.add(milliseconds, .wished(id, wish)) }
        self.add(milliseconds, .sendStarted(id, topic: Self.topic))
        self.add(
            milliseconds + 2,
            .sendEnded(
                id, outcome, status: "TEST", outcome == .acknowledged ? Self.place(number) : nil))
    }

    /// By default at the place that has its number.
    mutating func receive(
        _ number: Int64, at milliseconds: Int64, by name: String = "c0",
        _ place: QueuePosition? = nil, times: Int32 = 0
    ) {
        self.add(
            milliseconds,
            .received(
                Reception(
                    member: Self.member(name), position: place ?? Self.place(number),
                    content: .value(Self.id(number)), reconsumeTimes: times)))
    }

    mutating func treat(
        _ number: Int64, at milliseconds: Int64, by name: String = "c0", _ treatment: Treatment,
        _ place: QueuePosition? = nil
    ) {
        self.add(
            milliseconds,
            .treated(
                Self.id(number), by: Self.member(name), place ?? Self.place(number), treatment))
    }

    mutating func elect(at milliseconds: Int64, epoch: UInt32 = 2) {
        let place = MasterPlace(group: "broker-a", address: "127.0.0.1:10911")
        self.add(milliseconds, .elected(Election(place, epoch: epoch)))
    }

    var verdict: Verdict {
        Checker.verdict(on: self.events, run: Self.run, feature: self.feature)
    }

    var broken: [Problem.Kind: Int] { self.verdict.broken }
}
