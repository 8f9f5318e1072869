/// One attempt to send one message, before it leaves. A retry is a new attempt.
public struct SendAttempt: Sendable {
    /// The same for all attempts of a message.
    public let messageID: String
    /// The message's topic.
    public let topic: String
    /// Where this attempt goes. Another attempt may go elsewhere.
    public let queue: TopicQueue
    /// The broker's address.
    public let address: String
    /// From 1.
    public let number: Int
    /// Changes count for this attempt only.
    public var body: [UInt8]
    /// Whether the body is compressed with zlib. Whoever replaces it says whether the new one is.
    public var isCompressed = false
    /// What other interceptors and the producer have set is here too. Nil removes a property.
    public var properties: [String: String?] = [:]
}

/// Sees every attempt before it leaves and every result.
///
/// Called on the producer's event loop, in the order in which messages leave: attempts on one queue
/// reach its broker in the order of these calls. Must not block.
public protocol SendInterceptor: Sendable {
    /// The queue is chosen; the message is about to leave.
    func willSend(_ attempt: inout SendAttempt)
    /// The last attempt is over. One-way messages have no result.
    func didSend(messageID: String, result: Result<SendReceipt, ApusClientError>)
}

extension SendInterceptor {
    public func willSend(_ attempt: inout SendAttempt) {}
    public func didSend(messageID: String, result: Result<SendReceipt, ApusClientError>) {}
}
