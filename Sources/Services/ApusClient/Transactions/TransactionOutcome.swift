/// How a transaction ended.
public enum TransactionOutcome: Hashable, Sendable {
    /// Consumers get the message.
    case commit
    /// Nobody ever gets it.
    case rollback
    /// Not known yet: the broker asks again later, a limited number of times.
    case unknown
}

/// Finds out how the transaction of a message ended: what the local work has left behind says it.
///
/// Asked for transactions of every producer of the group, also for those of a process that died.
public typealias TransactionChecker =
    @Sendable (ReceivedMessage) async throws -> TransactionOutcome

/// What became of a message that was sent in a transaction.
public struct TransactionReceipt: Hashable, Sendable {
    /// Where the broker keeps the message until the transaction ends. `messageID` is the
    /// transaction's id, too.
    public var receipt: SendReceipt
    /// What the local work returned.
    public var outcome: TransactionOutcome
    /// Whether the broker has confirmed the outcome. Otherwise it will ask, and be answered the
    /// same.
    public var isConfirmed: Bool
}
