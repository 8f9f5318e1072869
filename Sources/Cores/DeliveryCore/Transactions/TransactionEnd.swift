package import MessageFormat

/// How a transaction ended. The numbers stand in the log.
package enum TransactionOutcome: UInt8, Hashable, Sendable, CaseIterable {
    case committed = 1
    case rolledBack = 2
    /// Nobody decided: the message lies where an operator finds it.
    case givenUp = 3
}

/// What END_TRANSACTION asks for.
package struct TransactionEnd: Hashable, Sendable {
    /// tranStateTableOffset: the half message's place in the half queue.
    package var halfOffset: QueueOffset
    /// commitLogOffset.
    package var position: PhysicalOffset
    package var producerGroup: String
    /// Nil: the producer does not know (yet).
    package var outcome: TransactionOutcome?
    /// It answers a question of the broker's.
    package var isFromCheck: Bool

    package init(
        halfOffset: QueueOffset, position: PhysicalOffset, producerGroup: String,
        outcome: TransactionOutcome?, isFromCheck: Bool
    ) {
        self.halfOffset = halfOffset
        self.position = position
        self.producerGroup = producerGroup
        self.outcome = outcome
        self.isFromCheck = isFromCheck
    }

    /// commitOrRollback: 8, 12; every other number says "unknown".
    package static func outcome(commitOrRollback code: Int32) -> TransactionOutcome? {
        switch code {
        case 8: .committed
        case 12: .rolledBack
        default: nil
        }
    }
}

/// What becomes of an END_TRANSACTION.
package enum EndDecision: Hashable, Sendable {
    /// The producer does not know: nothing happens, nothing is answered.
    case ignore
    /// Read the half message, append what the outcome demands, and call `ended` or `endFailed`.
    case carryOut(TransactionOutcome, HalfMessage)
    /// The half message itself is not confirmed yet: ask again when the log is confirmed up to here.
    case wait(until: PhysicalOffset)
    /// Another END with the same outcome is being carried out; its success is not certain yet.
    case inProgress
    /// Done before. A success, once everything that the log holds by now is confirmed.
    case alreadyEnded
    /// Nothing is remembered: read the message at this position, then call `endForgotten`.
    case lookUp(PhysicalOffset)
    case refused(EndRefusal)
}

/// Why an END_TRANSACTION is refused.
package enum EndRefusal: Error, Hashable, Sendable {
    case notMaster
    /// At the position lies no half message.
    case noSuchHalf(PhysicalOffset)
    case wrongGroup(named: String)
    case wrongPlace(halfOffset: QueueOffset, position: PhysicalOffset)
    /// A commit after a rollback, or the other way round: somebody believes in the wrong outcome.
    case endedOtherwise(TransactionOutcome)
    /// From here on only the answer to a question counts.
    case late(age: Duration, immunity: Duration)

    /// The wire's code: SLAVE_NOT_AVAILABLE, SYSTEM_ERROR or ILLEGAL_OPERATION.
    package var responseCode: Int32 {
        switch self {
        case .notMaster: 11
        case .late: 604
        default: 1
        }
    }
}

extension EndRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notMaster: "this broker is not the master: it ends no transactions"
        case .noSuchHalf(let position): "no half message lies at \(position.bytes)"
        case .wrongGroup(let group):
            "the half message was not sent by the producer group \(group)"
        case .wrongPlace(let offset, let position):
            "the half message with queue offset \(offset.value) does not lie at \(position.bytes)"
        case .endedOtherwise(let outcome): "the transaction has ended before: \(outcome)"
        case .late(let age, let immunity):
            "the half message is \(age) old, its producer's time of \(immunity) is over: only the "
                + "answer to a check counts"
        }
    }
}

/// Why no further transaction can be opened.
package enum OpenRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case tooManyOpen(limit: Int)
    case tooManyGroups(limit: Int)
    /// PGROUP is missing or too long: nobody could be asked about the message.
    case illegalGroup(bytes: Int)

    package var description: String {
        switch self {
        case .tooManyOpen(let limit): "\(limit) transactions are open, more are not allowed"
        case .tooManyGroups(let limit):
            "\(limit) producer groups have open transactions, more are not allowed"
        case .illegalGroup(let bytes):
            "a half message names its producer group in 1 to \(ResourceName.groupBytesMax) bytes, "
                + "not \(bytes)"
        }
    }
}
