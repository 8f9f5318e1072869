package import ClientCore
package import MessageFormat

/// One message on its way out.
package struct OutgoingMessage: Hashable, Sendable {
    package var body: [UInt8]
    package var properties: MessageProperties {
        didSet { self.propertiesText = self.properties.wireText }
    }
    /// The properties in the wire's form: made once, on the thread of whoever sends.
    package private(set) var propertiesText: String
    package var flag: Int32
    /// How the body is compressed, if it is.
    package var compression: SystemFlag = []
    /// The value of its `UNIQ_KEY`: the id by which its user knows it.
    package var uniqueKey: String

    package init(
        body: [UInt8], properties: MessageProperties, uniqueKey: String, flag: Int32 = 0,
        compression: SystemFlag = []
    ) {
        var properties = properties
        properties[PropertyName.uniqueKey] = uniqueKey
        self.body = body
        self.properties = properties
        self.propertiesText = properties.wireText
        self.uniqueKey = uniqueKey
        self.flag = flag
        self.compression = compression
    }
}

/// What one call of the user sends: a message, or a batch that lands on one queue as a whole.
///
/// Immutable, and a class because it is handed on many times on its way.
package final class OutgoingSend: Sendable {
    /// Where it is to go.
    package enum Placement: Hashable, Sendable {
        case anyQueue
        case queue(MessageQueue)
        /// The queue that belongs to a sharding key.
        case key(String)
    }

    /// What the broker does with it besides storing it.
    package enum Kind: Hashable, Sendable {
        case plain
        /// Becomes visible later.
        case delayed
        /// Becomes visible when its transaction is committed.
        case half
        /// Is pushed to the client that asked.
        case reply
    }

    package let topic: String
    package let messages: [OutgoingMessage]
    package let kind: Kind
    package let isBatch: Bool
    package let placement: Placement
    package let isOneWay: Bool

    package init(
        topic: String, messages: [OutgoingMessage], kind: Kind = .plain, isBatch: Bool = false,
        placement: Placement = .anyQueue, isOneWay: Bool = false
    ) {
        self.topic = topic
        self.messages = messages
        self.kind = kind
        self.isBatch = isBatch
        self.placement = placement
        self.isOneWay = isOneWay
    }

    package func replacing(messages: [OutgoingMessage]) -> OutgoingSend {
        OutgoingSend(
            topic: self.topic, messages: messages, kind: self.kind, isBatch: self.isBatch,
            placement: self.placement, isOneWay: self.isOneWay)
    }

    var systemFlag: SystemFlag {
        let transaction: SystemFlag = self.kind == .half ? .transactionPrepared : []
        // The members of a batch have one flag together.
        guard !self.isBatch, let compression = self.messages.first?.compression else {
            return transaction
        }
        return transaction.union(compression)
    }
}

/// Names one `OutgoingSend` until its result.
package struct SendID: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// One attempt: put these messages into a request and send it to this address.
package struct Transmission: Sendable {
    package var id: SendID
    /// From 1.
    package var attempt: Int
    package var send: OutgoingSend
    package var queue: MessageQueue
    package var address: String
    package var timeout: Duration
    /// The numbers by which the broker recognizes a repetition.
    package var stamps: IdempotentStamps?

    /// The messages with their numbers. Interceptors see them before.
    package func stamped(_ send: OutgoingSend) -> OutgoingSend {
        guard let stamps = self.stamps else { return send }
        var messages = send.messages
        for index in messages.indices {
            var properties = messages[index].properties
            stamps.write(to: &properties, at: index)
            // Readers find no order and no completeness in what becomes visible later, or never.
            if send.kind != .plain { properties[PropertyName.sequenceDecided] = nil }
            messages[index].properties = properties
        }
        return send.replacing(messages: messages)
    }
}

/// What the user hears.
package enum SendResult: Hashable, Sendable {
    case acknowledged(SendAcknowledgement, queue: MessageQueue, attempts: Int)
    /// Nobody knows more: that is what one-way means.
    case sentOneWay(queue: MessageQueue)
    case failed(SendFailure)
}

package struct SendFailure: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// The last attempt, with its outcome.
        case attempt(AttemptFailure)
        /// Neither the topic nor a template for it exists.
        case topicNotFound
        /// The topic, or the chosen queue's broker, has no master that is up.
        case noRoute
        /// No name server could be asked where the topic is.
        case noNameServer(reason: String)
        case closed
    }

    package var cause: Cause
    package var topic: String
    /// Where the last attempt went.
    package var address: String?
    package var attempts: Int
    package var isDeadlineOver: Bool
    package var mayHaveBeenStored: Bool
}
