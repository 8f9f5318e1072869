/// One step of a message's way, as a client wrote it down.
public enum TraceRecord: Hashable, Sendable {
    /// A producer's message was stored.
    case sent(Sent)
    /// A consumer was about to handle it.
    case received(Received)
    /// A consumer's handler ended.
    case handled(Handled)
    /// A producer decided about its half message.
    case transactionEnded(TransactionEnded)
    /// A producer took its delayed message back.
    case recalled(Recalled)

    /// What kind of message was sent.
    public enum Kind: Int, Hashable, Sendable {
        /// In the order of their numbers.
        case normal, transactionHalf, transactionCommit, delayed, ordered
    }

    /// How a handler ended.
    public enum Outcome: Int, Hashable, Sendable {
        /// In the order of their numbers.
        case success, timedOut, threw, returnedNothing, failed
    }

    /// A message was stored.
    public struct Sent: Hashable, Sendable {
        /// When it was sent, in milliseconds since 1970 by the producer's clock.
        public var timestamp: Int64
        /// The broker's region, if it named one.
        public var region: String
        /// The group of whoever wrote it.
        public var group: String
        /// Where the message was sent to.
        public var topic: String
        /// The id that its producer gave the message.
        public var messageID: String
        /// The message's tag.
        public var tag = ""
        /// The message's keys, separated by spaces.
        public var keys = ""
        /// The broker's address.
        public var storeHost: String
        /// As it was sent: compressed, perhaps.
        public var bodyBytes: Int
        /// From the first attempt to the acknowledgement.
        public var milliseconds: Int64
        /// What kind of message it is.
        public var kind = Kind.normal
        /// The id under which its broker finds it.
        public var offsetMessageID: String
        /// Whether it succeeded.
        public var succeeded = true
    }

    /// A message was about to be handled.
    public struct Received: Hashable, Sendable {
        /// When, in milliseconds since 1970.
        public var timestamp: Int64
        /// The broker's region, if it named one.
        public var region: String
        /// The group of whoever wrote it.
        public var group: String
        /// The same in the `Handled` that belongs to it.
        public var requestID: String
        /// The id that its producer gave the message.
        public var messageID: String
        /// How often its handling had failed before.
        public var reconsumeTimes: Int
        /// The message's keys, separated by spaces.
        public var keys = ""
    }

    /// A message's handler ended.
    public struct Handled: Hashable, Sendable {
        /// Names the handling of the message.
        public var requestID: String
        /// The id that its producer gave the message.
        public var messageID: String
        /// How long it took.
        public var milliseconds: Int64
        /// Whether it succeeded.
        public var succeeded: Bool
        /// The message's keys, separated by spaces.
        public var keys = ""
        /// How it ended.
        public var outcome: Outcome
        /// When the handler ended; old clients do not say.
        public var timestamp: Int64?
        /// The group of whoever wrote it.
        public var group: String?
    }

    /// A half message was decided about.
    public struct TransactionEnded: Hashable, Sendable {
        /// When, in milliseconds since 1970.
        public var timestamp: Int64
        /// The broker's region, if it named one.
        public var region: String
        /// The group of whoever wrote it.
        public var group: String
        /// Where the message was sent to.
        public var topic: String
        /// The id that its producer gave the message.
        public var messageID: String
        /// The message's tag.
        public var tag = ""
        /// The message's keys, separated by spaces.
        public var keys = ""
        /// The broker's address.
        public var storeHost: String
        /// The same as the message's id.
        public var transactionID: String
        /// How it ended.
        public var outcome: TransactionOutcome
        /// Whether a broker had to ask.
        public var wasAsked: Bool
    }

    /// A delayed message was taken back, or could not be.
    public struct Recalled: Hashable, Sendable {
        /// When, in milliseconds since 1970.
        public var timestamp: Int64
        /// The broker's region, if it named one.
        public var region: String
        /// The group of whoever wrote it.
        public var group: String
        /// Where the message was sent to.
        public var topic: String
        /// The id that its producer gave the message.
        public var messageID: String
        /// Whether it succeeded.
        public var succeeded: Bool
    }

    /// The id that its producer gave the message.
    public var messageID: String {
        switch self {
        case .sent(let record): record.messageID
        case .received(let record): record.messageID
        case .handled(let record): record.messageID
        case .transactionEnded(let record): record.messageID
        case .recalled(let record): record.messageID
        }
    }

    /// By the clock of whoever wrote it; nil if that was not written.
    public var timestamp: Int64? {
        switch self {
        case .sent(let record): record.timestamp
        case .received(let record): record.timestamp
        case .handled(let record): record.timestamp
        case .transactionEnded(let record): record.timestamp
        case .recalled(let record): record.timestamp
        }
    }
}
