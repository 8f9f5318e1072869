internal import MessageFormat

/// What becomes of a message, or of a batch, that may have come before.
package enum IdempotenceDecision: Hashable, Sendable {
    /// Append it, and say so with `stored`.
    case new
    /// Append nothing; answer with these places once everything that the log holds by now is
    /// confirmed. One for each message of the batch.
    case duplicate([StoredPlace])
    case refused(IdempotenceRefusal)
}

/// Why a message is not stored.
package enum IdempotenceRefusal: Error, Hashable, Sendable {
    /// The producer is done with the number: the network held this message back.
    case tooOld(sequence: Int64, done: Int64)
    case tooManyInFlight(sequence: Int64, done: Int64, windowMax: Int)
    case tooManySessions(limit: Int)
    case tooManyStored(limit: Int)
    /// The messages of a batch do not have one session, one promise and numbers in a row.
    case notInARow
    /// A batch is stored whole or not at all: this one was put together anew.
    case partlyStored

    /// The wire's code: MESSAGE_ILLEGAL, FLOW_CONTROL or SYSTEM_BUSY.
    package var responseCode: Int32 {
        switch self {
        case .tooOld, .notInARow, .partlyStored: 13
        case .tooManyInFlight: 215
        case .tooManySessions, .tooManyStored: 2
        }
    }
}

extension IdempotenceRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooOld(let sequence, let done):
            "the producer is done with all its messages up to \(done) on this queue, number "
                + "\(sequence) comes too late"
        case .tooManyInFlight(let sequence, let done, let windowMax):
            "number \(sequence) lies more than \(windowMax) above \(done), up to which the "
                + "producer is done"
        case .tooManySessions(let limit):
            "\(limit) idempotent producer sessions are known, more are not allowed"
        case .tooManyStored(let limit):
            "\(limit) messages of idempotent producers wait for their end, more are not allowed"
        case .notInARow:
            "the messages of a batch must have one session, one \(PropertyName.sequenceDone) and "
                + "numbers in a row"
        case .partlyStored: "some messages of the batch are stored already, and some are not"
        }
    }
}
