package import MessageFormat

/// A dead letter as it is sent again: to the topic that it came from, as if nothing had happened.
///
/// Its producer's properties stay, its unique key among them, and where it was stored first
/// (ORIGIN_MESSAGE_ID). What retries and delays left in it goes, so that its tries are counted from
/// the beginning. So do its producer's numbers: this is no resend of the producer's.
package struct DeadLetterReplay: Hashable, Sendable {
    private static let originTopicOfProxies = "DLQ_ORIGIN_TOPIC"
    private static let originIDOfProxies = "DLQ_ORIGIN_MESSAGE_ID"
    private static let bookkeeping: Set<String> = [
        PropertyName.retryTopic, PropertyName.reconsumeTime, PropertyName.maxReconsumeTimes,
        PropertyName.delayLevel, PropertyName.waitForStore, PropertyName.realTopic,
        PropertyName.realQueueID, PropertyName.popCheckpoint, PopReturn.firstPopTime,
        DeadLetterReplay.originTopicOfProxies, DeadLetterReplay.originIDOfProxies,
    ]
    private static let prefixes = ["APUS_DLQ_", "APUS_SEQ", "TIMER_"]

    package let topic: String
    package let properties: MessageProperties

    /// Nil: the letter does not say where it came from.
    ///
    /// - Parameter messageID: the letter's own, for one that came here without having been tried.
    package init?(_ letter: MessageProperties, messageID: String, at now: Timestamp) {
        guard
            let topic = DeadLetterNote(letter)?.originTopic ?? letter[PropertyName.retryTopic]
                ?? letter[Self.originTopicOfProxies]
        else { return nil }
        var properties = MessageProperties()
        for pair in letter.pairs where !Self.isBookkeeping(pair.name) {
            properties[pair.name] = pair.value
        }
        if properties[PropertyName.originMessageID] == nil {
            properties[PropertyName.originMessageID] =
                letter[Self.originIDOfProxies] ?? messageID
        }
        properties[DeadLetterNote.Name.replayedAt] = String(now.milliseconds)
        self.topic = topic
        self.properties = properties
    }

    private static func isBookkeeping(_ name: String) -> Bool {
        Self.bookkeeping.contains(name) || Self.prefixes.contains { name.hasPrefix($0) }
    }
}
