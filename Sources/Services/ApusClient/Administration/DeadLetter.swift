import ClientEngine
import MessageFormat

/// A message that a consumer group gave up, and why.
public struct DeadLetter: Sendable {
    /// As it lies in the group's topic of dead letters.
    public let message: ReceivedMessage
    /// The group that gave it up.
    public let group: String
    /// The topic that it came from.
    public let originTopic: String?
    /// How often it was delivered. Nil, as all that follows, if another server let it die.
    public let attempts: Int?
    /// Client id of the consumer that gave it up.
    public let consumer: String?
    /// What its handler threw last, up to 1,024 bytes of it.
    public let error: String?
    /// In milliseconds since 1970, by its broker's clock.
    public let diedAt: Int64
    /// Whether it was sent again.
    public let isReplayed: Bool

    init(_ message: ReceivedMessage, group: String, isReplayed: Bool) {
        let note = DeadLetterNote(message.inbound.properties)
        self.message = message
        self.group = group
        self.originTopic =
            note?.originTopic ?? message.inbound.properties[PropertyName.retryTopic]
        self.attempts = note.map { Int($0.attempts) }
        self.consumer = note?.consumer
        self.error = note?.error
        self.diedAt = note?.time.milliseconds ?? message.storeTimestamp
        self.isReplayed = isReplayed
    }
}

/// Which dead letters are wanted: those to which everything applies that is set.
public struct DeadLetterFilter: Hashable, Sendable {
    /// The topic that it came from.
    public var topic: String?
    /// One of its keys.
    public var key: String?
    /// Part of the error's text, in capitals or not.
    public var error: String?
    /// When it died, in milliseconds since 1970.
    public var since: Int64?
    /// It died before.
    public var until: Int64?
    /// Also those that were sent again.
    public var includesReplayed = false

    public init() {}

    /// Whether everything applies to the letter that is set.
    public func matches(_ letter: DeadLetter) -> Bool {
        if letter.isReplayed, !self.includesReplayed { return false }
        if let topic = self.topic, letter.originTopic != topic { return false }
        if let key = self.key, !letter.message.keys.contains(key) { return false }
        if let since = self.since, letter.diedAt < since { return false }
        if let until = self.until, letter.diedAt >= until { return false }
        guard let error = self.error else { return true }
        return letter.error?.lowercased().contains(error.lowercased()) ?? false
    }
}

/// What a consumer group has of dead letters, on all brokers.
public struct DeadLetterSummary: Hashable, Sendable {
    /// The group's name.
    public var group: String
    /// Neither sent again nor purged.
    public var waiting: Int64
    /// How many ever were sent again.
    public var replayed: Int64
    /// When the last one was, in milliseconds since 1970.
    public var lastReplayedAt: Int64?
    /// When some were purged last, in milliseconds since 1970.
    public var lastPurgedAt: Int64?
}
