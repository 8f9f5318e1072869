package import MessageFormat

/// Names of the properties by which clients ask for a delay and brokers remember it
/// (`messages.md` §2).
package enum DelayProperty: CaseIterable, Sendable {
    case level
    case seconds
    case milliseconds
    case deliverAt
    case cancels
    case due
    case realTopic
    case realQueueID

    package var name: String { "\(self.text)" }

    private var text: StaticString {
        switch self {
        case .level: "DELAY"
        case .seconds: "TIMER_DELAY_SEC"
        case .milliseconds: "TIMER_DELAY_MS"
        case .deliverAt: "TIMER_DELIVER_MS"
        case .cancels: "TIMER_DEL_UNIQKEY"
        case .due: "TIMER_OUT_MS"
        case .realTopic: "REAL_TOPIC"
        case .realQueueID: "REAL_QID"
        }
    }

    func equals(_ bytes: UnsafeRawBufferPointer) -> Bool { PropertyScan.equal(bytes, self.text) }
}

extension MessageProperties {
    /// The inputs of a timer, which a delay level overrides and a retry must not inherit.
    mutating func removeTimers() {
        for property in [DelayProperty.seconds, .milliseconds, .deliverAt, .cancels] {
            self[property.name] = nil
        }
    }
}

/// The queue of parked messages, and what a parked message carries.
///
/// A message that fires is put again with its properties as they are: the texts of `DELAY`,
/// `TIMER_*`, `REAL_TOPIC` and `REAL_QID` stay, as consumers of the originals see them, and have no
/// effect any more. Only topic, queue, offsets and store timestamp change.
package enum DelayParking {
    package static let topic = "rmq_sys_wheel_timer"
    package static let queue = QueueKey(topic: Self.topic, queueID: 0)

    /// The properties under which a message waits. Check their length afterwards: they have grown.
    package static func properties(
        _ properties: MessageProperties, topic: String, queueID: Int32, due: Timestamp
    ) -> MessageProperties {
        var parked = properties
        if let level = parked[DelayProperty.level.name].flatMap(Int64.init), level > 0 {
            parked.removeTimers()
        }
        parked[DelayProperty.realTopic.name] = topic
        parked[DelayProperty.realQueueID.name] = String(queueID)
        parked[DelayProperty.due.name] = String(due.milliseconds)
        return parked
    }

    /// When a parked message is due. Nil: it carries no time, so it is damaged.
    package static func due(of properties: UnsafeRawBufferPointer) -> Timestamp? {
        Self.last(.due, in: properties).flatMap(Int64.init).map { Timestamp(milliseconds: $0) }
    }

    /// Where a parked message goes. Nil: it names no queue, so it is damaged.
    package static func destination(of properties: UnsafeRawBufferPointer) -> QueueKey? {
        guard let topic = Self.last(.realTopic, in: properties),
            ResourceName.problem(withTopic: topic) == nil,
            let queueID = Self.last(.realQueueID, in: properties).flatMap(Int32.init), queueID >= 0
        else { return nil }
        return QueueKey(topic: topic, queueID: queueID)
    }

    private static func last(
        _ property: DelayProperty, in properties: UnsafeRawBufferPointer
    ) -> String? {
        var found: String?
        PropertyScan.forEach(in: properties) { name, value in
            if property.equals(name) { found = String(decoding: value, as: UTF8.self) }
        }
        return found
    }
}
