import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// END_TRANSACTION: the outcome and what follows from it share one batch, so each transaction ends
// once (`flows.md` §11).
extension BrokerEngine {
    mutating func endTransaction(_ command: ReceivedCommand, from caller: Caller) throws {
        let end = try TransactionEnd(command)
        try self.admit()
        let decision = self.delivery.transactions.end(
            end, confirmed: self.progress.confirmed, at: self.now.wall)
        try self.follow(decision, of: end, from: caller)
    }

    private mutating func follow(
        _ decision: EndDecision, of end: TransactionEnd, from caller: Caller
    ) throws {
        switch decision {
        case .ignore: break
        case .carryOut(.committed, let half):
            self.read(.commit(half, caller), at: half.position)
        case .carryOut(let outcome, let half):
            self.keepTogether(Self.endedRecordBytesMax)
            self.end(half, outcome)
            self.succeedWhenConfirmed(caller)
        case .wait, .inProgress:
            throw Refusal(.systemBusy, "the transaction is on its way; ask again in a moment")
        case .alreadyEnded: self.succeedWhenConfirmed(caller)
        case .lookUp(let position):
            guard position >= .zero, position < self.progress.confirmed else {
                throw Refusal(EndRefusal.noSuchHalf(position))
            }
            self.read(.compare(end, caller), at: position)
        case .refused(let refusal): throw Refusal(refusal)
        }
    }

    /// Whether there ever was a half message where an END says, nobody knew without a look.
    mutating func endForgotten(
        _ end: TransactionEnd, _ half: HalfMessage?, from caller: Caller
    ) {
        do {
            let decision = self.delivery.transactions.endForgotten(end, found: half)
            try self.follow(decision, of: end, from: caller)
        } catch let refusal as Refusal {
            self.refuse(caller, refusal)
        } catch {
            self.refuse(caller, Refusal(.systemError, "\(error)"))
        }
    }

    /// The half message has been read: it goes where its producer sent it.
    mutating func commit(
        _ half: HalfMessage, _ message: StoredMessageView, from caller: Caller
    ) {
        do {
            try self.admit()
            try self.commit(half, message)
            self.succeedWhenConfirmed(caller)
        } catch {
            // It stays open: its producer will be asked, and says the same again.
            self.delivery.transactions.endFailed(half.offset)
            self.refuse(caller, error as? Refusal ?? Refusal(.systemError, "\(error)"))
        }
    }

    private mutating func commit(_ half: HalfMessage, _ message: StoredMessageView) throws {
        let properties = message.properties
        guard self.isSame(half, message), let queue = HalfProperties.queue(of: properties) else {
            throw Refusal(.systemError, "the half message at \(half.position.bytes) is damaged")
        }
        guard self.delivery.topics.config(queue.topic) != nil else {
            throw Refusal(.topicNotExist, "the topic \(queue.topic) was deleted")
        }
        var draft = MessageDraft(copying: message, to: queue, storeHost: self.settings.storeHost)
        draft.systemFlag.subtract(.transactionRollback)
        draft.systemFlag.insert(.transactionCommitted)
        draft.preparedTransactionOffset = half.position.bytes
        self.keepTogether(self.roomToEnd(message))
        _ = try self.placeOrPark(
            draft, body: message.body, properties: HalfProperties.committed(properties))
        self.end(half, .committed)
    }

    /// Says in the log that the transaction is over. Reserve room before.
    mutating func end(_ half: HalfMessage, _ outcome: TransactionOutcome) {
        _ = self.append(self.delivery.transactions.ended(half.offset, outcome))
        self.counters.ended(outcome)
    }

    static let endedRecordBytesMax = StateRecord.headerCount + 16

    /// Bytes that a copy of the half message and the record of its end take together at most.
    func roomToEnd(_ message: StoredMessageView) -> Int {
        message.size + ResourceName.storedTopicBytesMax + HalfProperties.growthMax
            + Self.endedRecordBytesMax
    }
}

extension TransactionEnd {
    init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            halfOffset: QueueOffset(try command.requiredInt64("tranStateTableOffset")),
            position: PhysicalOffset(try command.requiredInt64("commitLogOffset")),
            producerGroup: try command.requiredString("producerGroup"),
            outcome: Self.outcome(commitOrRollback: try command.requiredInt32("commitOrRollback")),
            isFromCheck: try command.bool("fromTransactionCheck") ?? false)
    }
}

extension Refusal {
    fileprivate init(_ refusal: EndRefusal) {
        self.init(ResponseCode(rawValue: refusal.responseCode), refusal.description)
    }
}
