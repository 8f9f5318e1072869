/// Sees what a consumer receives, before its user does.
///
/// Called on the consumer's event loop. Must not block.
public protocol ReceiveInterceptor: Sendable {
    /// The consumer reads this queue from now on.
    func didAssign(_ queue: TopicQueue)
    /// The consumer does not read this queue any more.
    func didRevoke(_ queue: TopicQueue)
    /// Messages arrived, in the order of their offsets. Redelivery within this consumer is not
    /// seen here.
    func didReceive(_ messages: [ReceivedMessage], from queue: TopicQueue)
}

extension ReceiveInterceptor {
    public func didAssign(_ queue: TopicQueue) {}
    public func didRevoke(_ queue: TopicQueue) {}
    public func didReceive(_ messages: [ReceivedMessage], from queue: TopicQueue) {}
}
