import Chaos
import MessageFormat

/// Writes small histories: two queues, one producer per queue, one group of two consumers.
///
/// Each event happens a millisecond after the one before.
struct HistoryScript {
    static let run = "r1"
    static let topic = "orders"
    static let group = "readers"

    var events: [HistoryEvent] = []

    static func queue(_ id: Int32) -> MessageQueue {
        MessageQueue(topic: Self.topic, brokerName: "broker-a", queueID: id)
    }

    static func place(_ queue: Int32, _ offset: Int64) -> QueuePosition {
        QueuePosition(Self.queue(queue), QueueOffset(offset))
    }

    /// The producer's name is its queue's.
    static func value(_ queue: Int32, _ sequence: Int64, attempt: Int32 = 1) -> ValueID {
        ValueID(client: "\(Self.run)-p\(queue)", sequence: sequence, attempt: attempt)
    }

    static func member(_ queue: Int32) -> Member {
        Member(consumer: "c\(queue)", group: Self.group)
    }

    mutating func add(_ kind: HistoryEvent.Kind) {
        let at = Int64(self.events.count + 1) * 1_000_000
        self.events.append(HistoryEvent(at: Tick(nanoseconds: at), kind))
    }

    mutating func send(_ value: ValueID, _ outcome: SendOutcome, at place: QueuePosition? = nil) {
        self.add(.sendStarted(value, topic: Self.topic))
        self.add(.sendEnded(value, outcome, status: "TEST", place))
    }

    mutating func receive(_ value: ValueID, at place: QueuePosition, by member: Member) {
        self.add(
            .received(Reception(member: member, position: place, content: .value(value))))
        self.add(.ackStarted(by: member, place))
        self.add(.ackEnded(by: member, place, isCertain: true))
    }

    mutating func drain(_ queue: Int32, _ values: [ValueID]) {
        for (offset, value) in values.enumerated() {
            self.add(.drained(Self.place(queue, Int64(offset)), .value(value)))
        }
        self.add(
            .drainEnded(
                Self.queue(queue), min: .zero, max: QueueOffset(Int64(values.count))))
    }

    /// A run without a flaw: `count` messages to each queue, delivered, committed, drained.
    static func flawless(count: Int64 = 4) -> Self {
        var script = Self()
        for queue: Int32 in [0, 1] {
            script.add(.assigned(Self.member(queue), queues: [Self.queue(queue)]))
        }
        for number in 0..<count {
            for queue: Int32 in [0, 1] {
                let value = Self.value(queue, number)
                let place = Self.place(queue, number)
                script.send(value, .acknowledged, at: place)
                script.receive(value, at: place, by: Self.member(queue))
            }
        }
        for queue: Int32 in [0, 1] {
            script.add(.committed(group: Self.group, Self.place(queue, count)))
            script.drain(queue, (0..<count).map { Self.value(queue, $0) })
        }
        return script
    }

    var verdict: Verdict { Checker.verdict(on: self.events, run: Self.run) }

    /// The first event that fits.
    func index(where fits: (HistoryEvent.Kind) -> Bool) -> Int {
        self.events.firstIndex { fits($0.kind) } ?? 0
    }

    mutating func replace(
        _ change: (HistoryEvent.Kind) -> HistoryEvent.Kind?
    ) {
        for index in self.events.indices {
            if let kind = change(self.events[index].kind) { self.events[index].kind = kind }
        }
    }

    mutating func remove(_ unwanted: (HistoryEvent.Kind) -> Bool) {
        self.events.removeAll { unwanted($0.kind) }
    }
}
