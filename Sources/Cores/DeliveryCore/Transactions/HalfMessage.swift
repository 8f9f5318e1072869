package import MessageFormat

/// A transactional message that its producer has not decided about: stored, and invisible.
///
/// Everything is read from the stored message itself, so a broker that replays the log knows the
/// same as the one that appended it. The unique key and the body stay in the log: who asks a
/// producer or delivers the message reads it there.
package struct HalfMessage: Hashable, Sendable {
    /// Its place in queue 0 of the half topic.
    package var offset: QueueOffset
    package var position: PhysicalOffset
    package var size: Int
    package var producerGroup: String
    /// When the broker stored it: ages are measured by brokers' clocks, not by producers'.
    package var stored: Timestamp
    /// CHECK_IMMUNITY_TIME_IN_SECONDS; nil if the producer set none, 0 if nobody can read it.
    package var immunitySeconds: UInt32?

    package init(
        offset: QueueOffset, position: PhysicalOffset, size: Int, producerGroup: String,
        stored: Timestamp, immunitySeconds: UInt32? = nil
    ) {
        self.offset = offset
        self.position = position
        self.size = size
        self.producerGroup = producerGroup
        self.stored = stored
        self.immunitySeconds = immunitySeconds
    }

    /// Nil for every message that is not a half one.
    package init?(_ message: StoredMessageView, at position: PhysicalOffset) {
        guard message.topicBytes.elementsEqual(SystemTopic.half.utf8) else { return nil }
        let properties = message.properties
        self.init(
            offset: message.queueOffset, position: position, size: message.size,
            producerGroup: properties[PropertyName.producerGroup] ?? "",
            stored: message.storeTimestamp,
            immunitySeconds: Self.immunity(properties[PropertyName.checkImmunitySeconds]))
    }

    package static func immunity(_ property: String?) -> UInt32? {
        property.map { text in
            guard let seconds = Int64(text), seconds > 0 else { return 0 }
            return UInt32(clamping: seconds)
        }
    }
}

extension PropertyName {
    /// How long a producer wants to be left alone before it is asked about its half message.
    package static let checkImmunitySeconds = "CHECK_IMMUNITY_TIME_IN_SECONDS"
}

extension Timestamp {
    /// How long ago `earlier` was; clocks and disks may claim anything.
    func since(_ earlier: Timestamp) -> Duration {
        let (age, overflow) = self.milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return .milliseconds(overflow ? (self < earlier ? Int64.min : Int64.max) : age)
    }
}
